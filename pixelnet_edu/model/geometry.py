"""Where a pixel lies on a feature map: stride, offset, the four neighbouring cells and their weights.

A convolutional level with stride ``s`` and offset ``o`` has its cell ``j`` centred on pixel ``s*j + o``. Read the other
way, pixel ``x`` lies at ``t = (x - o) / s`` in cells, between the cells ``floor(t)`` and ``floor(t) + 1``; past the
map's border it is clamped to the last cell. In VGG (3x3 convolutions padded by one, 2x2 pools) ``o = (s - 1) / 2``, and
the result equals ``grid_sample(align_corners=False, padding_mode="border")`` on a canvas of ``s * w`` pixels.
Source: the layer RandBI of the paper's released code; PixelNet (arXiv 1702.06506), sparse predictions.

Shapes: B images, N points an image, H x W pixels, h x w cells.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from pixelnet_edu.checks import check_tensor


@dataclass(frozen=True)
class Level:
    """One feature map of a backbone: its channels and where its cells lie on the image.

    ``stride`` is the distance between neighbouring cells and ``offset`` the centre of cell 0, in pixels; ``name`` the
    layer that is read, such as ``"conv3_3"``.

    Examples
    --------
    >>> Level(channels=512, stride=16, offset=7.5, name="conv5_3").to_cells(torch.tensor([7.5, 15.5, 23.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """

    channels: int
    stride: int
    offset: float
    name: str = ""

    def to_cells(self, pixels: Tensor) -> Tensor:
        """Convert pixel coordinates to cell coordinates, ``t = (x - offset) / stride``, unclamped."""
        return (pixels - self.offset) / self.stride


def neighbours(points: Tensor, level: Level, size: torch.Size | tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Find the four cells around each point and their bilinear weights.

    Parameters
    ----------
    points : Tensor (..., 2)
        Pixel coordinates (x, y).
    level, size : Level, (int, int)
        Where the cells lie, and how many: rows h and columns w of the feature map.

    Returns
    -------
    cells : Tensor (..., 4), int64
        Row-major indices ``row * w + column``: top left, top right, bottom left, bottom right.
    weights : Tensor (..., 4)
        Non-negative, summing to one; a point past the border gives it all to border cells.

    Examples
    --------
    >>> cells, weights = neighbours(torch.tensor([4.0, 1.5]), Level(256, 4, 1.5), size=(3, 3))
    >>> cells.tolist(), weights.tolist()
    ([0, 1, 3, 4], [0.375, 0.625, 0.0, 0.0])
    """
    height, width = size
    last = points.new_tensor([width - 1, height - 1])
    t = level.to_cells(points).clamp(min=0).minimum(last)
    first = t.floor()
    columns, rows = torch.stack([first, (first + 1).minimum(last)], -1).long().unbind(-2)  # (..., 2) each
    shares_x, shares_y = torch.stack([1 - (t - first), t - first], -1).unbind(-2)
    cells = rows[..., :, None] * width + columns[..., None, :]
    weights = shares_y[..., :, None] * shares_x[..., None, :]
    return cells.flatten(-2), weights.flatten(-2)


def pixel_grid(height: int, width: int, device: torch.device | str | None = None) -> Tensor:
    """List every pixel of an image row by row, (H*W, 2) as (x, y).

    Examples
    --------
    >>> pixel_grid(1, 3).tolist()
    [[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]]
    """
    y, x = torch.meshgrid(torch.arange(height, device=device), torch.arange(width, device=device), indexing="ij")
    return torch.stack([x, y], -1).reshape(-1, 2).float()


def check_points(points: Tensor, batch: int, height: int, width: int) -> None:
    """Raise ValueError unless ``points`` is (B, N, 2) and lies inside the image."""
    if check_tensor("points", points).dim() != 3 or points.shape[0] != batch or points.shape[2] != 2:
        raise ValueError(f"points: found shape {tuple(points.shape)}, expected ({batch}, N, 2): (x, y) for each image")
    limit = torch.tensor([width - 0.5, height - 0.5], device=points.device)
    outside = ~((points >= -0.5) & (points <= limit)).all(-1)
    if outside.any():
        image, index = outside.nonzero()[0].tolist()
        x, y = points[image, index].tolist()
        inside = f"x in [-0.5, {width - 0.5}] and y in [-0.5, {height - 0.5}] for {width} x {height} pixels"
        found = f"point {index} of image {image} is ({x:g}, {y:g})"
        raise ValueError(f"points: {found}, expected {inside}; points are (x, y), not (row, column)")
