"""PixelNet: images and points in, predictions at the points out.

The backbone runs once over the whole image; hypercolumns are read at the chosen pixels only; the head predicts each of
them. Training chooses a few pixels, prediction chooses all of them.
Source: PixelNet (arXiv 1702.06506).

Shapes: B images, N points an image, C hypercolumn channels, K outputs a pixel, H x W pixels.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pixelnet_edu.checks import check_image, check_tensor, check_whole
from pixelnet_edu.model.adaptive import evaluating, predict_adaptive
from pixelnet_edu.model.fast import ProjectedLevels, project_hypercolumns
from pixelnet_edu.model.geometry import check_points, pixel_grid
from pixelnet_edu.model.heads import Head
from pixelnet_edu.model.interfaces import Judge, Levelled


class PixelNet(nn.Module):
    """A backbone and a per-pixel head, joined by hypercolumns.

    Parameters
    ----------
    backbone : nn.Module
        Has ``levels`` and ``hypercolumn_channels``; ``backbone(images)`` returns the features of each level.
    head : Head
        Maps hypercolumns (..., C) to outputs (..., K); ValueError if it expects other channels.

    Examples
    --------
    >>> from pixelnet_edu import MLPHead, SmallVGG
    >>> backbone = SmallVGG()
    >>> net = PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, num_outputs=7, hidden=(64,)))
    >>> images, points = torch.rand(2, 3, 64, 48), torch.tensor([[[3.0, 5.0]], [[47.0, 63.0]]])
    >>> net(images, points).shape, net.predict(images).shape
    (torch.Size([2, 1, 7]), torch.Size([2, 7, 64, 48]))
    """

    def __init__(self, backbone: Levelled, head: Head) -> None:
        super().__init__()
        if head.in_channels != backbone.hypercolumn_channels:
            expected = f"{backbone.hypercolumn_channels}, the backbone's hypercolumn_channels"
            raise ValueError(f"head: found in_channels={head.in_channels}, expected {expected}")
        self.backbone, self.head, self.steps_trained = backbone, head, 0
        self.to(memory_format=torch.channels_last)  # a pixel's channels lie side by side, as hypercolumns read them

    def forward(self, images: Tensor, points: Tensor) -> Tensor:
        """Predict at points (B, N, 2), (x, y) inside the image, of images (B, 3, H, W), RGB in [0, 1]: (B, N, K)."""
        check_points(points, check_tensor("images", images).shape[0], *images.shape[-2:])
        return self.read(self.backbone(images), points)

    def read(self, features: Sequence[Tensor], points: Tensor) -> Tensor:
        """Predict at the points (B, N, 2) of images whose features the backbone has returned, (B, N, K).

        The head's first layer is applied before interpolating where that is cheaper; the result is that of
        ``head(sample_hypercolumns(features, points, levels))``, up to rounding.
        """
        hidden = project_hypercolumns(features, points, self.backbone.levels, self.head.first)  # (B*N, D)
        return self.head.rest(hidden).unflatten(0, points.shape[:2])

    def reader(self, features: Sequence[Tensor], num_points: int) -> Callable[[Tensor], Tensor]:
        """Return :meth:`read` for these features, for points of an image, so many in all, that come bit by bit."""
        projected = ProjectedLevels(features, self.backbone.levels, self.head.first, num_points)
        return lambda points: self.head.rest(projected.read(points)).unflatten(0, points.shape[:2])

    @torch.no_grad()
    def predict(self, images: Tensor, mode: str = "exact", max_points: int = 8192, task: Judge | None = None) -> Tensor:
        """Predict every pixel of images (B, 3, H, W), RGB in [0, 1]: raw outputs (B, K, H, W), in evaluation mode.

        Parameters
        ----------
        mode : "exact" or "adaptive"
            "adaptive" computes the pixels of a grid, and between them only where they disagree: `predict_adaptive`.
        max_points : int
            Pixels whose hidden activations exist at the same time, in whole rows of the image; it bounds the memory.
        task : Task, optional
            What "disagree" means; ValueError where "adaptive" lacks it.

        Raises
        ------
        TypeError, ValueError
            For images that are not real numbers in [0, 1] of the network's kind, or not of that shape.
        """
        check_image("images", images, next(self.parameters()).dtype)
        check_whole("max_points", max_points, least=1)
        if images.dim() != 4:
            raise ValueError(f"images: found shape {tuple(images.shape)}, expected (B, 3, height, width)")
        if mode == "adaptive":
            if task is None:
                raise ValueError("task: missing, expected the task of the network for mode='adaptive'; pass task=")
            return torch.cat([predict_adaptive(self, image[None], task)[0] for image in images])
        if mode != "exact":
            raise ValueError(f"mode: found {mode!r}, expected 'exact' or 'adaptive'")
        with evaluating(self):
            return torch.stack([self._predict_one(image[None], max_points) for image in images])

    def _predict_one(self, image: Tensor, max_points: int) -> Tensor:
        """Predict all pixels of one image, (1, 3, H, W) -> (K, H, W)."""
        H, W = image.shape[-2:]
        features = self.backbone(image)
        bands = pixel_grid(H, W, image.device).split(max(1, max_points // W) * W)  # whole rows of pixels
        return torch.cat([self.read(features, band[None])[0] for band in bands]).T.reshape(-1, H, W)
