"""Fetch NYU Depth v2, the labelled part: `python data_scripts/nyud.py --root DIR`.

The folder then holds train and test, with photographs, depths in millimetres and labels, and a contact sheet.
"""

from collections.abc import Sequence

from _common import get_ready

from pixelnet_edu.data.nyud import NYUDepthV2
from pixelnet_edu.tasks import SurfaceNormals


def main(arguments: Sequence[str] | None = None) -> None:
    """Get the data set ready."""
    task = SurfaceNormals()
    get_ready(["nyud"], NYUDepthV2, ["train", "test"], task, __doc__, arguments)


if __name__ == "__main__":
    main()
