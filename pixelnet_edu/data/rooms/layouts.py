"""Random rooms: what stands where, what it is made of, where the lamp and the camera are.

A layout is drawn from one stream of random numbers that belongs to (seed, index), so that a room is the same
in any order, in any process and at any resolution. Every surface draws its material from the same distribution:
neither colour nor texture gives a class away.

World frame: the origin at the centre of the room, x right, y up, z towards the camera's end of the room, metres.
"""

import math
from colorsys import hsv_to_rgb
from dataclasses import dataclass
from random import Random

import numpy as np

from pixelnet_edu.data.rooms.furniture import furnish, hang_pictures

GEOMETRY_COLUMNS = 8  # centre, half extents, cosine and sine of the rotation about the vertical
PICTURE_COLUMNS = 5  # face of the room, centre along the wall and in height, half extents
MATERIAL_COLUMNS = 16  # light, dark, wave, stretch (3 each), sharpness, bend, grain, gloss
WAVE_COLUMN = 6
KINDS = (*["plain"] * 4, "checks", "checks", "stripes", "stripes", *["speckles"] * 2, *["wood"] * 2)
CLASSES = ("floor", "ceiling", "wall", "box", "cylinder", "ball", "picture")
FLOOR, CEILING, WALL, BOX, CYLINDER, BALL, PICTURE = range(len(CLASSES))
# A flat face is numbered 3 + n . (1, 2, 3) by its axis-aligned unit normal n, a curved one 3; here of the room.
FACE_CLASSES = (WALL, CEILING, WALL, WALL, WALL, FLOOR, WALL)


@dataclass(frozen=True)
class RoomLayout:
    """One room in numbers, float32 arrays; tables have one row an object: its geometry, then its material."""

    room: np.ndarray  # (3,) half extents
    boxes: np.ndarray  # (n, 8 + 16)
    cylinders: np.ndarray
    balls: np.ndarray
    pictures: np.ndarray  # (n, 5 + 16)
    faces: np.ndarray  # (7, 16): a material a face of the room
    camera_position: np.ndarray  # (3,)
    camera_rotation: np.ndarray  # (3, 3): right, down and forward
    focal_length: np.ndarray  # (1,), in units of the shorter side of the image
    lamp_position: np.ndarray  # (3,)
    light: np.ndarray  # (4,): colour, radius
    ambient: np.ndarray  # (2, 3): light on a surface facing down, and up
    sensor: np.ndarray  # (3,): exposure, noise, where the noise starts


