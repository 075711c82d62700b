"""Surface normals from depth: a plane fitted to inverse depth in a window around each pixel.

A plane seen by a pinhole camera obeys 1/Z = a u + b v + c with u = (x - cx) / fx and v = (y - cy) / fy: inverse depth
is linear in the pixel at any tilt, and the normal is -(a, b, c) made unit length. Over a full window the spread of u
and v is constant, so the least-squares fit and its residual need only the window's means of 1/Z, u/Z, v/Z and 1/Z^2.
Source: the equation of a plane under perspective; which windows count as flat is our choice.

Shapes: B images, H x W pixels, windows of k x k pixels, r = (k - 1) / 2.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.checks import unexpected

FARTHEST_MEDIAN = 100.0  # metres; indoors only millimetres give a larger number


def normals_from_depth(depth: Tensor, intrinsics: Tensor, window: int = 5, max_roughness: float = 0.1) -> Tensor:
    """Fit a plane around each pixel and return its unit normal, facing the camera.

    Parameters
    ----------
    depth : Tensor (H, W) or (B, H, W)
        Metres along the optical axis. Pixels that are zero, negative, infinite or NaN are holes.
    intrinsics : Tensor (4,) or (B, 4)
        fx, fy, cx, cy in pixels, the centre of the first pixel at (0, 0).
    window : int
        Side of the window in pixels, odd: 5 suits exact depth, a noisy sensor needs more.
    max_roughness : float
        How far depth may depart from the plane (root mean square), as a share of the window's width: more than a
        sensor's noise, less than a step in depth or a crease.

    Returns
    -------
    Tensor (3, H, W) or (B, 3, H, W)
        Camera frame: x right, y down, z into the scene, so a wall that faces the camera has (0, 0, -1). (0, 0, 0) where
        the window leaves the image, holds a hole, or is too rough, as it is across a step in depth or a crease.

    Raises
    ------
    TypeError
        If the depth is no tensor of floating point numbers.
    ValueError
        For depth in millimetres, a wrong shape, focal lengths that are not positive, or a window that is even or larger
        than the image.

    Examples
    --------
    >>> wall = torch.full((7, 9), 2.0)
    >>> normals_from_depth(wall, torch.tensor([8.0, 8.0, 4.0, 3.0]))[2, 3, 4]
    tensor(-1.)
    """
    _check(depth, intrinsics, window)
    valid = depth.isfinite() & (depth > 0)
    if valid.any() and (median := float(depth[valid].median())) > FARTHEST_MEDIAN:
        expected = f"metres, below {FARTHEST_MEDIAN:.0f}"
        raise unexpected("depth", f"a median of {median:.0f}", expected, "divide millimetres by 1000")
    inverse = 1 / depth.double().where(valid, torch.inf)
    plane, roughness = _fit(inverse, intrinsics.double(), window)
    flat = (_window_means((~valid).double(), window) == 0) & (roughness <= max_roughness)
    normals = F.normalize(plane, dim=-3).neg().where(flat.unsqueeze(-3), 0.0)
    return F.pad(normals, [window // 2] * 4).to(depth.dtype)


def _fit(inverse: Tensor, intrinsics: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """Fit (a, b, c) in every full window, (..., 3, H - 2r, W - 2r); and how far depth departs, in window widths."""
    (H, W), r = inverse.shape[-2:], window // 2
    fx, fy, cx, cy = (value[..., None, None] for value in intrinsics.unbind(-1))
    u = ((torch.arange(W, device=inverse.device) - cx) / fx).expand_as(inverse)
    v = ((torch.arange(H, device=inverse.device)[:, None] - cy) / fy).expand_as(inverse)
    products = torch.stack([inverse, u * inverse, v * inverse, inverse.square()])
    mean, mean_u, mean_v, mean_square = _window_means(products, window)
    u, v = (value[..., r : H - r, r : W - r] for value in (u, v))
    variance_u, variance_v = ((window**2 - 1) / 12 / focal**2 for focal in (fx, fy))
    a, b = (mean_u - u * mean) / variance_u, (mean_v - v * mean) / variance_v
    residual = mean_square - mean.square() - variance_u * a.square() - variance_v * b.square()
    roughness = residual.clamp(min=0).sqrt() / mean * fx / window
    return torch.stack([a, b, mean - a * u - b * v], -3), roughness


def _window_means(values: Tensor, window: int) -> Tensor:
    """Average over every full window, (..., H, W) to (..., H - 2r, W - 2r)."""
    return values.unfold(-1, window, 1).mean(-1).unfold(-2, window, 1).mean(-1)


def _check(depth: Tensor, intrinsics: Tensor, window: int) -> None:
    """Raise one clear error for a wrong type, shape or window."""
    if not isinstance(depth, Tensor) or not depth.is_floating_point():
        found = depth.dtype if isinstance(depth, Tensor) else type(depth).__name__
        raise TypeError(f"depth: found {found}, expected a floating point tensor in metres; convert with .float()")
    if depth.dim() not in (2, 3):
        raise ValueError(f"depth: found shape {tuple(depth.shape)}, expected (H, W) or (B, H, W)")
    if intrinsics.shape not in ((4,), (*depth.shape[:-2], 4)):
        expected = f"(4,) or ({len(depth)}, 4)" if depth.dim() == 3 else "(4,)"
        raise ValueError(f"intrinsics: found shape {tuple(intrinsics.shape)}, expected {expected}: fx, fy, cx, cy")
    if not (intrinsics[..., :2] > 0).all():
        raise ValueError(f"intrinsics: found {intrinsics.tolist()}, expected fx, fy, cx, cy with fx and fy above 0")
    if window % 2 == 0 or not 3 <= window <= min(depth.shape[-2:]):
        smaller = f"the smaller side of the image, {min(depth.shape[-2:])} pixels"
        raise ValueError(f"window: found {window}, expected an odd number from 3 to {smaller}")
