"""Predictors: from the hypercolumn of one pixel to its K outputs, the same weights for every pixel.

Source: PixelNet (arXiv 1702.06506); the layer sizes are those of the released networks (4096-4096, ReLU, dropout 0.5).

Shapes: C channels of a hypercolumn, K outputs; leading dimensions (any number of them) are pixels.
"""

from collections.abc import Sequence

from torch import Tensor, nn


class LinearHead(nn.Module):
    """A linear predictor, C -> K.

    Parameters
    ----------
    in_channels : int
        Channels C of a hypercolumn.
    num_outputs : int
        Outputs K of a pixel: classes, 3 for normals, 1 for edges.

    Examples
    --------
    >>> sum(p.numel() for p in LinearHead(1472, 21).parameters())
    30933
    """

    def __init__(self, in_channels: int, num_outputs: int) -> None:
        super().__init__()
        self.in_channels, self.num_outputs = in_channels, num_outputs
        self.layers = nn.Sequential(nn.Linear(in_channels, num_outputs))

    def forward(self, hypercolumns: Tensor) -> Tensor:
        """Map hypercolumns (..., C) to outputs (..., K)."""
        return self.layers(hypercolumns)


class MLPHead(nn.Module):
    """A nonlinear predictor: hidden layers with ReLU and dropout, then a linear layer to K outputs.

    Parameters
    ----------
    in_channels : int
        Channels C of a hypercolumn.
    num_outputs : int
        Outputs K of a pixel.
    hidden : sequence of int
        Width of each hidden layer; the paper's is (4096, 4096).
    dropout : float
        Share of hidden activations set to zero in training; the paper's is 0.5.

    Examples
    --------
    >>> sum(p.numel() for p in MLPHead(5568, 21).parameters())
    39677973
    """

    def __init__(
        self, in_channels: int, num_outputs: int, hidden: Sequence[int] = (4096, 4096), dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.in_channels, self.num_outputs = in_channels, num_outputs
        layers: list[nn.Module] = []
        for width in hidden:
            layers += [nn.Linear(in_channels, width), nn.ReLU(inplace=True)]
            layers += [nn.Dropout(dropout)] if dropout else []
            in_channels = width
        self.layers = nn.Sequential(*layers, nn.Linear(in_channels, num_outputs))

    def forward(self, hypercolumns: Tensor) -> Tensor:
        """Map hypercolumns (..., C) to outputs (..., K)."""
        return self.layers(hypercolumns)
