"""Layouts of rooms as tensors for ray casting.

Shapes: B scenes, N objects (boxes, then round ones: cylinders and balls), P pictures, M materials, C columns.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pixelnet_edu.data.rooms.layouts import BOX, FACE_CLASSES, MATERIAL_COLUMNS, PICTURE, RoomLayout

NOWHERE = np.array([0, -1e3, 0, 1, 1, 1, 1, 0, 0, 0, 1], np.float32)  # an object far below every room
NO_WALL = np.array([-1, 0, 0, 0, 0], np.float32)
ENDLESS = 1e3  # the half height of the slab that a ball doesn't need


class SceneBatch(NamedTuple):
    """Layouts padded to equal numbers; tables have one column an object, so that rays take the last axis.

    Boxes are sorted by the height of their tops, the highest first, and so are round objects.

    Parameters
    ----------
    boxes : Tensor (B, 8, N boxes)
        Centre, half extents, cosine and sine of the turn about the vertical.
    rounds : Tensor (B, 6, N round)
        Centre, radius, half height, is ball.
    objects : Tensor (B, 11, 1 + N)
        Centre, half extents, cosine, sine, is round, is ball, facing: 1 outwards; first the room, whose faces have -1.
    pictures : Tensor (B, 5, P)
        Face of the room, centre along the wall and in height, half extents.
    materials : Tensor (B, C, M)
        Of the faces of the room, the objects, the pictures.
    classes : Tensor (B, M), int64
        The class of each material.
    camera_position, camera_rotation, focal_length, lamp_position, light, ambient, sensor : Tensor (B, ...)
        As in `RoomLayout`.
    """

    boxes: Tensor
    rounds: Tensor
    objects: Tensor
    pictures: Tensor
    materials: Tensor
    classes: Tensor
    camera_position: Tensor
    camera_rotation: Tensor
    focal_length: Tensor
    lamp_position: Tensor
    light: Tensor
    ambient: Tensor
    sensor: Tensor


def stack_layouts(layouts: list[RoomLayout], device: torch.device | str = "cpu") -> SceneBatch:
    """Stack B layouts on a device.

    Examples
    --------
    >>> from pixelnet_edu.data.rooms.layouts import random_layout
    >>> stack_layouts([random_layout(seed=0, index=i) for i in range(2)]).camera_rotation.shape
    torch.Size([2, 3, 3])
    """
    boxes = _padded([_by_height(layout.boxes) for layout in layouts], NOWHERE)
    rounds = _padded([_by_height(np.concatenate([layout.cylinders, layout.balls])) for layout in layouts], NOWHERE)
    pictures = _padded([layout.pictures for layout in layouts], NO_WALL)
    objects, materials = np.split(np.concatenate([boxes, rounds], 1), [-MATERIAL_COLUMNS], 2)
    rooms = np.array([[(0, 0, 0, *layout.room, 1, 0, 0, 0, -1)] for layout in layouts], np.float32)
    tables = {
        "boxes": boxes[:, :, :8],
        "rounds": np.dstack([rounds[:, :, :4], rounds[:, :, 4] + ENDLESS * rounds[:, :, 9], rounds[:, :, 9]]),
        "objects": np.concatenate([rooms, objects], 1),
        "pictures": pictures[:, :, :-MATERIAL_COLUMNS],
        "materials": np.concatenate([_stack(layouts, "faces"), materials, pictures[:, :, -MATERIAL_COLUMNS:]], 1),
    }
    arrays = {name: np.ascontiguousarray(table.transpose(0, 2, 1)) for name, table in tables.items()}
    arrays["classes"] = _class_table(objects, pictures.shape[1])
    arrays |= {name: _stack(layouts, name) for name in SceneBatch._fields if name not in arrays}
    return SceneBatch(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})


def _stack(layouts: list[RoomLayout], name: str) -> np.ndarray:
    """Make one array of what all layouts have by this name."""
    return np.array([getattr(layout, name) for layout in layouts])


def _by_height(table: np.ndarray) -> np.ndarray:
    """Sort rows by the height of their tops, the highest first."""
    return table[np.argsort(-table[:, 1] - table[:, 4], kind="stable")]


def _padded(tables: list[np.ndarray], filler: np.ndarray) -> np.ndarray:
    """Stack (n, C) tables into (B, n_max, C), never empty; rows that are missing start with ``filler``."""
    padded = np.zeros((len(tables), max(1, *map(len, tables)), tables[0].shape[1]), np.float32)
    padded[:, :, : len(filler)] = filler
    for rows, table in zip(padded, tables, strict=True):
        rows[: len(table)] = table
    return padded


def _class_table(objects: np.ndarray, num_pictures: int) -> np.ndarray:
    """List the class of each material (B, M); that of an object is BOX, and one more if round, and if a ball."""
    classes = BOX + objects[:, :, 8:10].sum(2).astype(np.int64)
    return np.array([[*FACE_CLASSES, *row, *[PICTURE] * num_pictures] for row in classes])
