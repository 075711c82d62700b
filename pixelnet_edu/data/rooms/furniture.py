"""Furniture, and where it stands: each piece is a few boxes, cylinders or balls in a frame of its own.

The frame of a piece: x along its width, y up from the floor, z towards its front, metres. A part is its centre
and its half extents, (cx, cy, cz, hx, hy, hz). Turned by an angle a about the vertical, x goes to (cos a, sin a)
and z to (-sin a, cos a) on the floor of the room.
"""

import math
from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

CAMERA_CLEARANCE = 0.9  # metres between the camera and the nearest piece
HALF_VIEW = math.radians(36)  # pieces stand within this angle of the camera's axis
MAX_BOXES = 9
FAR_WALL, RIGHT_WALL, LEFT_WALL = 6, 2, 4  # faces of the room as ``raycast`` numbers them
SHAPES = {"boxes": (0, 0, 1), "cylinders": (1, 0, 1), "balls": (1, 1, 1)}  # is round, is ball, faces outwards

Vector = tuple[float, float, float]
Numbers = tuple[float, ...]
Pieces = dict[str, list[list[Numbers]]]  # of each kind, and of each piece of it, the rows of its parts


class Piece(NamedTuple):
    """A piece of furniture.

    Parameters
    ----------
    kind : str
        What its parts are: "boxes", "cylinders" or "balls".
    half_width, half_depth : float
        Half the size of its footprint, in metres.
    parts : sequence of (cx, cy, cz, hx, hy, hz)
        In the frame of the piece.
    tops : sequence of (x, y, z, room to the border)
        Where things can stand on it.
    """

    kind: str
    half_width: float
    half_depth: float
    parts: Sequence[Numbers]
    tops: Sequence[tuple[float, float, float, float]] = ()


def cabinet(rng: Random) -> Piece:
    """Build one closed box on the floor."""
    x, y, z = rng.uniform(0.25, 0.5), rng.uniform(0.3, 0.68), rng.uniform(0.17, 0.25)
    return Piece("boxes", x, z, [(0, y, 0, x, y, z)], [(rng.uniform(-0.6, 0.6) * x, 2 * y, 0, z)])


def crates(rng: Random) -> Piece:
    """Build a crate, often with a smaller one on it."""
    x, y, z = (rng.uniform(0.2, 0.34) for _ in range(3))
    crate = (0, y, 0, x, y, z)
    if rng.random() >= 0.5:
        return Piece("boxes", x, z, [crate], [(0, 2 * y, 0, min(x, z))])
    half = rng.uniform(0.1, 0.15)
    small = (0.2 * x, 2 * y + half, 0, half, half, half)
    return Piece("boxes", x, z, [crate, small], [(0.2 * x, 2 * y + 2 * half, 0, half)])


def table(rng: Random) -> Piece:
    """Build a top on four legs."""
    x, z, height = rng.uniform(0.4, 0.7), rng.uniform(0.28, 0.4), rng.uniform(0.45, 0.76)
    thick, leg = rng.uniform(0.02, 0.035), rng.uniform(0.022, 0.04)
    under = height / 2 - thick
    legs = [(sx * (x - leg - 0.02), under, sz * (z - leg - 0.02), leg, under, leg) for sx in (-1, 1) for sz in (-1, 1)]
    tops = [(rng.uniform(-0.6, 0.6) * x, height, rng.uniform(-0.4, 0.4) * z, 0.15)]
    return Piece("boxes", x, z, [(0, height - thick, 0, x, thick, z), *legs], tops)


def bench(rng: Random) -> Piece:
    """Build a board on two panels."""
    x, z, height = rng.uniform(0.4, 0.65), rng.uniform(0.17, 0.25), rng.uniform(0.38, 0.5)
    under, inset = height / 2 - 0.03, rng.uniform(0.03, 0.15)
    panels = [(s * (x - inset - 0.03), under, 0, 0.03, under, z - 0.02) for s in (-1, 1)]
    tops = [(rng.uniform(-0.6, 0.6) * x, height, 0, 0.14)]
    return Piece("boxes", x, z, [(0, height - 0.03, 0, x, 0.03, z), *panels], tops)


