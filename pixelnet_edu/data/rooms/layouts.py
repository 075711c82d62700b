"""Random rooms: what stands where, what it is made of, where the lamp and the camera are.

A layout is drawn from one stream of random numbers that belongs to (seed, index), so that a room is the same
in any order, in any process and at any resolution. Every surface draws its material from the same distribution:
neither colour nor texture gives a class away.

World frame: the origin at the centre of the room, x right, y up, z towards the camera's end of the room, metres.

Shapes: n objects of a kind; 11 numbers of geometry and 16 of material an object.
"""

import math
from collections.abc import Sequence
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from random import Random

import numpy as np

from pixelnet_edu.data.rooms.furniture import Pieces, Vector, furnish, hang_pictures

GEOMETRY_COLUMNS = 11  # centre, half extents, cosine and sine of the turn about the vertical, then its ``SHAPES``
PICTURE_COLUMNS = 5  # face of the room, centre along the wall and in height, half extents
MATERIAL_COLUMNS = 16  # light, dark, wave, stretch (3 each), sharpness, bend, grain, gloss
WAVE_COLUMN = 6
KINDS = (*["plain"] * 4, "checks", "checks", "stripes", "stripes", *["speckles"] * 2, *["wood"] * 2)
CLASSES = ("floor", "ceiling", "wall", "box", "cylinder", "ball", "picture")
FLOOR, CEILING, WALL, BOX, CYLINDER, BALL, PICTURE = range(len(CLASSES))
# A flat face is numbered 3 + n . (1, 2, 3) by its axis-aligned unit normal n, a curved one 3; here of the room.
FACE_CLASSES = (WALL, CEILING, WALL, WALL, WALL, FLOOR, WALL)

Colour = tuple[float, float]  # hue and saturation


@dataclass(frozen=True)
class RoomLayout:
    """One room in numbers, float32 arrays; a table has a row for each object: its geometry, then its material.

    Parameters
    ----------
    room : array (3,)
        Half extents in metres.
    boxes, cylinders, balls : array (n, 11 + 16)
        The furniture.
    pictures : array (n, 5 + 16)
        On the walls.
    faces : array (7, 16)
        The material of each face of the room.
    camera_position, camera_rotation : array (3,) and (3, 3)
        In the world; the rotation's rows are right, down and forward.
    focal_length : array (1,)
        In units of the shorter side of the image.
    lamp_position : array (3,)
        In the world.
    light : array (4,)
        Colour and radius of the lamp.
    ambient : array (2, 3)
        Light on a surface that faces down, and up.
    sensor : array (3,)
        Exposure, noise, and where the noise starts in its table.
    """

    room: np.ndarray
    boxes: np.ndarray
    cylinders: np.ndarray
    balls: np.ndarray
    pictures: np.ndarray
    faces: np.ndarray
    camera_position: np.ndarray
    camera_rotation: np.ndarray
    focal_length: np.ndarray
    lamp_position: np.ndarray
    light: np.ndarray
    ambient: np.ndarray
    sensor: np.ndarray


def random_layout(seed: int, index: int) -> RoomLayout:
    """Draw room number ``index`` of the collection ``seed``.

    Examples
    --------
    >>> layout = random_layout(seed=0, index=7)
    >>> bool((layout.room == random_layout(seed=0, index=7).room).all())
    True
    """
    rng = Random(f"{seed}/{index}")
    room = (rng.uniform(1.7, 2.7), rng.uniform(1.2, 1.5), rng.uniform(1.9, 2.9))
    palette = _random_palette(rng)
    camera, rotation, yaw = _random_camera(rng, room)
    arrays = _with_materials(rng, palette, furnish(rng, room, camera, yaw))
    exposure = rng.uniform(0.85, 1.25)
    pictures = [[*row, *_painting(rng, palette)] for row in hang_pictures(rng, room)]
    arrays |= {"pictures": _table(pictures, PICTURE_COLUMNS), "faces": _room_materials(rng, palette)}
    arrays["focal_length"] = _array([0.5 / math.tan(math.radians(rng.uniform(56, 74)) / 2)])
    arrays |= _random_light(rng, room)
    sensor = _array([exposure, rng.uniform(0.004, 0.018), rng.randrange(1 << 20)])
    return RoomLayout(_array(room), camera_position=_array(camera), camera_rotation=rotation, sensor=sensor, **arrays)


