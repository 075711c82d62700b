"""The three pixel problems: what is predicted at a pixel, which pixels are valid, the loss, the decoding, the colours.

A task reads its target from a sample, a dictionary with ``image`` (3, H, W) and some of ``labels`` (H, W) with 255 for
void, ``normals`` (3, H, W) with (0, 0, 0) for invalid, and ``edges`` (H, W) of 0, 1 or 255 for void. For adaptive
prediction it tells the ``spacing`` of the first grid in pixels, the ``answers`` that outputs stand for, and where
neighbouring answers ``disagree``.
Source: the losses of the paper's released networks (PixelNet, arXiv 1702.06506): softmax cross-entropy; half the
squared distance of unit normals; sigmoid cross-entropy without class weights.

Shapes: B images, N points an image, K outputs a pixel, H x W pixels.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.drawing import read_at

MOVED = 0.2  # of the probability on other classes, from which on a pixel in between is uncertain
BEND = 20.0  # degrees between neighbouring normals from which on a surface is not smooth
UNLIKELY = 0.1  # an edge of less probability is none
_VOID_COLOR = 0.55


class SemanticSegmentation:
    """One of K classes at every pixel: K logits, softmax cross-entropy.

    Parameters
    ----------
    classes : sequence of str
        Names of the K classes.
    palette : Tensor (K, 3), uint8
        Colour of each class.

    Examples
    --------
    >>> task = SemanticSegmentation(("wall", "floor"), torch.tensor([[0, 0, 0], [255, 0, 0]], dtype=torch.uint8))
    >>> round(float(task.loss(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 255]]))), 4)
    0.6931
    """

    target = "labels"
    score = "miou"
    higher_is_better = True
    spacing = 8

    def __init__(self, classes: Sequence[str], palette: Tensor) -> None:
        self.classes, self.palette = tuple(classes), torch.as_tensor(palette)
        self.num_outputs = len(self.classes)

    def valid(self, targets: Tensor) -> Tensor:
        """Return which pixels have a class, (B, H, W) bool."""
        return targets != VOID

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Average the cross-entropy of logits (B, N, K) over the non-void targets (B, N).

        Raises
        ------
        ValueError
            If a target is neither a class nor void.
        """
        wrong = targets[(targets != VOID) & ((targets < 0) | (targets >= self.num_outputs))]
        if len(wrong):
            raise ValueError(
                f"labels: found class {int(wrong[0])}, expected 0 to {self.num_outputs - 1}, or {VOID} for void"
            )
        return _average(self.losses(outputs, targets), targets != VOID, weights)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each of the logits (B, N, K), (B, N); 0 where the target (B, N) is void."""
        losses = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=VOID, reduction="none")
        return losses.view_as(targets)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the likeliest class, (B, K, H, W) -> (B, H, W) int64."""
        return outputs.argmax(1)

    def answers(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class, logits (B, K, ...) -> (B, K, ...)."""
        return outputs.float().softmax(1)

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell where more than ``MOVED`` of the probability (B, K, ...) lies on other classes, (B, ...) bool.

        Source: the total variation distance, half the sum of the absolute differences.
        """
        return (answers - others).abs_().sum(1) > 2 * MOVED

    def colors(self, labels: Tensor) -> Tensor:
        """Colour class indices, (B, H, W) -> RGB (B, 3, H, W) in [0, 1]; void is grey."""
        palette = self.palette.to(labels.device).float() / 255
        colors = palette[labels.clamp(0, self.num_outputs - 1)].movedim(-1, 1)
        return colors.where((labels != VOID)[:, None], _VOID_COLOR)


class SurfaceNormals:
    """The unit normal of the visible surface at every pixel: 3 numbers, made unit length, regression.

    Camera frame: x right, y down, z into the scene; a wall that faces the camera has the normal (0, 0, -1).

    Examples
    --------
    >>> float(SurfaceNormals().loss(torch.tensor([[[0.0, 0.0, -2.0]]]), torch.tensor([[[0.0, -1.0, 0.0]]])))
    1.0
    """

    target = "normals"
    score = "median"
    higher_is_better = False
    num_outputs = 3
    spacing = 8

    def valid(self, targets: Tensor) -> Tensor:
        """Return which pixels have a normal, (B, 3, H, W) -> (B, H, W) bool."""
        return targets.square().sum(1) > 0.25

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Average half the squared distance of unit vectors, 1 - cos(angle), over the valid targets (B, N, 3)."""
        return _average(self.losses(outputs, targets), targets.square().sum(-1) > 0.25, weights)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return 1 - cos(angle) of each output (B, N, 3), (B, N); meaningless where the target (B, N, 3) is invalid."""
        return 1 - (F.normalize(outputs.float(), dim=-1) * targets).sum(-1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Make the outputs (B, 3, H, W) unit length."""
        return F.normalize(outputs.float(), dim=1)

    def answers(self, outputs: Tensor) -> Tensor:
        """Return unit normals, (B, 3, ...)."""
        return self.decode(outputs)

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell where two unit normals (B, 3, ...) have more than 20 degrees between them, (B, ...) bool."""
        return (answers * others).sum(1) < math.cos(math.radians(BEND))

    def colors(self, normals: Tensor) -> Tensor:
        """Colour normals, (B, 3, H, W) -> RGB in [0, 1]: right is red, up is green, towards the camera is blue."""
        signs = torch.tensor([1.0, -1.0, -1.0], device=normals.device).view(3, 1, 1)
        return ((1 + signs * normals) / 2).where(self.valid(normals)[:, None], _VOID_COLOR)


class EdgeDetection:
    """Whether a boundary passes through the pixel: one logit, sigmoid cross-entropy.

    Examples
    --------
    >>> round(float(EdgeDetection().loss(torch.zeros(1, 2, 1), torch.tensor([[0, 1]]))), 4)
    0.6931
    """

    target = "edges"
    score = "ods"
    higher_is_better = True
    num_outputs = 1
    spacing = 2  # an edge is one pixel wide

    def valid(self, targets: Tensor) -> Tensor:
        """Return which pixels are known to be edge or not, (B, H, W) bool."""
        return targets != VOID

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Average the cross-entropy of logits (B, N, 1) over the non-void targets (B, N) of 0 and 1."""
        wrong = targets[(targets != VOID) & (targets != 0) & (targets != 1)]
        if len(wrong):
            raise ValueError(f"edges: found {int(wrong[0])}, expected 0 or 1, or {VOID} for void")
        return _average(self.losses(outputs, targets), targets != VOID, weights)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of each logit (B, N, 1), (B, N); meaningless where the target (B, N) is void."""
        return F.binary_cross_entropy_with_logits(outputs[..., 0].float(), targets.float(), reduction="none")

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the probability of an edge, (B, 1, H, W) -> (B, H, W)."""
        return outputs[:, 0].float().sigmoid()

    def answers(self, outputs: Tensor) -> Tensor:
        """Tell which pixels may be of an edge, logits (B, 1, ...) -> (B, ...) bool."""
        return self.decode(outputs) > UNLIKELY

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell where one of two pixels may be of an edge, which interpolation would blur, bool."""
        return answers | others

    def colors(self, edges: Tensor) -> Tensor:
        """Draw edges dark on white, (B, H, W) -> RGB (B, 3, H, W) in [0, 1]; void is grey."""
        picture = (1 - edges.float()).where(edges != VOID, _VOID_COLOR)
        return picture[:, None].expand(-1, 3, -1, -1)


def targets_at(targets: Tensor, points: Tensor) -> Tensor:
    """Read targets (B, H, W) or (B, 3, H, W) at integer points (B, N, 2): (B, N) or (B, N, 3).

    Examples
    --------
    >>> targets_at(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([[[1.0, 0.0]]]))
    tensor([[2]])
    """
    return read_at(targets if targets.dim() == 3 else targets.movedim(1, -1), points)


def _average(losses: Tensor, valid: Tensor, weights: Tensor | None) -> Tensor:
    """Average losses (B, N) over the valid ones; with weights, their weighted mean."""
    weights = valid.to(losses.dtype) if weights is None else valid * weights
    return (losses * weights).sum() / weights.sum().clamp(min=1e-12)
