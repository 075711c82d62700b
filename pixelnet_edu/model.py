"""PixelNet: images and points in, predictions at the points out.

The backbone runs once over the whole image; hypercolumns are read at the chosen pixels only; the head predicts each of
them. Training chooses a few pixels, prediction chooses all of them.
Source: PixelNet (arXiv 1702.06506).

Shapes: B images, N points an image, C hypercolumn channels, K outputs a pixel, H x W pixels.
"""

import torch
from torch import Tensor, nn

from pixelnet_edu.geometry import check_points, pixel_grid
from pixelnet_edu.hypercolumns import sample_hypercolumns


class PixelNet(nn.Module):
    """A backbone and a per-pixel head, joined by hypercolumns.

    Parameters
    ----------
    backbone : nn.Module
        Has ``levels`` and ``hypercolumn_channels``; ``backbone(images)`` returns the features of each level.
    head : nn.Module
        Maps (..., C) to (..., K); has ``in_channels`` and ``num_outputs``.

    Raises
    ------
    ValueError
        If the head expects other channels than the backbone gives.

    Examples
    --------
    >>> from pixelnet_edu import MLPHead, SmallVGG
    >>> backbone = SmallVGG()
    >>> net = PixelNet(backbone, MLPHead(backbone.hypercolumn_channels, num_outputs=7, hidden=(64,)))
    >>> images, points = torch.rand(2, 3, 64, 48), torch.tensor([[[3.0, 5.0]], [[47.0, 63.0]]])
    >>> net(images, points).shape, net.predict(images).shape
    (torch.Size([2, 1, 7]), torch.Size([2, 7, 64, 48]))
    """

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        if head.in_channels != backbone.hypercolumn_channels:
            raise ValueError(
                f"head: found in_channels={head.in_channels}, expected {backbone.hypercolumn_channels}, "
                "the backbone's hypercolumn_channels"
            )
        self.backbone, self.head = backbone, head
        self.to(memory_format=torch.channels_last)  # a pixel's channels lie side by side, as hypercolumns read them

    def forward(self, images: Tensor, points: Tensor) -> Tensor:
        """Predict at the points.

        Parameters
        ----------
        images : Tensor (B, 3, H, W)
            RGB in [0, 1].
        points : Tensor (B, N, 2)
            Pixel coordinates (x, y).

        Returns
        -------
        Tensor (B, N, K)

        Raises
        ------
        ValueError
            If the points have another shape or lie outside the image.
        """
        check_points(points, images.shape[0], *images.shape[-2:])
        features = self.backbone(images)  # one (B, C_l, h_l, w_l) a level
        hypercolumns = sample_hypercolumns(features, points, self.backbone.levels)  # (B, N, C)
        return self.head(hypercolumns)

    @torch.no_grad()
    def predict(self, images: Tensor, mode: str = "exact", max_points: int = 8192) -> Tensor:
        """Predict every pixel, ``max_points`` at a time so that memory stays bounded.

        Parameters
        ----------
        images : Tensor (B, 3, H, W)
            RGB in [0, 1].
        mode : "exact"
            Every pixel has its own hypercolumn.
        max_points : int
            Pixels whose hypercolumns exist at the same time.

        Returns
        -------
        Tensor (B, K, H, W)
            Raw outputs (logits), in evaluation mode whatever the mode of the network.
        """
        if mode != "exact":
            raise ValueError(f"mode: found {mode!r}, expected 'exact'")
        modes = [(module, module.training) for module in self.modules()]
        self.eval()
        try:
            return torch.stack([self._predict_one(image[None], max_points) for image in images])
        finally:
            for module, training in modes:
                module.training = training

    def _predict_one(self, image: Tensor, max_points: int) -> Tensor:
        """Predict all pixels of one image, (1, 3, H, W) -> (K, H, W)."""
        H, W = image.shape[-2:]
        features = self.backbone(image)
        outputs = [
            self.head(sample_hypercolumns(features, points[None], self.backbone.levels))[0]
            for points in pixel_grid(H, W, image.device).split(max_points)
        ]
        return torch.cat(outputs).T.reshape(-1, H, W)
