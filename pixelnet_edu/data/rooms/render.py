"""Pictures of rooms: light, shadow, texture, and the blur and noise of a camera, with exact targets beside them.

Radiance = albedo (ambient x crevice + lamp x visibility x cosine) + sheen. All textures are one formula with
different numbers: a product of clipped cosine waves, bent and grained by smooth noise, blends two colours; checks,
stripes, planks, speckles and plain paint are cases of it. One ray through the centre of each pixel gives all of its
targets; in the picture, a texture fades where it is finer than a pixel.

Shapes: B scenes, N objects, R rays, C columns of the table of materials, H x W pixels.
"""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.data.rooms import raycast
from pixelnet_edu.data.rooms.layouts import RoomLayout
from pixelnet_edu.data.rooms.tables import SceneBatch, stack_layouts

FRAME = 0.04  # metres at the border of a picture that have its dark colour
NOISE_TILE = 128
LENS_BLUR = 0.2  # the share of a pixel's light that falls on its neighbours, along each axis
NOISE_STARTS = 1 << 20  # as many different beginnings of the sensor noise


@torch.no_grad()
def render(layouts: list[RoomLayout], size: tuple[int, int], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """Render rooms, and what is known about each of their pixels.

    Parameters
    ----------
    layouts : list of RoomLayout
        B rooms, rendered together, which is what a GPU is good at.
    size : (int, int)
        Height and width in pixels. The field of view belongs to the shorter side.
    device : str or torch.device
        Where to render.

    Returns
    -------
    dict of tensors on that device
        ``image`` (B, 3, H, W) float32 in [0, 1]; ``labels`` (B, H, W) int64; ``normals`` (B, 3, H, W) float32 unit
        vectors in the camera frame; ``edges`` (B, H, W) int64; ``depth`` (B, H, W) float32, metres along the optical
        axis; ``intrinsics`` (B, 4) float32: fx, fy, cx, cy in pixels, the centre of the first pixel at (0, 0).

    Examples
    --------
    >>> from pixelnet_edu.data.rooms.layouts import random_layout
    >>> scenes = render([random_layout(seed=0, index=i) for i in range(2)], size=(24, 32))
    >>> scenes["image"].shape, scenes["normals"].shape
    (torch.Size([2, 3, 24, 32]), torch.Size([2, 3, 24, 32]))
    """
    scene = stack_layouts(layouts, device)
    focal = scene.focal_length * min(size)
    centre = focal.new_tensor([(side - 1) / 2 for side in reversed(size)]).expand(len(focal), -1)
    hits = raycast.trace(scene, raycast.camera_rays(scene, focal, size))
    return {
        "image": develop(shade(scene, hits, 1 / focal).unflatten(2, size), scene.sensor),
        "labels": scene.classes.gather(1, hits.material).unflatten(1, size),
        "normals": raycast.to_camera(scene, hits.normal).unflatten(2, size),
        "edges": raycast.boundaries(hits.surface.unflatten(1, size)),
        "depth": hits.depth.unflatten(1, size),
        "intrinsics": torch.cat([focal, focal, centre], 1),
    }


def shade(scene: SceneBatch, hits: raycast.Hits, pixel_angle: Tensor) -> Tensor:
    """Return the linear radiance (B, 3, R) that leaves ``hits`` towards the camera.

    ``pixel_angle`` (B, 1) is the width of a pixel in radians: textures finer than that fade.
    """
    columns = raycast.lookup(scene.materials, hits.material)
    colour, radius = scene.light[:, :3, None], scene.light[:, 3:, None]
    to_light = scene.lamp_position[:, :, None] - hits.position
    distance2 = _dot(to_light, to_light)
    distance = distance2.sqrt()
    visible = 1 - raycast.shadows(scene, hits.position, radius / distance)
    power = visible / (distance2 + 1)
    lambert = _dot(hits.normal, to_light).clamp_min_(0) / distance * power
    light = torch.addcmul(_ambient(scene, hits), lambert, colour)
    albedo = texture(columns, hits, hits.depth[:, None] * pixel_angle[..., None])
    return torch.addcmul(albedo * light, columns[:, -1:] * power * _sheen(hits, to_light / distance), colour)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return inner products (B, 1, R) of vectors (B, 3, R)."""
    return (a * b).sum(1, keepdim=True)


def _sheen(hits: raycast.Hits, to_light: Tensor) -> Tensor:
    """Return Blinn's highlight (B, 1, R): the cosine between the normal and the halfway vector, to the power of 32."""
    halfway = to_light - hits.directions * _dot(hits.directions, hits.directions).rsqrt_()
    cosine = _dot(hits.normal, halfway).clamp_min_(0) * _dot(halfway, halfway).rsqrt_()
    for _ in range(5):
        cosine = cosine.square_()
    return cosine


def _ambient(scene: SceneBatch, hits: raycast.Hits) -> Tensor:
    """Return the light from all around (B, 3, R), less of it in the corners of the room."""
    down, up = scene.ambient[:, :, :, None].unbind(1)
    gap = scene.objects[:, 3:6, :1] - hits.position.abs()
    crevice = 1 - (0.5 - 0.5 * hits.normal.abs()) / gap.mul_(5).add_(1).square_()
    return torch.lerp(down, up, 0.5 + 0.5 * hits.normal[:, 1:2]) * crevice.prod(1, keepdim=True)


def texture(columns: Tensor, hits: raycast.Hits, footprint: Tensor) -> Tensor:
    """Return the albedo (B, 3, R) of hits of materials (B, C, R); a pixel is ``footprint`` (B, 1, R) metres wide."""
    light, dark, wave, stretch = columns[:, :12].unflatten(1, (4, 3)).unbind(1)
    sharpness, bend, grain, _ = columns[:, 12:, None].unbind(1)
    noise = smooth_noise(hits.local * stretch)
    waves = torch.addcmul(hits.local, bend, noise).mul_(wave).cos_()
    contrast = torch.minimum(sharpness, (wave * footprint).reciprocal_())
    pattern = waves.mul_(contrast).clamp_(-1, 1).prod(1, keepdim=True)
    blend = torch.addcmul(0.5 + 0.5 * pattern, grain, noise)
    blend *= ((hits.inset - FRAME / 2).abs_() - FRAME / 2).mul_(raycast.FAR).clamp_(0, 1)[:, None]
    return torch.lerp(dark, light, blend).clamp_min_(0.01)


def smooth_noise(point: Tensor) -> Tensor:
    """Return smooth noise (B, 1, R), of period one, at points (B, 3, R), seen along an oblique direction."""
    grid = torch.add(point[:, ::2], point[:, 1:2], alpha=0.7).mT[:, None]
    grid = (grid - grid.floor()).mul_(2).sub_(1)
    tile = _noise_tile(point.device).expand(len(point), -1, -1, -1)
    return F.grid_sample(tile, grid, mode="bilinear", padding_mode="border", align_corners=True)[:, 0]


@lru_cache
def _noise_tile(device: torch.device) -> Tensor:
    """Make a tile (1, 1, T + 1, T + 1) of noise between -1 and 1 that repeats without a seam."""
    white = torch.randn(NOISE_TILE, NOISE_TILE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cycles = torch.fft.fftfreq(NOISE_TILE, 1 / NOISE_TILE, dtype=torch.float64)
    radius = torch.hypot(cycles[:, None], cycles)
    spectrum = torch.fft.fft2(white) * ((radius >= 3) & (radius <= 40)) / radius.clamp_min(1) ** 1.6
    tile = torch.fft.ifft2(spectrum).real
    tile = (tile / (2 * tile.std())).clamp(-1, 1).float()
    return F.pad(tile[None, None], (0, 1, 0, 1), mode="circular").to(device)


def develop(radiance: Tensor, sensor: Tensor) -> Tensor:
    """Turn radiance (B, 3, H, W) into a slightly blurred and noisy picture in [0, 1], as a camera does."""
    exposure, noise, start = sensor[:, :, None, None, None].unbind(1)
    exposed = radiance * exposure
    picture = exposed.div_(exposed + 0.6).mul_(1.3).sqrt_()
    _blur_(picture)
    _blur_(picture.mT)
    count = picture[0].numel()
    windows = _sensor_noise(NOISE_STARTS + count, picture.device).unfold(0, count, 1)
    grain = windows.index_select(0, start.flatten().long()).view(picture.shape)
    return picture.addcmul_(noise, grain).clamp_(0, 1)


def _blur_(picture: Tensor) -> None:
    """Mix each pixel of (B, 3, H, W), in place, with its upper and lower neighbour, as a lens does."""
    picture[..., 1:-1, :].lerp_((picture[..., 2:, :] + picture[..., :-2, :]).mul_(0.5), LENS_BLUR)


@lru_cache(maxsize=4)
def _sensor_noise(length: int, device: torch.device) -> Tensor:
    """Draw normal deviates, the same on every device; each scene starts to read them at another place."""
    return torch.randn(length, generator=torch.Generator().manual_seed(1)).to(device)
