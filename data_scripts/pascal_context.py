"""Fetch PASCAL-Context: `python data_scripts/pascal_context.py --root DIR`.

The folder then holds VOCdevkit/VOC2010, 59_context_labels, 33_context_labels and a contact sheet with background.
"""

from collections.abc import Sequence
from functools import partial

from _common import get_ready

from pixelnet_edu.data.pascal_context import LABEL_SETS, PascalContext
from pixelnet_edu.data.reading import color_map
from pixelnet_edu.tasks import SemanticSegmentation

LABEL_SET = "59+background"


def main(arguments: Sequence[str] | None = None) -> None:
    """Get the data set ready."""
    classes = LABEL_SETS[LABEL_SET]
    task = SemanticSegmentation(classes, color_map(len(classes)))
    get_ready(["context"], partial(PascalContext, label_set=LABEL_SET), ["train", "val"], task, __doc__, arguments)


if __name__ == "__main__":
    main()
