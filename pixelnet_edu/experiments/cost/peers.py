"""The obvious way to do what the package does fast: the other side of every ratio.

Plain torch and numpy, as one would write them first. Each gives the same result as the package, and a test says so.
Source: hypercolumns by ``grid_sample`` and by resizing whole maps, as in most ports of PixelNet (arXiv 1702.06506).

Shapes: B images, N points an image, C hypercolumn channels, K outputs, H x W pixels, h x w cells of one level.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pixelnet_edu import VOID
from pixelnet_edu.model.geometry import Level, pixel_grid
from pixelnet_edu.model.pixelnet import PixelNet


def grid_sample_hypercolumns(features: Sequence[Tensor], points: Tensor, levels: Sequence[Level]) -> Tensor:
    """Read hypercolumns (B, N, C) at points (B, N, 2), one ``grid_sample`` a level.

    Examples
    --------
    >>> ramp = torch.arange(4.0).view(1, 1, 1, 4)
    >>> grid_sample_hypercolumns([ramp], torch.tensor([[[3.5, 0.0]]]), [Level(1, 2, 0.5)])
    tensor([[[1.5000]]])
    """
    columns = []
    for feature, level in zip(features, levels, strict=True):
        cells = torch.tensor(feature.shape[:1:-1], device=points.device)  # (w, h), in the order of (x, y)
        grid = (2 * level.to_cells(points) + 1) / cells - 1
        column = F.grid_sample(feature, grid[:, None], align_corners=False, padding_mode="border")  # (B, C_l, 1, N)
        columns.append(column[:, :, 0].transpose(1, 2))
    return torch.cat(columns, -1)


def plain_mlp(head: nn.Module) -> nn.Sequential:
    """Rebuild a predictor layer by layer, on the same weights: linear, ReLU, dropout, ..., linear.

    Examples
    --------
    >>> from pixelnet_edu import MLPHead
    >>> [type(layer).__name__ for layer in plain_mlp(MLPHead(8, 2, hidden=(4,)))]
    ['Linear', 'ReLU', 'Dropout', 'Linear']
    """
    *hidden, last = (module for module in head.modules() if isinstance(module, nn.Linear))
    dropout = next((module.p for module in head.modules() if isinstance(module, nn.Dropout)), 0.0)
    layers = [layer for linear in hidden for layer in (linear, nn.ReLU(inplace=True), nn.Dropout(dropout))]
    return nn.Sequential(*layers, last).train(head.training)


def plain_outputs(net: PixelNet, images: Tensor, points: Tensor) -> Tensor:
    """Predict at points, (B, 3, H, W) and (B, N, 2) to (B, N, K): ``grid_sample``, concatenate, then the whole MLP."""
    hypercolumns = grid_sample_hypercolumns(net.backbone(images), points, net.backbone.levels)
    return plain_mlp(net.head)(hypercolumns)


def backward_all_pixels(net: PixelNet, images: Tensor, labels: Tensor, chunk: int) -> Tensor:
    """Take the gradient of the mean loss over every pixel, with the graph of only ``chunk`` pixels alive at a time.

    Parameters
    ----------
    images : Tensor (B, 3, H, W)
        RGB in [0, 1].
    labels : Tensor (B, H, W)
        The class of every pixel.
    chunk : int
        Pixels of an image at a time; all of them keeps one graph.

    Returns
    -------
    Tensor
        The loss.
    """
    features = net.backbone(images)
    leaves = [feature.detach().requires_grad_() for feature in features]
    mlp, total = plain_mlp(net.head), 0.0
    pixels = pixel_grid(*labels.shape[1:], device=images.device)
    for points, targets in zip(pixels.split(chunk), labels.flatten(1).split(chunk, 1), strict=True):
        hypercolumns = grid_sample_hypercolumns(leaves, points.expand(len(images), -1, -1), net.backbone.levels)
        loss = F.cross_entropy(mlp(hypercolumns).flatten(0, 1), targets.flatten(), reduction="sum") / labels.numel()
        loss.backward()
        total = total + loss.detach()
    torch.autograd.backward(features, [leaf.grad for leaf in leaves])
    return total


@torch.no_grad()
def plain_predict(net: PixelNet, images: Tensor) -> Tensor:
    """Predict every pixel, (B, 3, H, W) to (B, K, H, W): resize every level to full size, concatenate, then the MLP.

    ``interpolate`` agrees with the geometry of the levels where the strides divide H and W.
    """
    size = images.shape[-2:]
    resized = [F.interpolate(feature, size, mode="bilinear") for feature in net.backbone(images)]
    return plain_mlp(net.head)(torch.cat(resized, 1).movedim(1, -1)).movedim(-1, 1)


def per_class_loop(labels: np.ndarray, n: int, random: np.random.RandomState) -> np.ndarray:
    """Draw ``n`` pixels of each label map (B, H, W), as many of a class as the square root of its size says.

    Returns
    -------
    array (B, n, 2)
        Points (x, y), class after class.

    Examples
    --------
    >>> labels = np.array([[[0, 0, 0, 0, 1]]])
    >>> labels[0, 0, per_class_loop(labels, 3, np.random.RandomState(0))[0, :, 0]].tolist()
    [0, 0, 1]
    """
    drawn = []
    for image in labels:
        classes = [c for c in np.unique(image) if c != VOID]
        roots = np.array([np.sqrt((image == c).sum()) for c in classes])
        exact = n * roots / roots.sum()
        quotas = np.floor(exact).astype(int)
        quotas[np.argsort(quotas - exact)[: n - quotas.sum()]] += 1
        points = []
        for c, quota in zip(classes, quotas, strict=True):
            rows, columns = np.nonzero(image == c)
            chosen = random.choice(len(rows), quota, replace=False)
            points.append(np.stack([columns[chosen], rows[chosen]], -1))
        drawn.append(np.concatenate(points))
    return np.stack(drawn)
