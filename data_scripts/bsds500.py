"""Fetch BSDS500: `python data_scripts/bsds500.py --root DIR`.

The folder then holds images, groundTruth and a contact sheet.
"""

from collections.abc import Sequence

from _common import get_ready

from pixelnet_edu.data.bsds import BSDS500
from pixelnet_edu.tasks import EdgeDetection


def main(arguments: Sequence[str] | None = None) -> None:
    """Get the data set ready."""
    task = EdgeDetection()
    get_ready(["bsds500"], BSDS500, ["train", "val", "test"], task, __doc__, arguments)


if __name__ == "__main__":
    main()
