"""Rooms as tensors for ray casting: tables of objects and materials, and the planes seen from camera and lamp.

Shape legend: B scenes, N objects (boxes, then round ones: cylinders and balls), P pictures, M materials, C columns.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pixelnet_edu.data.room_layouts import BALL, BOX, CYLINDER, FACE_CLASSES, GEOMETRY_COLUMNS, PICTURE, PICTURE_COLUMNS

FAR = 1e20
TINY = 1e-6
NOWHERE = np.array([0, -1e3, 0, 1, 1, 1, 1, 0], np.float32)  # an object far below every room
NO_WALL = np.array([-1, 0, 0, 0, 0], np.float32)


@dataclass(frozen=True)
class Viewpoint:
    """A point that rays leave from, and every object as seen from there.

    A ray in direction d meets a plane at the distance t with 1 / t = (row of `planes`) . (d, 1). The rows are the
    planes by which rays enter boxes (3 N) and leave them (6 N), enter round objects (N) and leave them (2 N), and the
    inner products along . d of the quadratic equations of the round objects (N).
    """

    origin: torch.Tensor  # (B, 3)
    planes: torch.Tensor  # (B, 9 N boxes + 4 N round, 4)
    rounds: torch.Tensor  # (B, 5, N round, 1): c, scale and shift of the near root, scale of the far root, is ball
    rows: tuple  # how many rows of each kind


@dataclass(frozen=True)
class SceneBatch:
    """Layouts padded to equal numbers; tables have one column an object, so that rays take the last axis."""

    camera: Viewpoint
    lamp: Viewpoint
    objects: torch.Tensor  # (B, 11, 1 + N): centre, half extents, cos, sin, is round, is ball, facing; first the room
    pictures: torch.Tensor  # (B, 5, P): face, centre along the wall and in height, half extents
    materials: torch.Tensor  # (B, C, M): of the faces of the room, the objects, the pictures
    classes: torch.Tensor  # (M,): class of each material slot
    camera_rotation: torch.Tensor  # (B, 3, 3): rows are the camera's right, down and forward in the world
    focal_length: torch.Tensor  # (B, 1), in units of the shorter side of the image
    light: torch.Tensor  # (B, 4): colour, radius
    ambient: torch.Tensor  # (B, 2, 3): light on a surface that faces down, and up
    sensor: torch.Tensor  # (B, 3): exposure, noise, where the noise starts in its table


def stack_layouts(layouts, device="cpu"):
    """Stack B layouts into one `SceneBatch` on `device`."""
    tables = [
        _padded([getattr(layout, kind) for layout in layouts], NOWHERE) for kind in ("boxes", "cylinders", "balls")
    ]
    pictures = _padded([layout.pictures for layout in layouts], NO_WALL)
    counts = [table.shape[1] for table in (*tables, pictures)]
    objects = np.concatenate(tables, 1)
    arrays = {name: _stack(layouts, name) for name in ("camera_rotation", "focal_length", "light", "ambient", "sensor")}
    arrays["objects"] = _columns(_object_table(layouts, objects, counts[:3]))
    arrays["pictures"] = _columns(pictures[:, :, :PICTURE_COLUMNS])
    materials = (objects[:, :, GEOMETRY_COLUMNS:], pictures[:, :, PICTURE_COLUMNS:])
    arrays["materials"] = _columns(np.concatenate([_stack(layouts, "faces"), *materials], 1))
    arrays["classes"] = np.concatenate([FACE_CLASSES, np.repeat((BOX, CYLINDER, BALL, PICTURE), counts)])
    origins = np.stack([_stack(layouts, "camera_position"), _stack(layouts, "lamp_position")])
    camera, lamp = _viewpoints(origins, objects, counts, device)
    return SceneBatch(camera, lamp, **{name: torch.from_numpy(array).to(device) for name, array in arrays.items()})


def _stack(layouts, name):
    """One array of all layouts."""
    return np.stack([getattr(layout, name) for layout in layouts])


def _columns(table):
    """(B, N, C) to (B, C, N)."""
    return np.ascontiguousarray(table.transpose(0, 2, 1))


def _padded(tables, filler):
    """Stack (n, C) tables into (B, n_max, C), never empty; rows that are missing start with `filler`."""
    padded = np.zeros((len(tables), max(1, *map(len, tables)), tables[0].shape[1]), np.float32)
    padded[:, :, : len(filler)] = filler
    for rows, table in zip(padded, tables, strict=True):
        rows[: len(table)] = table
    return padded


def _object_table(layouts, objects, counts):
    """What a hit needs to know of its object (B, 1 + N, 11): geometry, is round, is ball, facing (room: -1)."""
    table = np.zeros((len(layouts), 1 + objects.shape[1], GEOMETRY_COLUMNS + 3), np.float32)
    table[:, 0, 3:6] = _stack(layouts, "room")
    table[:, 0, 6] = 1
    table[:, 1:, :GEOMETRY_COLUMNS] = objects[:, :, :GEOMETRY_COLUMNS]
    table[:, :, GEOMETRY_COLUMNS:] = np.repeat([[0, 0, -1], [0, 0, 1], [1, 0, 1], [1, 1, 1]], (1, *counts), axis=0)
    return table


def _viewpoints(origins, objects, counts, device):
    """Every object as seen from each of the `origins` (V, B, 3): V viewpoints."""
    num_boxes, num_cylinders, num_balls = counts[:3]
    num_rounds = num_cylinders + num_balls
    offset = origins[:, :, None] - objects[:, :, :3]
    axes = _axes(objects)
    enter, leave = _planes(axes, (axes @ offset[..., None])[..., 0], objects[:, :, 3:6])
    along, rounds = _quadratics(offset[:, :, num_boxes:], objects[:, num_boxes:, 3], num_cylinders)
    enter[..., num_boxes + num_cylinders :, 1, :] = (0, 0, 0, FAR)
    leave[..., num_boxes + num_cylinders :, 1, :, :] = (0, 0, 0, -FAR)
    parts = (
        enter[:, :, :num_boxes].swapaxes(2, 3),
        leave[:, :, :num_boxes].transpose(0, 1, 3, 4, 2, 5),
        enter[:, :, num_boxes:, 1],
        leave[:, :, num_boxes:, 1].swapaxes(2, 3),
        along,
    )
    planes = np.concatenate([part.reshape(*origins.shape[:2], -1, 4) for part in parts], 2)
    rows = (3 * num_boxes, 6 * num_boxes, num_rounds, 2 * num_rounds, num_rounds)
    tensors = (torch.from_numpy(array).to(device) for array in (origins, planes, rounds))
    return [Viewpoint(*view, rows) for view in zip(*tensors, strict=True)]


def _axes(objects):
    """The axes of each object in the world (B, N, 3, 3), one a row."""
    axes = np.zeros((*objects.shape[:2], 3, 3), np.float32)
    cos, sin = objects[:, :, 6], objects[:, :, 7]
    axes[:, :, 0, 0], axes[:, :, 0, 2] = cos, sin
    axes[:, :, 2, 0], axes[:, :, 2, 2] = -sin, cos
    axes[:, :, 1, 1] = 1
    return axes


def _planes(axes, local, half):
    """Rows of the planes by which rays enter (V, B, N, 3, 4) and leave (V, B, N, 3, 2, 4) along each axis.

    From beyond one end of an axis, rays enter by the plane at that end and leave by the other; from between the
    ends, they may leave by both. `local` (V, B, N, 3) is the viewpoint in the frame of the object.
    """
    ends = np.array([1, -1], np.float32)
    gap = half[..., None] - ends * local[..., None]
    beyond = (gap < 0)[..., None].astype(np.float32)
    gap[np.abs(gap) < TINY] = TINY
    rows = axes[..., None, :] * (ends / gap)[..., None]
    enter = np.concatenate([rows * beyond, FAR * (0.5 - beyond)], -1).sum(-2)
    return enter, np.concatenate([rows * (1 - beyond), -FAR * beyond], -1)


def _quadratics(offset, radius, num_cylinders):
    """Rows of along . d (V, B, N, 4), and the other numbers of c w^2 + 2 (along . d) w + d . d = 0 for w = 1 / t.

    Cylinders leave out y. From within the column above a cylinder (c < 0) rays enter by its top alone.
    """
    along = np.concatenate([offset, np.zeros_like(offset[..., :1])], -1)
    along[:, :, :num_cylinders, 1] = 0
    c = (along * along).sum(-1) - radius * radius
    c[np.abs(c) < TINY] = TINY
    outside = (c > 0).astype(np.float32)
    is_ball = np.broadcast_to(np.arange(c.shape[2]) >= num_cylinders, c.shape)
    numbers = (c, outside / c, FAR * (1 - outside), -1 / c, is_ball)
    return along, np.stack(numbers, 2)[..., None].astype(np.float32)
