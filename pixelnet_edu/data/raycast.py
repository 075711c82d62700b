"""Ray casting: where rays meet the surfaces of a furnished room, and what those surfaces are.

Where a ray from a fixed point meets a plane, the inverse of the distance is linear in its direction, so one matrix
product meets all rays with all planes. Rays from the camera find the visible surface of each pixel, with its class,
normal and depth; rays from the lamp find the shadows. All is done by tensor operations, on a CPU or a GPU.

World frame: the origin at the centre of the room, y up, metres. Camera frame: x right, y down, z into the scene.

Shape legend: B scenes, N objects, R rays, P pictures on walls, C columns of a table, M materials, H x W pixels.
"""

from dataclasses import dataclass

import torch

from pixelnet_edu.data.room_layouts import FACE_CLASSES
from pixelnet_edu.data.room_tables import FAR

NUM_FACES = len(FACE_CLASSES)
INDEX_BITS = 31  # the low bits of an inverse distance that carry an object's index: at most 31 objects a scene
RAYS_AT_ONCE = 4608  # so many that their meetings with all objects stay in the processor's cache


def pinhole(scene, size):
    """Focal length (B, 1) and principal point, in pixels, of images of `size` (height, width)."""
    height, width = size
    return scene.focal_length * min(size), (width - 1) / 2, (height - 1) / 2


def camera_rays(scene, size):
    """Directions (B, 3, H W) in the world, one metre deep along the optical axis, through every pixel."""
    focal, centre_x, centre_y = pinhole(scene, size)
    x, y = (torch.arange(n, dtype=torch.float32, device=focal.device) for n in size[::-1])
    rotation = scene.camera_rotation[..., None, None]
    right, down = (x - centre_x) / focal[..., None], (y - centre_y) / focal[..., None]
    rays = torch.addcmul(rotation[:, 2], right[:, None], rotation[:, 0])
    return torch.addcmul(rays, down[..., None, :].mT, rotation[:, 1]).flatten(2)


def to_camera(scene, vectors):
    """Rotate vectors (B, 3, R) from the world into the camera frame."""
    rotation = scene.camera_rotation[..., None]
    x, y, z = vectors[:, None].unbind(2)
    return torch.addcmul(torch.addcmul(rotation[:, :, 0] * x, rotation[:, :, 1], y), rotation[:, :, 2], z)


def intersect(view, directions):
    """Inverse distances at which rays enter and leave every object.

    A ray enters a convex object by the last of the planes that it enters, and leaves it by the first that it leaves.

    Parameters
    ----------
    view : Viewpoint
        The point that the rays leave from, outside of every object.
    directions : (B, 3, R) tensor
        Of any length: distances are multiples of it.

    Returns
    -------
    near, far : (B, N, R) tensors
        A ray meets an object where `near > far` and `near > 0`, from the distance `1 / near` to `1 / far`.
    """
    rays = torch.cat([directions, torch.ones_like(directions[:, :1])], 1)
    enter, leave, top, ends, along = (view.planes @ rays).split(view.rows, 1)
    num_boxes, num_rounds = enter.shape[1] // 3, top.shape[1]
    near, far = torch.empty(2, len(rays), num_boxes + num_rounds, rays.shape[2], device=rays.device).unbind()
    torch.amin(enter.unflatten(1, (3, -1)), 1, out=near[:, :num_boxes])
    torch.amax(leave.unflatten(1, (6, -1)), 1, out=far[:, :num_boxes])
    near_side, far_side = _quadratic_roots(view.rounds, directions, along)
    torch.minimum(near_side, top, out=near[:, num_boxes:])
    torch.maximum(far_side, ends.unflatten(1, (2, -1)).amax(1), out=far[:, num_boxes:])
    return near, far


def _quadratic_roots(rounds, directions, along):
    """Inverse distances (B, N, R) at which rays meet the sides of round objects; equal where they miss."""
    c, near_scale, near_shift, far_scale, is_ball = rounds.unbind(1)
    x2, y2, z2 = directions.square()[:, :, None].unbind(1)
    a = torch.addcmul(x2 + z2, is_ball, y2)
    root = torch.addcmul(along * along, c, a, value=-1).clamp_min_(0).sqrt_()
    return torch.addcmul(near_shift, root - along, near_scale), root.add_(along).mul_(far_scale)


def first_hit(scene, directions):
    """Depth (B, R) of the first surface on each camera ray, and the index (B, R) of its object, 0 for the room."""
    tiles = [_nearest(scene.camera, tile) for tile in directions.split(RAYS_AT_ONCE, 2)]
    nearest, keys = (torch.cat(parts, 1) for parts in zip(*tiles, strict=True))
    room, origin = scene.objects[:, 3:6, :1], scene.camera.origin[:, :, None]
    wall = torch.maximum(directions / (room - origin), directions / (-room - origin)).amax(1)
    depth = torch.maximum(nearest, wall).reciprocal_()
    keys = torch.maximum(keys, wall.view(torch.int32).bitwise_and_(~INDEX_BITS))
    return depth, keys.bitwise_and_(INDEX_BITS).long()


def _nearest(view, directions):
    """Inverse distance (B, R) of the nearest object, and its bits with the object's index in the lowest ones.

    The bits of positive numbers sort as the numbers do, so one maximum finds both; a miss is negative.
    """
    near, far = intersect(view, directions)
    near = torch.minimum(near, torch.sub(near, far, out=far).mul_(FAR), out=near)
    nearest = near.amax(1)
    numbers = torch.arange(1, near.shape[1] + 1, device=near.device, dtype=torch.int32)[:, None]
    return nearest, near.view(torch.int32).bitwise_and_(~INDEX_BITS).bitwise_or_(numbers).amax(1)