def _array(values: Sequence) -> np.ndarray:
    """Make a float32 array."""
    return np.asarray(values, dtype=np.float32)


def _table(rows: Sequence[Sequence[float]], num_columns: int) -> np.ndarray:
    """Make a float32 table of rows of geometry and material, also when there is none."""
    return _array(rows).reshape(len(rows), num_columns + MATERIAL_COLUMNS)


def _random_camera(rng: Random, room: Vector) -> tuple[Vector, np.ndarray, float]:
    """Draw position, rotation and yaw of a camera at one end of the room that looks to the other.

    It is turned to the right by yaw and up by pitch, then rolled; the rotation's rows are its right, down and forward.
    """
    half_x, half_y, half_z = room
    x = rng.uniform(-0.75, 0.75) * (half_x - 0.3)
    position = (x, rng.uniform(1.25, 1.85) - half_y, half_z - rng.uniform(0.25, 0.5))
    target_x, target_z = rng.uniform(-0.55, 0.55) * half_x, rng.uniform(-0.9, -0.3) * half_z
    yaw = math.atan2(target_x - position[0], position[2] - target_z)
    pitch, roll = math.radians(rng.uniform(-17, 1)), math.radians(rng.gauss(0, 1.5))
    forward = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), -math.cos(yaw) * math.cos(pitch)])
    right = np.array([math.cos(yaw), 0, math.sin(yaw)])
    down = np.array([math.sin(yaw) * math.sin(pitch), -math.cos(pitch), -math.cos(yaw) * math.sin(pitch)])
    cos, sin = math.cos(roll), math.sin(roll)
    return position, _array([cos * right + sin * down, cos * down - sin * right, forward]), yaw


def _random_light(rng: Random, room: Vector) -> dict[str, np.ndarray]:
    """Draw a lamp below the ceiling, stronger in larger rooms, and dim light from all around.

    What comes from below is dimmer still and takes a little colour from the floor.
    """
    half_x, half_y, half_z = room
    place = (rng.uniform(-0.75, 0.75) * half_x, half_y - rng.uniform(0.12, 0.6), rng.uniform(-0.75, 0.45) * half_z)
    warmth = rng.uniform(-0.12, 0.22)
    strength = rng.uniform(0.85, 1.25) * (1.5 + half_x * half_z)
    light = (strength * (1 + warmth), strength, strength * (1 - warmth), rng.uniform(0.05, 0.22))
    level, coolness = rng.uniform(0.16, 0.34), rng.uniform(-0.06, 0.12)
    above = np.array([1 - coolness, 1, 1 + coolness]) * level
    below = above * rng.uniform(0.6, 0.95) * (1.06, 1, 0.92)
    return {"lamp_position": _array(place), "light": _array(light), "ambient": _array([below, above])}


def _random_palette(rng: Random) -> list[Colour]:
    """Draw five colours of a room: two related hues, an accent and two that are nearly grey."""
    hue = rng.random()
    hues = (hue, hue + rng.uniform(0.04, 0.12), hue + rng.uniform(0.4, 0.6), hue + 0.02, rng.uniform(0.05, 0.12))
    saturations = (rng.uniform(0.15, 0.5), rng.uniform(0.3, 0.65), rng.uniform(0.35, 0.75), 0.06, 0.2)
    return [(h % 1, s) for h, s in zip(hues, saturations, strict=True)]


def _random_colour(rng: Random, palette: list[Colour], low: float = 0.35, high: float = 0.95) -> list[float]:
    """Draw a colour of the palette and its brightness, as linear light."""
    hue, saturation = rng.choice(palette)
    rgb = hsv_to_rgb((hue + rng.gauss(0, 0.015)) % 1, saturation * rng.uniform(0.5, 1.0), rng.uniform(low, high))
    return [channel * channel for channel in rgb]


