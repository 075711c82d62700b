"""Fetch CamVid in the layout of the SegNet tutorial: `python data_scripts/camvid.py --root DIR`.

The folder then holds train, trainannot, val, valannot, test, testannot and a contact sheet.
"""

from collections.abc import Sequence

from _common import get_ready

from pixelnet_edu.data.camvid import CamVid
from pixelnet_edu.tasks import SemanticSegmentation


def main(arguments: Sequence[str] | None = None) -> None:
    """Get the data set ready."""
    task = SemanticSegmentation(CamVid.classes, CamVid.palette)
    get_ready(["camvid"], CamVid, ["train", "val", "test"], task, __doc__, arguments)


if __name__ == "__main__":
    main()
