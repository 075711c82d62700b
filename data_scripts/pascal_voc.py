"""Fetch PASCAL VOC 2012: `python data_scripts/pascal_voc.py --root DIR`.

The folder then holds VOCdevkit/VOC2012 and a contact sheet. `data_scripts/sbd.py` with the same root adds SBD's labels.
"""

from collections.abc import Sequence

from _common import get_ready

from pixelnet_edu.data.pascal import PascalVOC
from pixelnet_edu.tasks import SemanticSegmentation


def main(arguments: Sequence[str] | None = None) -> None:
    """Get the data set ready."""
    task = SemanticSegmentation(PascalVOC.classes, PascalVOC.palette)
    get_ready(["voc"], PascalVOC, ["train", "val", "trainval"], task, __doc__, arguments)


if __name__ == "__main__":
    main()