def shadows(view, directions, lamp_angle):
    """How much of the lamp is hidden, in [0, 1], (B, 1, R), from hits at the ends of `directions` (B, 3, R).

    The longer the way through an object the darker; the further the object from the hit, and the larger the lamp
    seems (`lamp_angle`, (B, 1, R), radians), the more slowly it gets dark: a shadow is sharp where it begins.
    """
    rays = zip(directions.split(RAYS_AT_ONCE, 2), lamp_angle.split(RAYS_AT_ONCE, 2), strict=True)
    return torch.cat([_shadow(view, *tile) for tile in rays], 2).clamp_(0, 1)


def _shadow(view, directions, lamp_angle):
    """The deepest shadow that any object casts, (B, 1, R)."""
    near, far = intersect(view, directions)
    leave = far.clamp_min_(1)
    softness = 2 * lamp_angle
    blur = torch.addcmul(2e-3 - softness, softness, leave)
    return near.sub_(leave).div_(blur).amax(1, keepdim=True)


@dataclass(frozen=True)
class Hits:
    """What each ray meets first; positions and lengths in metres."""

    directions: torch.Tensor  # (B, 3, R), of the rays
    depth: torch.Tensor  # (B, R), along the optical axis
    position: torch.Tensor  # (B, 3, R), in the world
    local: torch.Tensor  # (B, 3, R), in the frame of the object, where its texture is fixed
    normal: torch.Tensor  # (B, 3, R), in the world
    material: torch.Tensor  # (B, R) int64, a column of the table of materials
    surface: torch.Tensor  # (B, R) int64, another number on every smooth surface of every object
    inset: torch.Tensor  # (B, R), from the border of a picture inwards, negative outside of pictures


def trace(scene, directions):
    """Follow camera rays (B, 3, R) to the first surface: `Hits`."""
    depth, index = first_hit(scene, directions)
    position = torch.addcmul(scene.camera.origin[:, :, None], depth[:, None], directions)
    columns = lookup(scene.objects, index)
    cos, sin, is_round, is_ball, facing = columns[:, 6:].unbind(1)
    local = _turn(position - columns[:, :3], cos, sin)
    normal, face = _normals(local / columns[:, 3:6], is_round, is_ball, facing)
    material = torch.where(index == 0, face, index + (NUM_FACES - 1))
    inset, picture = _pictures(scene.pictures, position, material)
    material = torch.where(picture > 0, picture + (NUM_FACES + scene.objects.shape[2] - 2), material)
    surface = material * NUM_FACES + face
    return Hits(directions, depth, position, local, _turn(normal, cos, -sin), material, surface, inset)


def lookup(table, index):
    """Columns (B, C, R) of a table (B, C, M) at (B, R)."""
    return table.gather(2, index[:, None].expand(-1, table.shape[1], -1))


def _turn(vectors, cos, sin):
    """Turn vectors (B, 3, R) about the vertical."""
    x, y, z = vectors.unbind(1)
    return torch.stack([torch.addcmul(cos * x, sin, z), y, torch.addcmul(cos * z, sin, x, value=-1)], 1)


def _normals(unit, is_round, is_ball, facing):
    """Unit normals (B, 3, R), and face numbers (B, R), of points in units of the half extents.

    Each shape is a level set of the largest of three terms: |x|, |y| and |z| for a box; the distance from the axis
    and |y| for a cylinder; the distance from the centre for a ball. A normal keeps the axes of the largest term.
    """
    x2, y2, z2 = unit.square().unbind(1)
    x_term = torch.addcmul(x2, is_round, z2).addcmul_(is_ball, y2)
    y_term = torch.addcmul(y2, is_ball, x2 + z2)
    z_term = torch.addcmul(z2, is_round, x2).addcmul_(is_ball, y2)
    terms = torch.stack([x_term, y_term, z_term], 1)
    active = (terms >= 0.999999 * terms.amax(1, keepdim=True)).to(unit.dtype)
    normal = unit * active
    normal.mul_((facing * normal.square().sum(1).rsqrt_())[:, None])
    x, y, z = normal.unbind(1)
    is_flat = 1 - active[:, 0] * active[:, 2]
    return normal, (x + 2 * y + 3 * z).mul_(is_flat).add_(3).round_().long()


def _pictures(pictures, position, material):
    """How far inside a picture each hit lies (B, R), and which picture it is (B, R), counted from 1; 0 for none."""
    face, u, v, half_u, half_v = pictures[..., None].unbind(1)
    x, y, z = position[:, :, None].unbind(1)
    material = material[:, None]
    along = torch.where((material == 2) | (material == 4), z, x)
    beyond = torch.maximum((along - u).abs_().sub_(half_u), (y - v).abs_().sub_(half_v))
    inset = (material - face).abs_().mul_(-FAR).sub_(beyond)
    numbers = torch.arange(1, pictures.shape[2] + 1, device=face.device)[:, None]
    return inset.amax(1), ((inset > 0) * numbers).amax(1)


def boundaries(surface):
    """Pixels (B, H, W) whose right or lower neighbour belongs to another surface.

    Examples
    --------
    >>> boundaries(torch.tensor([[[4, 4, 5], [4, 4, 5]]])).tolist()
    [[[0, 1, 0], [0, 1, 0]]]
    """
    edges = torch.zeros_like(surface)
    edges[..., :, :-1] |= surface[..., :, :-1] != surface[..., :, 1:]
    edges[..., :-1, :] |= surface[..., :-1, :] != surface[..., 1:, :]
    return edges
