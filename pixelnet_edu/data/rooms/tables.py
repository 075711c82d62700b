"""Layouts of rooms as tensors for ray casting.

Shape legend: B scenes, N objects (boxes, then round ones: cylinders and balls), P pictures, M materials, C columns.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pixelnet_edu.data.rooms.layouts import (
    BALL,
    BOX,
    CYLINDER,
    FACE_CLASSES,
    GEOMETRY_COLUMNS,
    PICTURE,
    PICTURE_COLUMNS,
)

NOWHERE = np.array([0, -1e3, 0, 1, 1, 1, 1, 0], np.float32)  # an object far below every room
NO_WALL = np.array([-1, 0, 0, 0, 0], np.float32)
ENDLESS = 1e3  # the half height of the slab that a ball doesn't need


@dataclass(frozen=True)
class SceneBatch:
    """Layouts padded to equal numbers; tables have one column an object, so that rays take the last axis.

    Boxes are sorted by the height of their tops, the highest first, and so are round objects.
    """

    boxes: torch.Tensor  # (B, 8, N boxes): centre, half extents, cosine and sine of the turn about the vertical
    rounds: torch.Tensor  # (B, 6, N round): centre, radius, half height, is ball
    objects: torch.Tensor  # (B, 11, 1 + N): centre, half extents, cos, sin, is round, is ball, facing; first the room
    pictures: torch.Tensor  # (B, 5, P): face, centre along the wall and in height, half extents
    materials: torch.Tensor  # (B, C, M): of the faces of the room, the objects, the pictures
    classes: torch.Tensor  # (B, M): class of each material slot
    camera_position: torch.Tensor  # (B, 3)
    camera_rotation: torch.Tensor  # (B, 3, 3): rows are the camera's right, down and forward in the world
    focal_length: torch.Tensor  # (B, 1), in units of the shorter side of the image
    lamp_position: torch.Tensor  # (B, 3)
    light: torch.Tensor  # (B, 4): colour, radius
    ambient: torch.Tensor  # (B, 2, 3): light on a surface that faces down, and up
    sensor: torch.Tensor  # (B, 3): exposure, noise, where the noise starts in its table


def stack_layouts(layouts, device="cpu"):
    """Stack B layouts into one `SceneBatch` on `device`."""
    boxes = _padded([_sorted(layout.boxes) for layout in layouts], NOWHERE)
    rounds = _padded([_sorted(_round_rows(layout)) for layout in layouts], NOWHERE)
    rounds, is_ball = rounds[:, :, :-1], rounds[:, :, -1]
    pictures = _padded([layout.pictures for layout in layouts], NO_WALL)
    objects = np.concatenate([boxes, rounds], 1)
    tables = {
        "boxes": boxes[:, :, :GEOMETRY_COLUMNS],
        "rounds": _round_table(rounds, is_ball),
        "objects": _object_table(layouts, objects, is_ball),
        "pictures": pictures[:, :, :PICTURE_COLUMNS],
        "materials": np.concatenate(
            [_stack(layouts, "faces"), objects[:, :, GEOMETRY_COLUMNS:], pictures[:, :, PICTURE_COLUMNS:]], 1
        ),
    }
    arrays = {name: np.ascontiguousarray(table.transpose(0, 2, 1)) for name, table in tables.items()}
    arrays["classes"] = _class_table(is_ball, boxes.shape[1], pictures.shape[1])
    names = ("camera_position", "camera_rotation", "focal_length", "lamp_position", "light", "ambient", "sensor")
    arrays.update({name: _stack(layouts, name) for name in names})
    return SceneBatch(**{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})


def _stack(layouts, name):
    """One array of all layouts."""
    return np.array([getattr(layout, name) for layout in layouts])


def _round_rows(layout):
    """Cylinders and balls in one table, with one more column: is ball."""
    num_cylinders, num_columns = layout.cylinders.shape
    rows = np.ones((num_cylinders + len(layout.balls), num_columns + 1), np.float32)
    rows[:num_cylinders, :-1], rows[num_cylinders:, :-1] = layout.cylinders, layout.balls
    rows[:num_cylinders, -1] = 0
    return rows


def _sorted(table):
    """Rows by the height of their tops, the highest first."""
    return table[np.argsort(-table[:, 1] - table[:, 4], kind="stable")]


def _padded(tables, filler):
    """Stack (n, C) tables into (B, n_max, C), never empty; rows that are missing start with `filler`."""
    padded = np.zeros((len(tables), max(1, *map(len, tables)), tables[0].shape[1]), np.float32)
    padded[:, :, : len(filler)] = filler
    for rows, table in zip(padded, tables, strict=True):
        rows[: len(table)] = table
    return padded


def _round_table(rounds, is_ball):
    """Columns for intersections (B, N round, 6)."""
    table = rounds[:, :, (0, 1, 2, 3, 4, 4)]
    table[:, :, 4] += ENDLESS * is_ball
    table[:, :, 5] = is_ball
    return table


def _object_table(layouts, objects, is_ball):
    """What a hit needs to know of its object (B, 1 + N, 11): geometry, is round, is ball, facing (room: -1)."""
    num_rounds = is_ball.shape[1]
    table = np.zeros((len(layouts), 1 + objects.shape[1], GEOMETRY_COLUMNS + 3), np.float32)
    table[:, 0, 3:6] = _stack(layouts, "room")
    table[:, 0, (6, 10)] = (1, -1)
    table[:, 1:, :GEOMETRY_COLUMNS] = objects[:, :, :GEOMETRY_COLUMNS]
    table[:, 1:, 10] = 1
    table[:, -num_rounds:, 8] = 1
    table[:, -num_rounds:, 9] = is_ball
    return table


def _class_table(is_ball, num_boxes, num_pictures):
    """Class of each material slot (B, M)."""
    batch = len(is_ball)
    rounds = np.where(is_ball, BALL, CYLINDER)
    parts = (FACE_CLASSES, [BOX] * num_boxes, rounds, [PICTURE] * num_pictures)
    return np.concatenate([np.broadcast_to(part, (batch, np.shape(part)[-1])) for part in parts], 1)
