"""RoomScenes: random furnished rooms whose class, normal, boundary and depth are exact at every pixel.

They need no download and share one picture between the three tasks of the paper. Scene i of a seed is the same in
any order, in any process, at any size and with or without a cache. ``room_layouts`` draws the rooms, ``raycast`` and
``room_render`` draw the pictures; this module makes a data set of them and keeps it on disk.

Shapes: N scenes, K = 7 classes, H x W pixels.
"""

import math
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from tqdm import tqdm

from pixelnet_edu.checks import check_whole, unexpected
from pixelnet_edu.data.reading import check_room, remove_leftovers, write_whole
from pixelnet_edu.data.rooms.layouts import CLASSES, RoomLayout, random_layout
from pixelnet_edu.data.rooms.render import render

RENDERER_VERSION = 1  # part of the name of a cache: raise it when a scene changes
MAX_DEPTH = 16.0  # metres; no room has a longer diagonal
SMALLEST_SIDE = 8
SEEDS = 2**62  # the largest one, up or down: a record has 64 bits for it
PIXELS_AT_ONCE = {"cpu": 1 << 16, "cuda": 1 << 20}  # rendered together
# The types of a sample's entries, and how many steps on disk make one unit of an entry that is rounded.
TYPES = {"image": "f4", "labels": "i8", "normals": "f4", "edges": "i8", "depth": "f4", "intrinsics": "f4"}
STEPS = {"image": 255, "normals": 32767, "depth": 65535 / MAX_DEPTH}
COLOURS = "ddcc77 88ccee bbbbbb 332288 117733 ee3377 ee7733"  # of the classes, red, green and blue


