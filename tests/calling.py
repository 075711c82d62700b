"""The command in this process, and a folder of photographs for it."""

import sys

import numpy as np
import pytest
from PIL import Image

from pixelnet_edu import cli


def call(*arguments):
    """Run the command in this process; return its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["pixelnet", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code or 0
    return 0


def make_camvid(root):
    """Make a tree of CamVid's layout: the class of a pixel is its brightness."""
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for k in range(5):
            labels = np.kron(rng.integers(0, 11, (6, 8)), np.ones((8, 8))).astype(np.uint8)
            for folder, array in ((split, np.repeat(labels[..., None] * 23, 3, 2)), (f"{split}annot", labels)):
                (root / folder).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array.astype(np.uint8)).save(root / folder / f"{k}.png")
    return root
