"""NYU Depth v2 in its official .mat file: reading it frame by frame, and writing its frames as images.

Source: Silberman et al., ECCV 2012. ``nyu_depth_v2_labeled.mat`` is HDF5 (MATLAB 7.3), so its axes are turned round:
images (N, 3, W, H) uint8, depths (N, W, H) in metres, labels (N, W, H) with 0 for unlabelled and 1 to 894.
``splits.mat`` lists the frames of both splits, counted from 1; ``classMapping40.mat`` turns the 894 classes into the 40
of Gupta et al., CVPR 2013.

Frames: ``NNNN_rgb.jpg`` (or .png); ``NNNN_depth.png``, 16 bits, millimetres, 0 for a hole; ``NNNN_labels.png``, 0 to 39
and 255 for void. NNNN is the frame's number in the .mat, counted from 0.

Shapes: N frames, H x W pixels.
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from pixelnet_edu import VOID
from pixelnet_edu.checks import unexpected
from pixelnet_edu.data.matlab import read_mat
from pixelnet_edu.data.reading import existing, repeated, write_whole

if TYPE_CHECKING:
    import h5py

MAT, SPLITS, MAPPING = "nyu_depth_v2_labeled.mat", "splits.mat", "classMapping40.mat"
DATASETS = ("images", "depths", "labels")
INDICES = {"train": "trainNdxs", "test": "testNdxs"}
NUM_CLASSES, NUM_RAW_CLASSES = 40, 894
PLAUSIBLE_MEDIAN = 0.1, 20.0  # metres; rooms are neither smaller nor larger
HIGHEST = 2**16 - 1  # millimetres in 16 bits


class MatFrames:
    """One split of the official .mat file, read one frame at a time, from any number of processes.

    Parameters
    ----------
    mat, splits : path
        ``nyu_depth_v2_labeled.mat`` and ``splits.mat``.
    mapping : path, optional
        ``classMapping40.mat``; without it there are no labels.
    split : "train" or "test"
        Which part.

    Raises
    ------
    ImportError
        Without h5py.
    ValueError
        If a file is laid out in another way than the official one.
    FileNotFoundError
        If there is no such file.
    """

    def __init__(self, mat: Path, splits: Path, mapping: Path | None, split: str) -> None:
        self.path = existing(mat, f"the labelled part of NYU Depth v2, {MAT}", "file")
        with _open_hdf5(mat) as file:
            _check_layout(mat, file)
            number = len(file["images"])
        self.indices = read_split(splits, split, number)
        self.names = [f"{index:04d}" for index in self.indices]
        self.classes = None if mapping is None else read_mapping(mapping)

    def read(self, index: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the photograph (3, H, W) in [0, 1], depth (H, W) in metres, labels (H, W), 255 for void, or None."""
        where = f"{self.path}, frame {self.names[index]}"
        image, depth, labels = self._arrays(where, self.indices[index])
        depth = torch.from_numpy(np.where(np.isfinite(depth) & (depth > 0), depth, 0).astype(np.float32))
        check_depth(where, depth)
        if self.classes is None:
            return torch.from_numpy(image).float() / 255, depth, None
        if labels.max() > NUM_RAW_CLASSES:
            raise unexpected(where, f"label {labels.max()}", f"0 to {NUM_RAW_CLASSES}")
        return torch.from_numpy(image).float() / 255, depth, torch.from_numpy(self.classes[labels])

    def _arrays(self, where: str, index: int) -> list[np.ndarray]:
        """Read one frame of each dataset, with the last two axes turned from (W, H) to (H, W).

        The file is opened anew, a millisecond, because HDF5 must not be open while a process forks.
        """
        try:
            with _open_hdf5(self.path) as file:
                return [np.ascontiguousarray(file[name][index].swapaxes(-1, -2)) for name in DATASETS]
        except OSError as error:
            raise ValueError(f"{where}: cannot be read ({error}); take the original file") from error


def _open_hdf5(path: Path) -> "h5py.File":
    """Open a MATLAB 7.3 file with h5py."""
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"{path}: found no package h5py, which reads it; `pip install pooch h5py`") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        cure = "take the original file, not one saved again in another version"
        raise ValueError(f"{path}: cannot be read as HDF5, which MATLAB 7.3 writes ({error}); {cure}") from error


