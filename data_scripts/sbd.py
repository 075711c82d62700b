"""Fetch SBD, and PASCAL VOC 2012 if it is missing: `python data_scripts/sbd.py --root DIR`.

The folder then holds benchmark_RELEASE/dataset beside VOCdevkit/VOC2012, which is what the split train_aug is made of.
"""

from collections.abc import Sequence

from _common import get_ready

from pixelnet_edu.data.pascal import PascalVOC
from pixelnet_edu.tasks import SemanticSegmentation


def main(arguments: Sequence[str] | None = None) -> None:
    """Get the data set ready."""
    task = SemanticSegmentation(PascalVOC.classes, PascalVOC.palette)
    get_ready(["voc", "sbd"], PascalVOC, ["train_aug"], task, __doc__, arguments)


if __name__ == "__main__":
    main()