def random_material(rng: Random, palette: list[Colour], extents: Sequence[float]) -> list[float]:
    """Draw a material for an object of some half extents: 16 numbers.

    Parameters
    ----------
    rng : random.Random
        Where the random numbers come from.
    palette : list of (hue, saturation)
        Colours to choose from, both numbers in [0, 1].
    extents : (float, float, float)
        Half extents in metres. A whole number of cells of the pattern fits each, so that its waves are at a crest or
        a trough at both ends of the object.

    Examples
    --------
    >>> len(random_material(Random(0), [(0.1, 0.5)], extents=(0.3, 0.5, 0.2)))
    16
    """
    light = _random_colour(rng, palette)
    dark = [channel * rng.uniform(0.3, 0.75) for channel in light]
    if rng.random() < 0.35:
        dark = _random_colour(rng, palette, 0.25, 0.8)
    kind = rng.choice(KINDS)
    axes, cell, sharpness, bend, grain, stretch = _pattern(rng, kind, max(extents))
    if kind in ("plain", "speckles"):
        dark = [channel * 0.7 for channel in light]
    wave = [math.pi * max(1, round(half / cell)) / half if i in axes else 0.0 for i, half in enumerate(extents)]
    return [*light, *dark, *wave, *stretch, sharpness, bend, grain, rng.choice((0, 0, 0.1, 0.3))]


def _pattern(rng: Random, kind: str, extent: float) -> tuple[Sequence[int], float, float, float, float, list[float]]:
    """Draw axes of the waves, cell in metres, sharpness, bend, grain and noise tiles a metre of a kind of pattern."""
    size = min(extent, 1.6) * 0.25 + 0.1
    axis = rng.randrange(3)
    even = [rng.uniform(0.3, 0.7)] * 3
    if kind == "checks":
        return (0, 1, 2), size * rng.uniform(0.5, 1.3), 50.0, 0.0, 0.06, even
    if kind == "stripes":
        return [axis], size * rng.uniform(0.25, 0.9), rng.choice((1.0, 50.0)), 0.0, 0.05, even
    if kind == "wood":
        along = [0.12 if i == axis else rng.uniform(0.6, 0.9) for i in range(3)]
        return [(axis + 1) % 3], rng.uniform(0.04, 0.09), 0.8, rng.uniform(0.04, 0.12), 0.2, along
    grain = rng.uniform(0.5, 0.9) if kind == "speckles" else rng.uniform(0.05, 0.15)
    return (), 1.0, 1.0, 0.0, grain, [rng.uniform(0.3, 1.2)] * 3


def _room_materials(rng: Random, palette: list[Colour]) -> np.ndarray:
    """Draw seven rows: the wall behind the camera, ceiling, right wall, (unused), left wall, floor, the wall ahead."""
    wall, floor, ceiling = (random_material(rng, palette, (1.6, 1.6, 1.6)) for _ in range(3))
    accent = random_material(rng, palette, (1.6, 1.6, 1.6)) if rng.random() < 0.3 else wall
    faces = _array([wall, ceiling, wall, wall, wall, floor, accent])
    faces[range(7), [WAVE_COLUMN + axis for axis in (2, 1, 0, 0, 0, 1, 2)]] = 0  # no wave across the surface
    return faces


def _with_materials(rng: Random, palette: list[Colour], pieces: Pieces) -> dict[str, np.ndarray]:
    """Make tables of objects, one row a part; the parts of one piece are made of one material."""
    tables = {}
    for kind in pieces:
        made = [(parts, random_material(rng, palette, parts[0][3:6])) for parts in pieces[kind]]
        tables[kind] = _table([[*part, *material] for parts, material in made for part in parts], GEOMETRY_COLUMNS)
    return tables


def _painting(rng: Random, palette: list[Colour]) -> list[float]:
    """Draw the material of a picture: any pattern, with a frame in its dark colour."""
    material = random_material(rng, palette, [rng.uniform(0.2, 0.7)] * 3)
    material[3:6] = _random_colour(rng, palette, 0.15, 0.95)
    return material
