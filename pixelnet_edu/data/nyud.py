"""NYU Depth v2: rooms seen by a Kinect, with depth, 40 classes, and surface normals made from the depth.

Source: Silberman et al., ECCV 2012, 795 frames to train and 654 to test; the 40 classes are those of Gupta et al., CVPR
2013; the intrinsics are those of the colour camera in the data set's toolbox.
Normals from depth are not the ground truth of the literature, which is another download: pass that with ``normals``.

Layout: ``root/train`` and ``root/test`` with frames, each ``NNNN_rgb.jpg`` (or .png), ``NNNN_depth.png`` (16 bits,
millimetres, 0 for a hole) and perhaps ``NNNN_labels.png`` (0 to 39, 255 for void); or the official
``nyu_depth_v2_labeled.mat`` with ``splits.mat`` and perhaps ``classMapping40.mat`` in ``root``.

Shapes: H x W pixels, 4:3.
"""

from colorsys import hls_to_rgb
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.checks import unexpected
from pixelnet_edu.data.depth import normals_from_depth
from pixelnet_edu.data.nyud_frames import MAPPING, MAT, NUM_CLASSES, SPLITS, MatFrames, check_depth
from pixelnet_edu.data.photographs import PhotoDataset
from pixelnet_edu.data.reading import check_size, existing, open_image, read_labels, read_photo, require

FULL_SIZE = 480, 640
FULL_INTRINSICS = 518.857901, 519.469611, 325.582449, 253.736166  # fx, fy, cx, cy; the first pixel's centre is (0, 0)
SMALL_WIDTH = 160
SEEN_ROWS, SEEN_COLUMNS = (12, 117), (11, 149)  # of 160 x 120 pixels: inside the white border that undistorting left
MAX_ROUGHNESS = 0.2  # a Kinect's depth comes in steps, coarser ones farther away
UNIT_TOLERANCE = 0.01
CLASSES = (
    "wall, floor, cabinet, bed, chair, sofa, table, door, window, bookshelf, picture, counter, blinds, desk, shelves, "
    "curtain, dresser, pillow, mirror, floor mat, clothes, ceiling, books, refrigerator, television, paper, towel, "
    "shower curtain, box, whiteboard, person, night stand, toilet, sink, lamp, bathtub, bag, otherstructure, "
    "otherfurniture, otherprop"
)
RINGS, SATURATION = (0.6, 0.4, 0.8, 0.25), 0.7  # lightness of ten hues each: no two differ by less than CIEDE2000 7