class RoomScenes(Dataset):
    """Random furnished rooms, drawn by ray casting, with exact targets.

    Parameters
    ----------
    size : int or (int, int)
        Side, or height and width, in pixels. The same scene at another size shows the same room.
    num_scenes : int
        Length of the data set.
    seed : int
        Which collection of rooms: use one seed for training and another for testing.
    cache_dir : str or path, optional
        A folder where the set is kept once it is rendered, in one file that is mapped into memory, 13 bytes a
        pixel. Without it a scene is rendered whenever it is asked for.
    device : str or torch.device
        Where to render. Samples are on the CPU whatever it is.

    Raises
    ------
    TypeError, ValueError
        For arguments of the wrong kind, too small, or a device that is not there.
    IndexError
        For a scene beyond the end.

    Notes
    -----
    A sample is a dict:

    - ``image`` (3, H, W) float32, RGB in multiples of 1/255;
    - ``labels`` (H, W) int64 in 0..6, the index in ``classes``; void never occurs;
    - ``normals`` (3, H, W) float32 unit vectors in the camera frame: x right, y down, z into the scene, so that a
      wall facing the camera is (0, 0, -1);
    - ``edges`` (H, W) int64: 1 where the right or lower neighbour shows another surface. Surfaces are the floor,
      the ceiling, each wall, each picture, each face of a box, the side and each end of a cylinder, each ball. So
      outlines and creases are boundaries; shadows, textures and picture frames are not;
    - ``depth`` (H, W) float32, metres along the optical axis;
    - ``intrinsics`` (4,) float32: fx, fy, cx, cy in pixels, the centre of the first pixel at (0, 0);
    - ``name`` such as ``"room-000017"``.

    Normals are stored with 16 bits a component (an error below 0.01 degrees) and depth in steps of 0.25 mm, with
    and without a cache, so that both give the same sample. ``room_render.render`` gives them unrounded.

    Examples
    --------
    >>> scenes = RoomScenes(size=(48, 64), num_scenes=10, seed=3)
    >>> sample = scenes[4]
    >>> sample["name"], tuple(sample["image"].shape), sample["labels"].dtype
    ('room-000004', (3, 48, 64), torch.int64)
    """

    classes: tuple[str, ...] = CLASSES
    num_classes: int = len(CLASSES)
    palette: np.ndarray = np.array([*bytes.fromhex(COLOURS)], np.uint8).reshape(num_classes, 3)

    def __init__(
        self,
        size: int | Sequence[int] = 96,
        num_scenes: int = 1000,
        seed: int = 0,
        cache_dir: str | Path | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.size = _checked_size(size)
        self.num_scenes = check_whole("num_scenes", num_scenes, least=1)
        self.seed = check_whole("seed", seed, least=-SEEDS, most=SEEDS)
        self.device = _checked_device(device)
        self.cache_dir = None if cache_dir is None else Path(cache_dir)
        self._records = None if cache_dir is None else self._open_cache()

    def __len__(self) -> int:
        return self.num_scenes

    def __getitem__(self, index: int) -> dict:
        """Render one sample, or read it from the cache."""
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[dict]:
        """Return samples of several scenes, which a data loader asks for; to render them together is faster."""
        if outside := [index for index in indices if not 0 <= index < self.num_scenes]:
            raise IndexError(f"index: found {outside[0]}, expected 0 to {self.num_scenes - 1}; raise num_scenes")
        records = self._rendered(indices) if self._records is None else map(self._stored, indices)
        return [{**unpack(record), "name": f"room-{i:06d}"} for i, record in zip(indices, records, strict=True)]

    def __reduce__(self) -> tuple:
        """Let worker processes map the cache again instead of receiving a copy of it."""
        return type(self), (self.size, self.num_scenes, self.seed, self.cache_dir, self.device)

    def layout(self, index: int) -> RoomLayout:
        """Draw what stands where in scene ``index``, as ``room_render.render`` takes it."""
        return random_layout(self.seed, index)

    def _stored(self, index: int) -> np.void:
        """Read a record from the cache; render the scene again where the record is damaged."""
        record = self._records[index]  # pyright: ignore[reportOptionalSubscript] asked for only where there is a cache
        return record if record["key"][-1] == _checksum(record) else next(self._rendered([index]))

    def _rendered(self, indices: Sequence[int]) -> Iterator[np.void]:
        """Render some scenes, as many together as suits the device, and yield their records."""
        at_once = max(1, PIXELS_AT_ONCE.get(self.device.type, 1 << 18) // math.prod(self.size))
        for start in range(0, len(indices), at_once):
            some = indices[start : start + at_once]
            yield from pack(render([self.layout(i) for i in some], self.size, self.device), self.seed, some)

    @property
    def cache_path(self) -> Path:
        """The file that holds this set: its name tells all that the pixels depend on."""
        if self.cache_dir is None:
            raise ValueError("cache_dir: found none, expected a folder; give one to keep the scenes on disk")
        height, width = self.size
        return self.cache_dir / f"rooms-v{RENDERER_VERSION}-{height}x{width}-seed{self.seed}-{self.num_scenes}.npy"

    def _open_cache(self) -> np.ndarray | None:
        """Map the cache into memory; render it first if it is not there, cut short, or not what its name says."""
        try:
            self.cache_path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unexpected("cache_dir", str(self.cache_dir), f"a folder ({error.strerror})", "name another") from None
        if self._read_cache() is None:
            remove_leftovers(self.cache_path.parent, seconds=3600)
            check_room(self.cache_path, self.num_scenes * record_dtype(self.size).itemsize)
            write_whole(self.cache_path, self._write_records)
        return self._read_cache()

    def _read_cache(self) -> np.ndarray | None:
        """Return the records on disk, or None if they are not these scenes."""
        try:
            records = np.load(self.cache_path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        ends = [[self.seed, RENDERER_VERSION, index] for index in (0, self.num_scenes - 1)]
        same_form = records.dtype == record_dtype(self.size) and records.shape == (self.num_scenes,)
        return records if same_form and records["key"][[0, -1], :3].tolist() == ends else None

    def _write_records(self, path: Path) -> None:
        """Render every scene into the file at ``path``: not through a map of it, which a full disk would kill."""
        form = {"descr": np.lib.format.dtype_to_descr(record_dtype(self.size)), "fortran_order": False}
        scenes = tqdm(self._rendered(range(self.num_scenes)), "rendering rooms", self.num_scenes, unit="scene", delay=1)
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, form | {"shape": (self.num_scenes,)})
            file.writelines(record.tobytes() for record in scenes)


def record_dtype(size: tuple[int, ...]) -> np.dtype:
    """Tell how one scene of (height, width) lies on disk: 13 bytes a pixel.

    Examples
    --------
    >>> record_dtype((10, 20)).itemsize - 13 * 10 * 20
    48
    """
    wide = [("intrinsics", "<f4", 4), ("normals", "<i2", (3, *size)), ("depth", "<u2", size)]
    narrow = [("image", "u1", (3, *size)), ("labels", "u1", size), ("edges", "u1", size)]
    return np.dtype([*wide, *narrow, ("key", "<i8", 4)])  # seed, version, index, checksum


def pack(scenes: dict[str, Tensor], seed: int, indices: Sequence[int]) -> np.ndarray:
    """Round what ``room_render.render`` returns into records."""
    records = np.empty(len(indices), record_dtype(scenes["labels"].shape[1:]))
    records["key"] = [(seed, RENDERER_VERSION, index, 0) for index in indices]
    rounded = {name: (scenes[name] * steps).round_() for name, steps in STEPS.items()}
    for name, values in (scenes | rounded).items():
        records[name] = values.cpu().numpy()
    records["key"][:, -1] = [_checksum(record) for record in records]
    return records


def _checksum(record: np.void) -> int:
    """Return the CRC-32 of a record without its key, which is last."""
    return zlib.crc32(record.tobytes()[: -record["key"].nbytes])


def unpack(record: np.void) -> dict[str, Tensor]:
    """Return the tensors of a record."""
    sample = {name: torch.from_numpy(record[name].astype(dtype)) for name, dtype in TYPES.items()}
    sample["image"].div_(STEPS["image"])
    sample["normals"].mul_(sample["normals"].square().sum(0).rsqrt_())
    sample["depth"].mul_(1 / STEPS["depth"])
    return sample


def _checked_size(size: int | Sequence[int]) -> tuple[int, int]:
    """Return height and width."""
    sides = size if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2:
        raise ValueError(f"size: found {size!r}, expected one side or (height, width); give one or two numbers")
    return check_whole("size", sides[0], SMALLEST_SIDE), check_whole("size", sides[1], SMALLEST_SIDE)


def _checked_device(device: str | torch.device) -> torch.device:
    """Return a device that this machine has."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        expected = f"one that works here ({str(error).splitlines()[0]})"
        raise unexpected("device", repr(device), expected, "give 'cpu'") from None
    return torch.device(device)