def random_layout(seed, index):
    """Draw room number `index` of the collection `seed`.

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
    tables = _with_materials(rng, palette, furnish(rng, room, camera, yaw))
    exposure = rng.uniform(0.85, 1.25)
    return RoomLayout(
        room=_array(room),
        **tables,
        pictures=_table([[*row, *_painting(rng, palette)] for row in hang_pictures(rng, room)], PICTURE_COLUMNS),
        faces=_table(_room_materials(rng, palette), 0),
        camera_position=_array(camera),
        camera_rotation=rotation,
        focal_length=_array([0.5 / math.tan(math.radians(rng.uniform(56, 74)) / 2)]),
        lamp_position=_array(_random_lamp(rng, room)),
        light=_random_light(rng, room),
        ambient=_random_ambient(rng),
        sensor=_array([exposure, rng.uniform(0.004, 0.018), rng.randrange(1 << 20)]),
    )


def _array(values):
    """Float32 array."""
    return np.asarray(values, dtype=np.float32)


def _table(rows, num_columns):
    """Rows as a float32 table, also when there is none."""
    return _array(rows).reshape(len(rows), num_columns + MATERIAL_COLUMNS)


def _random_camera(rng, room):
    """Position, rotation and yaw of a camera at one end of the room that looks to the other."""
    half_x, half_y, half_z = room
    x = rng.uniform(-0.75, 0.75) * (half_x - 0.3)
    position = (x, rng.uniform(1.25, 1.85) - half_y, half_z - rng.uniform(0.25, 0.5))
    target_x, target_z = rng.uniform(-0.55, 0.55) * half_x, rng.uniform(-0.9, -0.3) * half_z
    yaw = math.atan2(target_x - position[0], position[2] - target_z)
    pitch, roll = math.radians(rng.uniform(-17, 1)), math.radians(rng.gauss(0, 1.5))
    return position, _camera_rotation(yaw, pitch, roll), yaw


def _camera_rotation(yaw, pitch, roll):
    """Rows: the right, down and forward of a camera turned to the right by yaw and up by pitch, then rolled."""
    forward = np.array([math.sin(yaw) * math.cos(pitch), math.sin(pitch), -math.cos(yaw) * math.cos(pitch)])
    right = np.array([math.cos(yaw), 0, math.sin(yaw)])
    down = np.array([math.sin(yaw) * math.sin(pitch), -math.cos(pitch), -math.cos(yaw) * math.sin(pitch)])
    cos, sin = math.cos(roll), math.sin(roll)
    return _array([cos * right + sin * down, cos * down - sin * right, forward])


def _random_lamp(rng, room):
    """A place below the ceiling."""
    half_x, half_y, half_z = room
    return rng.uniform(-0.75, 0.75) * half_x, half_y - rng.uniform(0.12, 0.6), rng.uniform(-0.75, 0.45) * half_z


def _random_light(rng, room):
    """Colour and radius of the lamp; it is stronger in larger rooms."""
    warmth = rng.uniform(-0.12, 0.22)
    strength = rng.uniform(0.85, 1.25) * (1.5 + room[0] * room[2])
    return _array([strength * (1 + warmth), strength, strength * (1 - warmth), rng.uniform(0.05, 0.22)])


def _random_ambient(rng):
    """What comes from below is dimmer and takes a little colour from the floor."""
    level, coolness = rng.uniform(0.16, 0.34), rng.uniform(-0.06, 0.12)
    above = np.array([1 - coolness, 1, 1 + coolness]) * level
    return _array([above * rng.uniform(0.6, 0.95) * (1.06, 1, 0.92), above])


def _random_palette(rng):
    """Five colours of a room: two related hues, an accent and two that are nearly grey."""
    hue = rng.random()
    hues = (hue, hue + rng.uniform(0.04, 0.12), hue + rng.uniform(0.4, 0.6), hue + 0.02, rng.uniform(0.05, 0.12))
    saturations = (rng.uniform(0.15, 0.5), rng.uniform(0.3, 0.65), rng.uniform(0.35, 0.75), 0.06, 0.2)
    return [(h % 1, s) for h, s in zip(hues, saturations, strict=True)]


def _random_colour(rng, palette, low=0.35, high=0.95):
    """A colour of the palette, its brightness drawn, as linear light."""
    hue, saturation = rng.choice(palette)
    rgb = hsv_to_rgb((hue + rng.gauss(0, 0.015)) % 1, saturation * rng.uniform(0.5, 1.0), rng.uniform(low, high))
    return [channel * channel for channel in rgb]


def random_material(rng, palette, extents):
    """Draw a material for an object of some half extents: 16 numbers.

    Parameters
    ----------
    rng : random.Random
    palette : list of (hue, saturation)
    extents : (float, float, float)
        Half extents, which a whole number of cells of the pattern fits.
    """
    light = _random_colour(rng, palette)
    dark = [channel * rng.uniform(0.3, 0.75) for channel in light]
    if rng.random() < 0.35:
        dark = _random_colour(rng, palette, 0.25, 0.8)
    kind = rng.choice(KINDS)
    axes, cell, sharpness, bend, grain, stretch = _pattern(rng, kind, max(extents))
    if kind in ("plain", "speckles"):
        dark = [channel * 0.7 for channel in light]
    wave = [_fitting_wave(cell, extent) if on else 0.0 for on, extent in zip(axes, extents, strict=True)]
    return [*light, *dark, *wave, *stretch, sharpness, bend, grain, rng.choice((0, 0, 0.1, 0.3))]


def _fitting_wave(cell, extent):
    """Radians a metre of a wave of about this half period that is at a crest or trough at both ends of the object."""
    return math.pi * max(1, round(extent / cell)) / extent


def _pattern(rng, kind, extent):
    """Axes of the waves, cell in metres, sharpness, bend, grain, and noise tiles a metre, of a kind of pattern."""
    size = min(extent, 1.6) * 0.25 + 0.1
    axis = rng.randrange(3)
    one = [i == axis for i in range(3)]
    even = [rng.uniform(0.3, 0.7)] * 3
    if kind == "checks":
        return (True, True, True), size * rng.uniform(0.5, 1.3), 50.0, 0.0, 0.06, even
    if kind == "stripes":
        return one, size * rng.uniform(0.25, 0.9), rng.choice((1.0, 50.0)), 0.0, 0.05, even
    if kind == "wood":
        along = [0.12 if i == axis else rng.uniform(0.6, 0.9) for i in range(3)]
        across = [i == (axis + 1) % 3 for i in range(3)]
        return across, rng.uniform(0.04, 0.09), 0.8, rng.uniform(0.04, 0.12), 0.2, along
    grain = rng.uniform(0.5, 0.9) if kind == "speckles" else rng.uniform(0.05, 0.15)
    return (False, False, False), 1.0, 1.0, 0.0, grain, [rng.uniform(0.3, 1.2)] * 3


def _room_materials(rng, palette):
    """Seven rows: the wall behind the camera, ceiling, right wall, (unused), left wall, floor, the wall ahead."""
    size = (1.6, 1.6, 1.6)
    wall, floor, ceiling = (random_material(rng, palette, size) for _ in range(3))
    accent = random_material(rng, palette, size) if rng.random() < 0.3 else wall
    rows = [(wall, 2), (ceiling, 1), (wall, 0), (wall, 0), (wall, 0), (floor, 1), (accent, 2)]
    return [_flattened(material, axis) for material, axis in rows]


def _flattened(material, axis):
    """The material without its wave across the surface that it covers."""
    return [0.0 if column == WAVE_COLUMN + axis else number for column, number in enumerate(material)]


def _with_materials(rng, palette, parts):
    """Tables of objects; the parts of one piece are made of one material."""
    materials, tables = {}, {}
    for kind, rows in parts.items():
        for row, name in rows:
            if name not in materials:
                materials[name] = random_material(rng, palette, row[3:6])
        tables[kind] = _table([[*row, *materials[name]] for row, name in rows], GEOMETRY_COLUMNS)
    return tables


def _painting(rng, palette):
    """The material of a picture: any pattern, with a frame in its dark colour."""
    material = random_material(rng, palette, [rng.uniform(0.2, 0.7)] * 3)
    material[3:6] = _random_colour(rng, palette, 0.15, 0.95)
    return material