def sofa(rng: Random) -> Piece:
    """Build a seat, a back and two arms."""
    x, z, seat = rng.uniform(0.45, 0.85), rng.uniform(0.34, 0.4), rng.uniform(0.18, 0.22)
    back, arm = rng.uniform(0.33, 0.42), rng.uniform(0.25, 0.3)
    arms = [(s * (x - 0.07), arm, -0.02, 0.07, arm, z - 0.02) for s in (-1, 1)]
    boxes = [(0, seat, 0.03, x - 0.13, seat, z - 0.06), (0, back, -z + 0.09, x - 0.05, back, 0.09), *arms]
    return Piece("boxes", x, z, boxes)


def chair(rng: Random) -> Piece:
    """Build a seat on a pedestal, and a back."""
    half, seat, back = rng.uniform(0.19, 0.23), rng.uniform(0.42, 0.48), rng.uniform(0.18, 0.28)
    under = seat / 2 - 0.03
    board, foot = (0, seat - 0.03, 0, half, 0.03, half), (0, under, 0, 0.04, under, 0.04)
    return Piece("boxes", half, half, [board, foot, (0, seat + back, -half + 0.03, half, back, 0.025)])


def drum(rng: Random) -> Piece:
    """Build a stool, a drum or a bin."""
    return _upright(rng.uniform(0.16, 0.27), rng.uniform(0.2, 0.4))


def column(rng: Random) -> Piece:
    """Build a pillar as high as a person."""
    return _upright(rng.uniform(0.12, 0.2), rng.uniform(0.4, 0.68))


def _upright(radius: float, half: float) -> Piece:
    """Build a cylinder on the floor."""
    return Piece("cylinders", radius, radius, [(0, half, 0, radius, half, radius)], [(0, 2 * half, 0, radius)])


def floor_lamp(rng: Random) -> Piece:
    """Build a foot, a pole and a shade."""
    pole, shade, radius = rng.uniform(0.55, 0.7), rng.uniform(0.1, 0.16), rng.uniform(0.13, 0.2)
    foot = rng.uniform(0.1, 0.14)
    stand = [(0, 0.015, 0, foot, 0.015, foot), (0, pole + 0.03, 0, 0.018, pole, 0.018)]
    return Piece("cylinders", radius, radius, [*stand, (0, 2 * pole + 0.03 + shade, 0, radius, shade, radius)])


def floor_ball(rng: Random) -> Piece:
    """Build a ball on the floor."""
    radius = rng.uniform(0.11, 0.21)
    return Piece("balls", radius, radius, [(0, radius, 0, radius, radius, radius)])


def trinket(rng: Random, top: tuple[float, float, float, float]) -> Piece:
    """Build something small on a top: a ball, a vase or a small box, as a piece without a footprint."""
    x, y, z, space = top
    radius = min(rng.uniform(0.07, 0.14), space - 0.01)
    kind = rng.choices(("balls", "cylinders", "boxes"), (4, 3, 2))[0]
    slender, half = (radius, radius) if kind == "balls" else (radius * rng.uniform(0.5, 0.9), rng.uniform(0.06, 0.17))
    return Piece(kind, 0, 0, [(x, y + half, z, slender, half, slender)])


FURNITURE = {cabinet: 3.5, crates: 3, table: 1.2, bench: 2, sofa: 3, chair: 1.2}
ROUND_FURNITURE = {drum: 3, floor_lamp: 2, column: 2}


def furnish(rng: Random, room: Vector, camera: Vector, yaw: float) -> Pieces:
    """Place furniture on the floor of a room, in view of the camera.

    Parameters
    ----------
    rng : random.Random
        Where the random numbers come from.
    room, camera : (float, float, float)
        Half extents of the room, position of the camera, in metres.
    yaw : float
        Where the camera looks, in radians to the right of the far wall.

    Returns
    -------
    dict
        ``boxes``, ``cylinders`` and ``balls``: for each piece of that kind the rows of its parts, a row being centre,
        half extents, cosine and sine in the room, then its ``SHAPES``.

    Examples
    --------
    >>> pieces = furnish(Random(0), room=(2.0, 1.3, 2.5), camera=(0.0, 0.2, 2.2), yaw=0.0)
    >>> [len(parts) for parts in pieces["boxes"]]
    [4, 1, 1, 1]
    """
    pieces = {kind: [] for kind in SHAPES}
    taken = []
    for build in _wish_list(rng):
        piece = build(rng)
        boxes = sum(map(len, pieces["boxes"])) + (len(piece.parts) if piece.kind == "boxes" else 0)
        place = _place(rng, piece, room, camera, yaw, taken) if boxes <= MAX_BOXES else None
        if place is not None:
            pieces[piece.kind].append(_placed(piece, place, room))
            if piece.tops and rng.random() < 0.5:
                small = trinket(rng, rng.choice(piece.tops))
                pieces[small.kind].append(_placed(small, place, room))
    return pieces


