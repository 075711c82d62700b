"""NYU Depth v2 in small: the three official files with the official structure, and what each frame holds.

Every frame shows one plane, so its normal is known; everything follows from the number of the frame.
"""

from pathlib import Path

import numpy as np
from scipy.io import savemat

HEIGHT, WIDTH = 48, 64
NUMBER = 6
SPLITS = {"train": [0, 2, 3, 5], "test": [1, 4]}
INTRINSICS = 51.8857901, 51.9469611, 32.1082449, 24.9236166  # a tenth of the full size's: (c + 0.5) / 10 - 0.5
HOLE, NOT_A_NUMBER = (20, 30), (25, 40)  # (row, column) of the first frame


def image_of(index: int) -> np.ndarray:
    """Return smooth colours, (H, W, 3) uint8."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([40 * index + x / 2, 3 * x, 4 * y], -1).astype(np.uint8)


def normal_of(index: int) -> np.ndarray:
    """Return the normal of the plane, (3,), tilted by up to 50 degrees."""
    azimuth, tilt = np.deg2rad(70 * index), np.deg2rad(10 * index)
    return np.array([np.cos(azimuth) * np.sin(tilt), np.sin(azimuth) * np.sin(tilt), -np.cos(tilt)])


def depth_of(index: int) -> np.ndarray:
    """Return metres, (H, W) float32; the first frame has a hole and a pixel that is no number."""
    fx, fy, cx, cy = INTRINSICS
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], -1)
    depth = (-2.5 / (rays @ normal_of(index))).astype(np.float32)
    if index == 0:
        depth[HOLE], depth[NOT_A_NUMBER] = 0, np.nan
    return depth


def raw_labels_of(index: int) -> np.ndarray:
    """Return stripes of the 894 classes, with 0 for unlabelled, (H, W) uint16."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((x // 4 + 100 * index + 16 * (y // 6)) % 895).astype(np.uint16)


def mapping() -> np.ndarray:
    """Return what each class of 1 to 894 becomes, 1 to 40, (894,)."""
    return (np.arange(894) * 7) % 40 + 1


def nyud(root: Path) -> None:
    """Write nyu_depth_v2_labeled.mat, splits.mat and classMapping40.mat."""
    import h5py

    root.mkdir(parents=True, exist_ok=True)
    images, depths, labels = (
        np.stack([frame(k) for k in range(NUMBER)]) for frame in (image_of, depth_of, raw_labels_of)
    )
    with h5py.File(root / "nyu_depth_v2_labeled.mat", "w") as file:  # MATLAB stores the last axis first
        file["images"] = images.transpose(0, 3, 2, 1)
        file["depths"], file["labels"] = depths.transpose(0, 2, 1), labels.transpose(0, 2, 1)
    indices = {f"{split}Ndxs": np.array(frames, np.uint16)[:, None] + 1 for split, frames in SPLITS.items()}
    savemat(root / "splits.mat", indices)
    names = np.array([f"class {k}" for k in range(1, 41)], dtype=object)[None]
    savemat(root / "classMapping40.mat", {"mapClass": mapping()[None], "className": names})
