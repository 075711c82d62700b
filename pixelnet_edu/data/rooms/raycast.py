"""Ray casting: where rays meet the surfaces of a furnished room, and what those surfaces are.

Rays from the camera find the visible surface of each pixel, with its class, normal and depth; rays from the lamp find
the shadows. All is done by tensor operations over scenes, objects and rays, on a CPU or a GPU.

World frame: the origin at the centre of the room, y up, metres. Camera frame: x right, y down, z into the scene.

Shapes: B scenes, N objects, R rays, P pictures on walls, C columns of a table, M materials, H x W pixels.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from pixelnet_edu.data.rooms.layouts import FACE_CLASSES
from pixelnet_edu.data.rooms.tables import SceneBatch

FAR = 1e20
NUM_FACES = len(FACE_CLASSES)
INDEX_BITS = 31  # the low bits of a distance that carry an object's index: at most 31 objects a scene


def camera_rays(scene: SceneBatch, focal: Tensor, size: tuple[int, int]) -> Tensor:
    """Return directions (B, 3, H W) in the world, one metre deep along the optical axis, through every pixel.

    ``focal`` (B, 1) is the focal length in pixels, ``size`` the height and the width.
    """
    rotation = scene.camera_rotation[..., None, None]
    right, down = ((torch.arange(n).to(focal) - (n - 1) / 2) / focal[..., None] for n in reversed(size))
    rays = torch.addcmul(rotation[:, 2], right[:, None], rotation[:, 0])
    return torch.addcmul(rays, down[..., None, :].mT, rotation[:, 1]).flatten(2)


def to_camera(scene: SceneBatch, vectors: Tensor) -> Tensor:
    """Rotate vectors (B, 3, R) from the world into the camera frame."""
    rotation = scene.camera_rotation[..., None]
    x, y, z = vectors[:, None].unbind(2)
    return torch.addcmul(torch.addcmul(rotation[:, :, 0] * x, rotation[:, :, 1], y), rotation[:, :, 2], z)


def intersect(boxes: Tensor, rounds: Tensor, origin: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Find where rays enter and leave every object.

    Parameters
    ----------
    boxes, rounds : Tensor (B, 8, N boxes) and (B, 6, N round)
        As in `SceneBatch`, neither empty.
    origin : Tensor (B, 3)
        The point that all the rays of a scene leave from, outside of every object.
    directions : Tensor (B, 3, R)
        Of any length: distances are multiples of it.

    Returns
    -------
    near, far : Tensor (B, N, R)
        A ray is inside an object from ``near``, at least 0, to ``far``. Where ``near >= far`` it misses.

    Examples
    --------
    >>> box = torch.tensor([0.0, 0, -3, 1, 1, 1, 1, 0]).view(1, 8, 1)
    >>> ball = torch.tensor([0.0, 9, 0, 1, 1, 1]).view(1, 6, 1)
    >>> near, far = intersect(box, ball, torch.zeros(1, 3), torch.tensor([0.0, 0, -1]).view(1, 3, 1))
    >>> near[0, 0].tolist(), far[0, 0].tolist(), (near >= far)[0, :, 0].tolist()
    ([2.0], [4.0], [False, True])
    """
    num_boxes = boxes.shape[2]
    near, far = directions.new_empty(2, len(directions), num_boxes + rounds.shape[2], directions.shape[2])
    _hit_boxes(boxes, origin, directions, near[:, :num_boxes], far[:, :num_boxes])
    _hit_rounds(rounds, origin, directions, near[:, num_boxes:], far[:, num_boxes:])
    return near.clamp_min_(0), far


def _hit_slab(offset: Tensor, direction: Tensor, half: Tensor) -> tuple[Tensor, Tensor]:
    """Find where rays pass the planes at -half and +half of one axis; ``direction`` is overwritten."""
    inverse = direction.reciprocal_()
    middle = inverse * -offset
    reach = inverse.abs_() * half
    return middle - reach, middle.add_(reach)