class NYUDepthV2(PhotoDataset):
    """Rooms with depth, normals and, where they are on disk, classes.

    Parameters
    ----------
    root : path
        Folder that holds ``train`` and ``test``, or the official ``.mat`` files.
    split : "train" or "test"
        Which part.
    normals : path, optional
        Folder of ``NNNN.npy`` with normals to use instead of those from depth: floating point (H, W, 3), unit length,
        x right, y down, z into the scene, (0, 0, 0) for invalid.
    download : bool
        Fetch what is missing from the official servers.
    strict : bool
        Whether a missing file is an error at once, or only when its sample is read.

    Returns
    -------
    dict
        ``image`` (3, H, W) RGB in [0, 1]; ``normals`` (3, H, W), (0, 0, 0) for invalid; ``depth`` (H, W) in metres, 0
        for a hole; ``intrinsics`` (4,), fx, fy, cx, cy in pixels; ``labels`` (H, W) int64, 0 to 39 and 255 for void,
        only where they are on disk; ``name``. Outside the frame that the Kinect saw, labels are void and there are no
        normals from depth.

    Raises
    ------
    ImportError
        For the ``.mat`` file without h5py.
    ValueError
        For an unknown or empty split; for a ``.mat`` file of another kind; when a sample is read: for a broken file,
        depth of 8 bits, of another size than the photograph or in another unit, a class out of range, or normals that
        are quantised, of another size, not of unit length, or that point away from the camera.
    FileNotFoundError
        If the folder, a photograph, a depth image or a file of normals is missing.
    """

    classes = tuple(CLASSES.split(", "))
    num_classes = NUM_CLASSES
    palette = torch.tensor([hls_to_rgb(hue / 10, ring, SATURATION) for ring in RINGS for hue in range(10)])
    palette = (palette * 255).round().to(torch.uint8)
    source, splits = "nyud", ("train", "test")

    def __init__(
        self,
        root: str | Path,
        split: str = "train",
        normals: str | Path | None = None,
        download: bool = False,
        strict: bool = True,
    ) -> None:
        self.normals = normals
        super().__init__(root, split, download, strict)

    def _download(self) -> None:
        """Fetch what is missing, nothing where the official file is."""
        if not (self.root / MAT).is_file():
            super()._download()

    def _open(self, strict: bool) -> None:
        """Open the split in the layout that is there, frames first, and find the files of given normals."""
        folder, mat, mapping = self.root / self.split, self.root / MAT, self.root / MAPPING
        if mat.is_file() and not folder.is_dir():
            self.frames = MatFrames(mat, self.root / SPLITS, mapping if mapping.is_file() else None, self.split)
        else:
            expected = f"frames there, or {MAT} with {SPLITS} in {self.root}; data_scripts/nyud.py makes them"
            self.frames = FrameFolder(existing(folder, expected), strict)
        self.names = self.frames.names
        if self.normals is not None:
            self.normals = [Path(self.normals) / f"{name}.npy" for name in self.names]
            if strict:
                _check_normal_files(self.normals)

    def __getitem__(self, index: int) -> dict:
        """Read one sample."""
        image, depth, labels = self.frames.read(index)
        intrinsics = _intrinsics(f"{self.root}, {self.split} frame {self.names[index]}", *depth.shape)
        outside = ~_seen(*depth.shape)
        if self.normals is None:
            window = max(3, 2 * (depth.shape[1] // 36) + 1)  # 9 pixels of 160, the same angle at any size
            normals = normals_from_depth(depth.masked_fill(outside, 0.0), intrinsics, window, MAX_ROUGHNESS)
        else:
            normals = read_normals(self.normals[index], tuple(depth.shape))
        sample = {"image": image, "normals": normals, "depth": depth, "intrinsics": intrinsics}
        if labels is not None:
            sample["labels"] = labels.masked_fill(outside, VOID)
        return sample | {"name": self.names[index]}


class FrameFolder:
    """The frames of one split in a folder; it reads as `MatFrames` does.

    Parameters
    ----------
    folder : path
        Where the files lie.
    strict : bool
        Whether a missing file is an error at once, or only when its frame is read.

    Raises
    ------
    ValueError
        If there is no frame.
    FileNotFoundError
        If a photograph or a depth image is missing, or label images of some frames only.
    """

    def __init__(self, folder: Path, strict: bool = True) -> None:
        files = [path for path in folder.iterdir() if not path.name.startswith(".")]
        photos = {p.stem[:-4]: p for p in files if p.stem.endswith("_rgb") and p.suffix.lower() in (".jpg", ".png")}
        self.names = sorted(photos.keys() | {p.stem[:-6] for p in files if p.name.endswith("_depth.png")})
        if not self.names:
            raise ValueError(f"{folder}: found no frames, expected NNNN_rgb.jpg (or .png) with NNNN_depth.png")
        self.photos = [photos.get(name, folder / f"{name}_rgb.jpg") for name in self.names]
        self.depths = [folder / f"{name}_depth.png" for name in self.names]
        self.labels = [folder / f"{name}_labels.png" for name in self.names]
        self.labelled = any(path.is_file() for path in self.labels)
        if strict:
            require(self.photos, "the photograph (.jpg or .png) of each depth image")
            require(self.depths, "the depth image of each photograph")
            require(self.labels if self.labelled else (), "label images for all frames, or for none")

    def read(self, index: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the photograph (3, H, W) in [0, 1], depth (H, W) in metres, and labels (H, W) or None."""
        image, depth = read_photo(self.photos[index], turn=False), read_depth(self.depths[index])
        size = tuple(image.shape[1:])
        check_size(self.depths[index], "depth", depth, size)
        return image, depth, read_labels(self.labels[index], size, NUM_CLASSES) if self.labelled else None


def read_depth(path: Path) -> Tensor:
    """Read a depth image as metres, (H, W) float32, 0 for a hole.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For a broken file, 8 bits, no valid pixel, or another unit than millimetres.
    """
    image = open_image(path)
    if not image.mode.startswith("I"):
        raise unexpected(path, f"a depth image of mode {image.mode}", "one channel of 16 bits, in millimetres")
    depth = torch.from_numpy(np.array(image).astype(np.float32)) / 1000
    check_depth(str(path), depth)
    return depth


def read_normals(path: Path, size: tuple[int, int]) -> Tensor:
    """Read ground-truth normals, floating point (H, W, 3) in the camera frame, as (3, H, W) float32.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no such array, is quantised, has another size (height, width) than the photograph, or its vectors are
        neither of unit length nor (0, 0, 0), or mostly point away from the camera.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: cannot be read as a NumPy array ({error}); replace the file") from error
    if array.dtype.kind != "f" or array.shape != (*size, 3):
        expected, remedy = f"{(*size, 3)} of floating point", "integers are quantised, take what they were made from"
        raise unexpected(path, f"normals {array.shape} of {array.dtype}", expected, remedy)
    normals = torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1).contiguous()
    _check_directions(path, normals[:, normals.ne(0).any(0)])
    return normals


def _check_directions(path: Path, normals: Tensor) -> None:
    """Raise ValueError unless the valid normals (3, M) are of unit length and most of them face the camera."""
    wrong = ~((normals.norm(dim=0) - 1).abs() <= UNIT_TOLERANCE)
    if wrong.any():
        found = f"{int(wrong.sum())} normals whose length is not 1, one {normals[:, wrong][:, 0].tolist()}"
        raise unexpected(path, found, "unit vectors, or (0, 0, 0) for invalid", "divide by the length")
    if normals.shape[1] and (away := float((normals[2] > 0).float().mean())) > 0.5:
        found, remedy = f"{away:.0%} of the normals pointing away from the camera", "use x right, y down, z ahead"
        raise unexpected(path, found, "z below 0 for what faces it", remedy)


def _check_normal_files(paths: list[Path]) -> None:
    """Raise one clear error for missing normals, and for normals kept as pictures."""
    pictures = [picture for path in paths if not path.is_file() and (picture := path.with_suffix(".png")).is_file()]
    if pictures:
        raise unexpected(pictures[0], "normals as a picture", f"{pictures[0].stem}.npy of floating point")
    require(paths, "the normals of each frame, floating point (H, W, 3)")


def _intrinsics(where: str, height: int, width: int) -> Tensor:
    """Return fx, fy, cx, cy in pixels of a frame of this size, (4,)."""
    if height * FULL_SIZE[1] != width * FULL_SIZE[0]:
        remedy = "take whole frames, cropped ones have other intrinsics"
        raise unexpected(where, f"{height} x {width} pixels (height x width)", "4:3 as in 480 x 640", remedy)
    scale = width / FULL_SIZE[1]
    fx, fy, cx, cy = FULL_INTRINSICS
    return torch.tensor([fx * scale, fy * scale, (cx + 0.5) * scale - 0.5, (cy + 0.5) * scale - 0.5])


def _seen(height: int, width: int) -> Tensor:
    """Return which pixels lie inside the white border, (H, W) bool."""
    rows, columns = ((torch.arange(side) + 0.5) * SMALL_WIDTH / width for side in (height, width))
    inside = [(first <= at) & (at < last) for at, (first, last) in ((rows, SEEN_ROWS), (columns, SEEN_COLUMNS))]
    return inside[0][:, None] & inside[1]