def _wish_list(rng: Random) -> list[Callable[[Random], Piece]]:
    """Draw the builders of the pieces of one room, the large ones first."""
    boxy = rng.choices(list(FURNITURE), list(FURNITURE.values()), k=rng.choice((2, 3, 3, 4)))
    rounded = rng.choices(list(ROUND_FURNITURE), list(ROUND_FURNITURE.values()), k=rng.choice((1, 1, 2, 2)))
    return [*boxy, *rounded, *[floor_ball] * rng.choice((1, 1, 1, 2, 2))]


def _place(rng: Random, piece: Piece, room: Vector, camera: Vector, yaw: float, taken: list[Numbers]) -> Vector | None:
    """Draw a free place (x, z, angle) on the floor and add it to ``taken``; None after some attempts."""
    for _ in range(12):
        x, z, angle = _propose(rng, piece, room)
        cos, sin = abs(math.cos(angle)), abs(math.sin(angle))
        reach_x = cos * piece.half_width + sin * piece.half_depth
        reach_z = sin * piece.half_width + cos * piece.half_depth
        inside = abs(x) + reach_x < room[0] and abs(z) + reach_z < room[2]
        free = all(abs(x - u) > reach_x + a + 0.05 or abs(z - v) > reach_z + b + 0.05 for u, v, a, b in taken)
        if inside and free and _in_view(x, z, max(reach_x, reach_z), camera, yaw):
            taken.append((x, z, reach_x, reach_z))
            return x, z, angle
    return None


def _propose(rng: Random, piece: Piece, room: Vector) -> Vector:
    """Draw a place: with its back to a wall, or anywhere."""
    half_x, _, half_z = room
    x, z, angle = rng.uniform(-half_x, half_x), rng.uniform(-half_z, half_z), rng.uniform(-math.pi, math.pi)
    gap = piece.half_depth + 0.02 + 0.06 * rng.random()
    far, right, left = (x, gap - half_z, 0.0), (half_x - gap, z, math.pi / 2), (gap - half_x, z, -math.pi / 2)
    return rng.choice((far, far, right, left, (x, z, angle), (x, z, angle)))


def _in_view(x: float, z: float, reach: float, camera: Vector, yaw: float) -> bool:
    """Tell whether a place is in front of the camera and not too close."""
    ahead_x, ahead_z = x - camera[0], z - camera[2]
    angle = math.atan2(ahead_x, -ahead_z) - yaw
    return abs(angle) < HALF_VIEW and math.hypot(ahead_x, ahead_z) > CAMERA_CLEARANCE + reach


def _placed(piece: Piece, place: Vector, room: Vector) -> list[Numbers]:
    """Turn the parts of a piece and move them to their place in the room."""
    x, z, angle = place
    cos, sin = math.cos(angle), math.sin(angle)
    return [
        (x + cos * cx - sin * cz, cy - room[1], z + sin * cx + cos * cz, *half, cos, sin, *SHAPES[piece.kind])
        for cx, cy, cz, *half in piece.parts
    ]


def hang_pictures(rng: Random, room: Vector) -> list[tuple[float, float, float, float, float]]:
    """Draw pictures on the walls: rows of face, centre along the wall, centre in height, half extents."""
    rows = []
    for _ in range(rng.choice((2, 3, 3, 4, 5))):
        face = rng.choice((FAR_WALL, FAR_WALL, RIGHT_WALL, LEFT_WALL))
        half_u, half_v = rng.uniform(0.2, 0.55), rng.uniform(0.18, 0.42)
        length = room[0] if face == FAR_WALL else room[2]
        u, v = rng.uniform(-0.9, 0.9) * (length - half_u), rng.uniform(0.15, 0.5) * room[1]
        if all(face != f or abs(u - a) > half_u + b + 0.08 for f, a, _, b, _ in rows):
            rows.append((float(face), u, v, half_u, half_v))
    return rows
