"""Predictors: from the hypercolumn of one pixel to its K outputs, the same weights for every pixel.

A head names its first layer. It is linear, as interpolation is, so a network may multiply by it before it interpolates.
Source: PixelNet (arXiv 1702.06506); the layer sizes are those of the released networks (4096-4096, ReLU, dropout 0.5).

Shapes: C channels of a hypercolumn, D outputs of the first layer, K outputs; leading dimensions (any number of them)
are pixels.
"""

from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from pixelnet_edu.model.fast import Dropout


class Head(nn.Module):
    """A row of layers, of which the first and the last (perhaps the same one) are linear.

    It knows its ``in_channels`` C and its ``num_outputs`` K.

    Examples
    --------
    >>> head = Head([nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3)])
    >>> head.in_channels, head.first.out_features, head.num_outputs
    (8, 16, 3)
    """

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.in_channels, self.num_outputs = layers[0].in_features, layers[-1].out_features

    @property
    def first(self) -> nn.Linear:
        """The layer that reads hypercolumns, C -> D."""
        return cast(nn.Linear, self.layers[0])

    def rest(self, hidden: Tensor) -> Tensor:
        """Map what the first layer gives (..., D), which may be overwritten, to outputs (..., K)."""
        return self.layers[1:](hidden)

    def forward(self, hypercolumns: Tensor) -> Tensor:
        """Map hypercolumns (..., C) to outputs (..., K)."""
        return self.rest(self.first(hypercolumns))


class LinearHead(Head):
    """A linear predictor from ``in_channels`` C to ``num_outputs`` K: classes, 3 for normals, 1 for edges.

    Examples
    --------
    >>> sum(p.numel() for p in LinearHead(1472, 21).parameters())
    30933
    """

    def __init__(self, in_channels: int, num_outputs: int) -> None:
        super().__init__([nn.Linear(in_channels, num_outputs)])


class MLPHead(Head):
    """A nonlinear predictor: hidden layers with ReLU and dropout, then a linear layer to K outputs.

    Parameters
    ----------
    in_channels, num_outputs : int
        Channels C of a hypercolumn, outputs K of a pixel.
    hidden, dropout : sequence of int, float
        Width of each hidden layer, and the share of its activations set to zero in training; the defaults are the
        paper's.

    Examples
    --------
    >>> sum(p.numel() for p in MLPHead(5568, 21).parameters())
    39677973
    """

    def __init__(
        self, in_channels: int, num_outputs: int, hidden: Sequence[int] = (4096, 4096), dropout: float = 0.5
    ) -> None:
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(in_channels, width), nn.ReLU(inplace=True), *([Dropout(dropout)] if dropout else [])]
            in_channels = width
        super().__init__([*layers, nn.Linear(in_channels, num_outputs)])