def _hit_boxes(boxes: Tensor, origin: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> None:
    """Enter a box by the last slab, leave it by the first."""
    centre, (half_x, half_y, half_z, cos, sin) = boxes[:, :3], boxes[:, 3:, :, None].unbind(1)
    ox, oy, oz = (origin[:, :, None] - centre)[..., None].unbind(1)
    x, y, z = directions[:, :, None].unbind(1)
    never_zero = 1 / FAR  # added last: the products can cancel, where they are rounded before they are summed
    near_x, far_x = _hit_slab(cos * ox + sin * oz, (cos * x).addcmul_(sin, z).add_(never_zero), half_x)
    near_y, far_y = _hit_slab(oy, y + never_zero, half_y)
    near_z, far_z = _hit_slab(cos * oz - sin * ox, (cos * z).addcmul_(sin, x, value=-1).add_(never_zero), half_z)
    torch.maximum(torch.maximum(near_x, near_y, out=near), near_z, out=near)
    torch.minimum(torch.minimum(far_x, far_y, out=far), far_z, out=far)


def _hit_rounds(rounds: Tensor, origin: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> None:
    """Solve a quadratic equation; that of a cylinder leaves out y, and a slab cuts it off."""
    centre, (radius, half_y, is_ball) = rounds[:, :3], rounds[:, 3:, :, None].unbind(1)
    ox, oy, oz = (origin[:, :, None] - centre)[..., None].unbind(1)
    x, y, z = directions[:, :, None].unbind(1)
    ball_y = oy * is_ball
    a = torch.addcmul(x * x + z * z, is_ball, y * y)
    b = torch.addcmul(ox * x, oz, z).addcmul_(ball_y, y)
    c = ox * ox + oz * oz + ball_y * oy - radius * radius
    root = torch.addcmul(b * b, a, c, value=-1).clamp_min_(0).sqrt_()
    scale = a.reciprocal_().neg_()
    near_y, far_y = _hit_slab(oy, y + 1 / FAR, half_y)
    torch.maximum((b + root).mul_(scale), near_y, out=near)
    torch.minimum(b.sub_(root).mul_(scale), far_y, out=far)


def _tiles(scene: SceneBatch, origin: Tensor, heights: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yield slices of rays with the boxes and the round objects that rise above the lowest point of such a ray.

    ``heights`` (B, R) are those of the ends of the rays. The objects that matter come first in their tables.
    """
    tops = [table[:, 1] + table[:, 4] for table in (scene.boxes, scene.objects[:, :, 1 + scene.boxes.shape[2] :])]
    batch, length = heights.shape
    step = max(1024, 4608 // batch) if heights.is_cpu else length  # what a processor's cache holds
    for start in range(0, length, step):
        rays = slice(start, start + step)
        lowest = torch.minimum(heights[:, rays].amin(1), origin[:, 1])[:, None]
        boxes, rounds = (int((top > lowest).sum(1).max()) for top in tops)
        if boxes or rounds:
            yield rays, scene.boxes[:, :, : max(boxes, 1)], scene.rounds[:, :, : max(rounds, 1)]


def first_hit(scene: SceneBatch, directions: Tensor) -> tuple[Tensor, Tensor]:
    """Find the depth (B, R) of the first surface on each camera ray, and its object (B, R), 0 for the room."""
    origin, room = scene.camera_position, scene.objects[:, 3:6, :1]
    inverse = (directions + 1 / FAR).reciprocal_()
    depth = torch.addcmul(inverse.abs() * room, inverse, origin[:, :, None], value=-1).amin(1)
    index = torch.zeros_like(depth, dtype=torch.int64)
    for rays, boxes, rounds in _tiles(scene, origin, origin[:, 1:2] + depth * directions[:, 1]):
        near, far = intersect(boxes, rounds, origin, directions[:, :, rays])
        numbers = torch.arange(1, near.shape[1] + 1, device=near.device, dtype=torch.int32)
        numbers[boxes.shape[2] :] += scene.boxes.shape[2] - boxes.shape[2]
        depth[:, rays], index[:, rays] = _nearest(near, far, depth[:, rays], numbers)
    return depth, index


def _nearest(near: Tensor, far: Tensor, wall: Tensor, numbers: Tensor) -> tuple[Tensor, Tensor]:
    """Find the nearest distance (B, R), and which object is there, 0 where the wall is nearer.

    The number of an object rides in the lowest bits of its distance, so that one minimum finds it.
    """
    near.add_(torch.sub(near, far, out=far).add_(1e-7).clamp_min_(0), alpha=FAR)
    depth = torch.minimum(near.amin(1), wall)
    keys = near.view(torch.int32).bitwise_and_(~INDEX_BITS).bitwise_or_(numbers[:, None]).amin(1)
    return depth, torch.minimum(keys, wall.view(torch.int32) & ~INDEX_BITS).bitwise_and_(INDEX_BITS)


def shadows(scene: SceneBatch, position: Tensor, lamp_angle: Tensor) -> Tensor:
    """Tell how much of the lamp is hidden, in [0, 1], (B, 1, R), from each ``position`` (B, 3, R).

    The longer the way through an object the darker; the further the object from the hit, and the larger the lamp
    seems (``lamp_angle``, (B, 1, R), radians), the more slowly it gets dark: a shadow is sharp where it begins.
    """
    origin = scene.lamp_position
    directions, softness = position - origin[:, :, None], 2 * lamp_angle
    hidden = torch.zeros_like(lamp_angle)
    for rays, boxes, rounds in _tiles(scene, origin, position[:, 1]):
        near, far = intersect(boxes, rounds, origin, directions[:, :, rays])
        leave, soft = far.clamp_max_(1), softness[..., rays]
        blur = torch.addcmul(soft + 2e-3, soft, leave, value=-1)
        hidden[..., rays] = leave.sub_(near).div_(blur).amax(1, keepdim=True)
    return hidden.clamp_(0, 1)


class Hits(NamedTuple):
    """What each ray meets first; positions and lengths in metres.

    Parameters
    ----------
    directions : Tensor (B, 3, R)
        Of the rays, in the world.
    depth : Tensor (B, R)
        Along the optical axis.
    position : Tensor (B, 3, R)
        In the world.
    local : Tensor (B, 3, R)
        The position in the frame of the object, where its texture is fixed.
    normal : Tensor (B, 3, R)
        Unit vectors in the world.
    material : Tensor (B, R), int64
        A column of the table of materials.
    surface : Tensor (B, R), int64
        Another number on every smooth surface of every object.
    inset : Tensor (B, R)
        From the border of a picture inwards, negative outside of pictures.
    """

    directions: Tensor
    depth: Tensor
    position: Tensor
    local: Tensor
    normal: Tensor
    material: Tensor
    surface: Tensor
    inset: Tensor


def trace(scene: SceneBatch, directions: Tensor) -> Hits:
    """Follow camera rays (B, 3, R) to the first surface."""
    depth, index = first_hit(scene, directions)
    position = torch.addcmul(scene.camera_position[:, :, None], depth[:, None], directions)
    columns = lookup(scene.objects, index)
    cos, sin, is_round, is_ball, facing = columns[:, 6:].unbind(1)
    local = _turn(position - columns[:, :3], cos, sin)
    normal, face = _normals(local / columns[:, 3:6], is_round, is_ball, facing)
    material = torch.where(index == 0, face, index + (NUM_FACES - 1))
    inset, picture = _pictures(scene.pictures, position, material)
    material = torch.where(picture > 0, picture + (NUM_FACES + scene.objects.shape[2] - 2), material)
    normal, surface = _turn(normal, cos, -sin), material * NUM_FACES + face
    return Hits(directions, depth, position, local, normal, material, surface, inset)


def lookup(table: Tensor, index: Tensor) -> Tensor:
    """Read the columns (B, C, R) of a table (B, C, M) at (B, R)."""
    return table.gather(2, index[:, None].expand(-1, table.shape[1], -1))


def _turn(vectors: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn vectors (B, 3, R) about the vertical."""
    x, y, z = vectors.unbind(1)
    return torch.stack([torch.addcmul(cos * x, sin, z), y, torch.addcmul(cos * z, sin, x, value=-1)], 1)


def _normals(unit: Tensor, is_round: Tensor, is_ball: Tensor, facing: Tensor) -> tuple[Tensor, Tensor]:
    """Find unit normals (B, 3, R), and face numbers (B, R), of points in units of the half extents.

    Each shape is a level set of the largest of three terms: |x|, |y| and |z| for a box; the distance from the axis
    and |y| for a cylinder; the distance from the centre for a ball. A normal keeps the axes of the largest term.
    """
    x2, y2, z2 = unit.square().unbind(1)
    x_term = torch.addcmul(x2, is_round, z2).addcmul_(is_ball, y2)
    y_term = torch.addcmul(y2, is_ball, x2 + z2)
    z_term = torch.addcmul(z2, is_round, x2).addcmul_(is_ball, y2)
    terms = torch.stack([x_term, y_term, z_term], 1)
    active = torch.ge(terms, terms.amax(1, keepdim=True) * 0.999999, out=terms)
    normal = unit * active
    normal.mul_((facing * normal.square().sum(1).rsqrt_())[:, None])
    x, y, z = normal.unbind(1)
    is_flat = 1 - active[:, 0] * active[:, 2]
    return normal, (x + 2 * y + 3 * z).mul_(is_flat).add_(3).round_().long()


def _pictures(pictures: Tensor, position: Tensor, material: Tensor) -> tuple[Tensor, Tensor]:
    """Find how far inside a picture each hit lies (B, R), and in which one (B, R), counted from 1; 0 for none."""
    face, u, v, half_u, half_v = pictures[..., None].unbind(1)
    x, y, z = position[:, :, None].unbind(1)
    on_wall = material[:, None].to(face.dtype)
    # The walls at both ends of x have numbers 2 and 4, those at the ends of z have 0 and 6.
    along = torch.lerp(z, x, (on_wall - 3).abs_().sub_(1).clamp_(0, 1))
    beyond = torch.maximum((along - u).abs_().sub_(half_u), (y - v).abs_().sub_(half_v))
    inset = (on_wall - face).abs_().mul_(-FAR).sub_(beyond)
    numbers = torch.arange(1, pictures.shape[2] + 1, device=face.device)[:, None]
    return inset.amax(1), torch.gt(inset, 0, out=beyond).mul_(numbers).amax(1).long()


def boundaries(surface: Tensor) -> Tensor:
    """Mark the pixels (B, H, W) whose right or lower neighbour belongs to another surface by 1, others by 0.

    Examples
    --------
    >>> boundaries(torch.tensor([[[4, 4, 5], [4, 4, 5]]])).tolist()
    [[[0, 1, 0], [0, 1, 0]]]
    """
    edges = torch.zeros_like(surface)
    edges[..., :, :-1] |= surface[..., :, :-1] != surface[..., :, 1:]
    edges[..., :-1, :] |= surface[..., :-1, :] != surface[..., 1:, :]
    return edges
