"""Batch normalisation of a backbone's levels on a side branch: the main path stays as it is.

A linear predictor sees levels whose sizes differ by orders of magnitude; this brings them to one.
Source: the released linear networks of the paper (PixelNet, arXiv 1702.06506) normalise each level so, without learned
scale and shift; theirs do it before the ReLU, which follows the interpolation, ours after it.

Shapes: level l has C_l channels and h_l x w_l cells.
"""

from torch import Tensor, nn

from pixelnet_edu.model.backbones import Backbone


class NormalizedLevels(nn.Module):
    """A backbone whose levels are batch-normalised before they are read.

    Parameters
    ----------
    backbone : Backbone
        Its stages see each other's features unchanged.

    Examples
    --------
    >>> import torch
    >>> from pixelnet_edu import SmallVGG
    >>> features = NormalizedLevels(SmallVGG((4, 8)))(torch.rand(2, 3, 16, 16))
    >>> [round(float(level.std(correction=0)), 2) for level in features]
    [1.0, 1.0]
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        self.levels, self.hypercolumn_channels = backbone.levels, backbone.hypercolumn_channels
        self.norms = nn.ModuleList(nn.BatchNorm2d(level.channels, affine=False) for level in backbone.levels)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the normalised features of each level, (B, C_l, h_l, w_l), for images (B, 3, H, W) in [0, 1]."""
        return [norm(level) for norm, level in zip(self.norms, self.backbone(images), strict=True)]
