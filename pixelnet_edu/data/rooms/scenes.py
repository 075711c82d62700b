"""RoomScenes: random furnished rooms whose class, normal, boundary and depth are exact at every pixel.

They need no download and share one picture between the three tasks of the paper. Scene i of a seed is the same in
any order, in any process, at any size and with or without a cache. `room_layouts` draws the rooms, `raycast` and
`room_render` draw the pictures; this module makes a data set of them and keeps it on disk.

Shape legend: N scenes, K = 7 classes, H x W pixels.
"""

import math
import os
import uuid
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset
from tqdm import tqdm

from pixelnet_edu.data.rooms.layouts import CLASSES, random_layout
from pixelnet_edu.data.rooms.render import render

RENDERER_VERSION = 1  # part of the name of a cache: raise it when a scene changes
MAX_DEPTH = 16.0  # metres; no room has a longer diagonal
SMALLEST_SIDE = 8
PIXELS_AT_ONCE = {"cpu": 1 << 16, "cuda": 1 << 20}  # rendered together


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
    - ``labels`` (H, W) int64 in 0..6, the index in `classes`; void never occurs;
    - ``normals`` (3, H, W) float32 unit vectors in the camera frame: x right, y down, z into the scene, so that a
      wall facing the camera is (0, 0, -1);
    - ``edges`` (H, W) int64: 1 where the right or lower neighbour shows another surface. Surfaces are the floor,
      the ceiling, each wall, each picture, each face of a box, the side and each end of a cylinder, each ball. So
      outlines and creases are boundaries; shadows, textures and picture frames are not;
    - ``depth`` (H, W) float32, metres along the optical axis;
    - ``intrinsics`` (4,) float32: fx, fy, cx, cy in pixels, the centre of the first pixel at (0, 0);
    - ``name`` such as ``"room-000017"``.

    Normals are stored with 16 bits a component (an error below 0.01 degrees) and depth in steps of 0.25 mm, with
    and without a cache, so that both give the same sample. `room_render.render` gives them unrounded.

    Examples
    --------
    >>> scenes = RoomScenes(size=(48, 64), num_scenes=10, seed=3)
    >>> sample = scenes[4]
    >>> sample["name"], tuple(sample["image"].shape), sample["labels"].dtype
    ('room-000004', (3, 48, 64), torch.int64)
    """

    classes = CLASSES
    num_classes = len(classes)
    palette = np.array(
        [
            (221, 204, 119),
            (136, 204, 238),
            (187, 187, 187),
            (51, 34, 136),
            (17, 119, 51),
            (238, 51, 119),
            (238, 119, 51),
        ],
        dtype=np.uint8,
    )

    def __init__(self, size=96, num_scenes=1000, seed=0, cache_dir=None, device="cpu"):
        self.size = _checked_size(size)
        self.num_scenes = _checked_int("num_scenes", num_scenes, smallest=1)
        self.seed = _checked_int("seed", seed)
        self.device = _checked_device(device)
        self.cache_dir = None if cache_dir is None else _checked_folder(cache_dir)
        self._records = None if cache_dir is None else self._open_cache()

    def __len__(self):
        return self.num_scenes

    def __getitem__(self, index):
        return self.__getitems__([index])[0]

    def __getitems__(self, indices):
        """Samples of several scenes, which a data loader asks for; to render them together is faster."""
        for index in indices:
            if not 0 <= index < self.num_scenes:
                raise IndexError(f"scene {index} is not in 0..{self.num_scenes - 1}; raise num_scenes for more scenes")
        records = self._rendered(indices) if self._records is None else (self._records[i] for i in indices)
        return [{**unpack(record), "name": f"room-{i:06d}"} for i, record in zip(indices, records, strict=True)]

    def __reduce__(self):
        """Worker processes map the cache again instead of receiving a copy of it."""
        return type(self), (self.size, self.num_scenes, self.seed, self.cache_dir, self.device)

    def layout(self, index):
        """What stands where in scene `index`: a `RoomLayout`, as `room_render.render` takes it."""
        return random_layout(self.seed, index)

    def _rendered(self, indices):
        """Render some scenes, as many together as suits the device, and yield their records."""
        at_once = max(1, PIXELS_AT_ONCE.get(self.device.type, 1 << 18) // math.prod(self.size))
        for start in range(0, len(indices), at_once):
            some = indices[start : start + at_once]
            yield from pack(render([self.layout(i) for i in some], self.size, self.device), self.seed, some)

    @property
    def cache_path(self):
        """The file that holds this set: its name tells all that the pixels depend on."""
        height, width = self.size
        return self.cache_dir / f"rooms-v{RENDERER_VERSION}-{height}x{width}-seed{self.seed}-{self.num_scenes}.npy"

    def _open_cache(self):
        """Map the cache into memory; render it first if it is not there, cut short, or not what its name says."""
        records = self._read_cache()
        if records is None:
            self._write_cache()
            records = self._read_cache()
        return records

    def _read_cache(self):
        """The records on disk, or None if they are not these scenes."""
        try:
            records = np.load(self.cache_path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        if records.dtype != record_dtype(self.size) or records.shape != (self.num_scenes,):
            return None
        ends = records[[0, -1]]
        expected = [(self.seed, RENDERER_VERSION, i) for i in (0, self.num_scenes - 1)]
        return records if ends["key"].tolist() == [list(key) for key in expected] else None

    def _write_cache(self):
        """Render every scene into a file beside the cache, then give it its name in one step."""
        temporary = self.cache_path.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            self._write_records(temporary)
            os.replace(temporary, self.cache_path)
        finally:
            temporary.unlink(missing_ok=True)

    def _write_records(self, path):
        """Render every scene into the file at `path`."""
        records = np.lib.format.open_memmap(path, "w+", record_dtype(self.size), (self.num_scenes,))
        scenes = self._rendered(range(self.num_scenes))
        for index, record in enumerate(tqdm(scenes, "rendering rooms", self.num_scenes, unit="scene", delay=1)):
            records[index] = record
        records.flush()


def record_dtype(size):
    """How one scene lies on disk: 13 bytes a pixel."""
    height, width = size
    return np.dtype(
        [
            ("intrinsics", "<f4", (4,)),
            ("normals", "<i2", (3, height, width)),
            ("depth", "<u2", (height, width)),
            ("image", "u1", (3, height, width)),
            ("labels", "u1", (height, width)),
            ("edges", "u1", (height, width)),
            ("key", "<i8", (3,)),  # seed, version of the renderer, index; last, so that a cut is seen
        ]
    )


def pack(scenes, seed, indices):
    """Round what `room_render.render` returns into records."""
    height, width = scenes["labels"].shape[1:]
    records = np.empty(len(indices), record_dtype((height, width)))
    records["key"] = [(seed, RENDERER_VERSION, index) for index in indices]
    scales = {"image": 255, "normals": 32767, "depth": 65535 / MAX_DEPTH}
    for name in ("intrinsics", "normals", "depth", "image", "labels", "edges"):
        values = scenes[name] * scales[name] if name in scales else scenes[name]
        records[name] = values.round_().cpu().numpy() if name in scales else values.cpu().numpy()
    return records


def unpack(record):
    """The tensors of a record."""
    normals = torch.from_numpy(record["normals"].astype(np.float32))
    return {
        "image": torch.from_numpy(record["image"].astype(np.float32)).div_(255),
        "labels": torch.from_numpy(record["labels"].astype(np.int64)),
        "normals": normals.mul_(normals.square().sum(0).rsqrt_()),
        "edges": torch.from_numpy(record["edges"].astype(np.int64)),
        "depth": torch.from_numpy(record["depth"].astype(np.float32)).mul_(MAX_DEPTH / 65535),
        "intrinsics": torch.from_numpy(record["intrinsics"].astype(np.float32)),
    }


def _checked_int(name, value, smallest=None):
    """An integer that is large enough."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; give an int")
    if smallest is not None and value < smallest:
        raise ValueError(f"{name} is {value}; give an int of at least {smallest}")
    return int(value)


def _checked_size(size):
    """Height and width."""
    sides = tuple(size) if isinstance(size, list | tuple) else (size, size)
    if len(sides) != 2:
        raise ValueError(f"size is {size!r} with {len(sides)} numbers; give one side or (height, width)")
    return tuple(_checked_int("size", side, smallest=SMALLEST_SIDE) for side in sides)


def _checked_folder(cache_dir):
    """A folder that exists or can be made."""
    cache_dir = Path(cache_dir)
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cache_dir is {str(cache_dir)!r}, which is no folder ({error.strerror}); name one") from None
    return cache_dir


def _checked_device(device):
    """A device that this machine has."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {device!r}, which is not usable here ({reason}); give 'cpu'") from None
    return torch.device(device)