def _check_layout(path: Path, file: "h5py.File") -> None:
    """Raise ValueError unless the datasets have the official shapes and types."""
    if missing := [name for name in DATASETS if name not in file]:
        raise unexpected(path, f"no dataset {missing[0]}", ", ".join(DATASETS))
    images, depths, labels = (file[name] for name in DATASETS)
    N, *size = labels.shape
    official = images.dtype == np.uint8 and labels.dtype.kind == "u" and depths.shape == labels.shape
    if not official or images.shape != (N, 3, *size) or len(size) != 2:
        found = ", ".join(f"{name} {file[name].shape} {file[name].dtype}" for name in DATASETS)
        raise unexpected(path, found, "images (N, 3, W, H) uint8, depths (N, W, H), labels (N, W, H) uint16")


def check_depth(where: str, depth: Tensor) -> None:
    """Raise ValueError if depth (H, W) in metres is all holes or looks like another unit."""
    valid = depth[depth > 0]
    if not len(valid):
        raise unexpected(where, "no valid depth", "some pixels above 0")
    median, (low, high) = float(valid.median()), PLAUSIBLE_MEDIAN
    if not low <= median <= high:
        remedy = "images hold millimetres, the .mat file metres"
        raise unexpected(where, f"a median depth of {median:.4g} m", f"{low} to {high} m", remedy)


def read_split(path: Path, split: str, number: int) -> list[int]:
    """Read which of ``number`` frames make up a split, counted from 0, in rising order.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such list, is empty, names a frame that does not exist, or one twice.
    """
    both = {name: read_mat(path, variable).ravel().tolist() for name, variable in INDICES.items()}
    if twice := repeated(both["train"] + both["test"]):
        raise unexpected(path, f"frame {twice} twice", "each frame once, in one split")
    indices = sorted(int(index) - 1 for index in both[split])
    if not indices:
        raise unexpected(path, f"no frames in {INDICES[split]}", "at least one")
    if wrong := [index + 1 for index in indices if not 0 <= index < number]:
        raise unexpected(path, f"frame {wrong[0]} in {INDICES[split]}", f"1 to {number}", "take both from one release")
    return indices


def read_mapping(path: Path) -> np.ndarray:
    """Read what each of the 894 classes becomes, (895,) int64: 0 to 39, and 255 for unlabelled, the first.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it does not map 894 classes to 1 to 40.
    """
    classes = read_mat(path, "mapClass").astype(np.int64).ravel()
    if len(classes) != NUM_RAW_CLASSES or classes.min() < 1 or classes.max() > NUM_CLASSES:
        found = f"{len(classes)} classes mapped to {classes.min()} to {classes.max()}"
        raise unexpected(path, found, f"{NUM_RAW_CLASSES} to 1 to {NUM_CLASSES}")
    return np.concatenate([[VOID], classes - 1])


def write_frames(mat: str | Path, splits: str | Path, mapping: str | Path | None, folder: str | Path) -> None:
    """Write the frames of the official .mat file as images, which load faster and need no h5py.

    Parameters
    ----------
    mat, splits : path
        ``nyu_depth_v2_labeled.mat`` and ``splits.mat``.
    mapping : path, optional
        ``classMapping40.mat``; without it no labels are written.
    folder : path
        Gets ``train`` and ``test``, each whole or not at all.

    Raises
    ------
    ImportError
        Without h5py.
    ValueError
        If a file is damaged or laid out in another way than the official one, or if a split is there already.
    FileNotFoundError
        If there is no such file.
    """
    mat, splits, mapping = Path(mat), Path(splits), None if mapping is None else Path(mapping)
    sources = {Path(folder) / split: MatFrames(mat, splits, mapping, split) for split in INDICES}
    for target, frames in sources.items():
        if target.exists():
            raise ValueError(f"{target}: is there already, expected none; remove it to write its frames again")
        write_whole(target, partial(_write_split, frames))


def _write_split(frames: MatFrames, folder: Path) -> None:
    """Write every frame of a split into a new folder."""
    folder.mkdir(parents=True)
    for index, name in enumerate(tqdm(frames.names, f"writing {folder.name.split('-')[-1]}", unit="frame", delay=1)):
        image, depth, labels = frames.read(index)
        pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{name}_rgb.jpg", quality=95)
        millimetres = (depth * 1000).round().clamp(max=HIGHEST).numpy().astype(np.uint16)
        Image.fromarray(millimetres).save(folder / f"{name}_depth.png")
        if labels is not None:
            Image.fromarray(labels.numpy().astype(np.uint8)).save(folder / f"{name}_labels.png")
