"""The pixel problems, side by side: what is predicted at a pixel, which pixels are valid, the loss, the scores.

A task reads its target from a sample, a dictionary with ``image`` (3, H, W) and some of ``labels`` (H, W) with 255 for
void, ``normals`` (3, H, W) with (0, 0, 0) for invalid, and ``edges`` (H, W) of 0, 1 or 255 for void. A fourth task is
one class more: everything from the sampler to the report asks for what `Task` lists.
Source: the losses of the paper's released networks (PixelNet, arXiv 1702.06506): softmax cross-entropy; half the
squared distance of unit normals; sigmoid cross-entropy without class weights.

Shapes: B images, N points an image, K outputs a pixel, H x W pixels. Targets are maps, (B, H, W) or (B, 3, H, W), or
read at points, (B, N) or (B, N, 3).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu import VOID
from pixelnet_edu.metrics import BoundaryCurve, ConfusionMatrix, Meter, NormalErrors, Score, printed
from pixelnet_edu.metrics.boundaries import pooled_f
from pixelnet_edu.metrics.normals import pooled_median
from pixelnet_edu.metrics.segmentation import pooled_miou
from pixelnet_edu.metrics.thinning import non_maximum_suppression
from pixelnet_edu.sampling.drawing import read_at

MOVED = 0.2  # of the probability on other classes, from which on a pixel in between is uncertain
BEND = 20.0  # degrees between neighbouring normals from which on a surface is not smooth
UNLIKELY = 0.1  # an edge of less probability is none
UNIT_TOLERANCE = 0.05
_VOID_COLOR = 0.55


class Task(Protocol):
    """What a task tells to whoever samples, trains, predicts, scores or reports."""

    target: str  # the entry of a sample that is predicted
    num_outputs: int  # K
    score: str  # the leading one of ``scores``
    scores: Mapping[str, Score]  # what a report prints, in its order
    higher_is_better: bool  # the leading score of better predictions
    tolerance: float  # how far that score of one run may lie apart on two machines
    class_balanced: str  # the sampler that draws as many pixels of each class; "" where there are no classes
    spacing: int  # pixels between neighbours of adaptive prediction's first grid, a power of two
    pooled: Callable  # the leading score of sums of its meter's counts, (..., n) to (...), where that has any

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss at each point, outputs (B, N, K) to (B, N); anything where the target is not valid."""
        ...

    def decode(self, outputs: Tensor) -> Tensor:
        """Turn outputs (B, K, H, W) into predictions."""
        ...

    def colors(self, targets: Tensor) -> Tensor:
        """Colour targets or predictions, RGB (B, 3, H, W) in [0, 1]; what is not valid is grey."""
        ...

    def meter(self, workers: int = 1) -> Meter:
        """Return a new meter, which so many processes may help."""
        ...

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell between which answers adaptive prediction must not interpolate, (B, ...) bool."""
        ...

    def answers(self, outputs: Tensor) -> Tensor:
        """Return what outputs (B, K, ...) stand for in that comparison."""
        return self.decode(outputs)

    def valid(self, targets: Tensor) -> Tensor:
        """Tell which pixels of maps (B, ...) have a target, (B, H, W) bool."""
        return targets != VOID

    def loss(self, outputs: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
        """Average the losses of outputs (B, N, K) over the valid targets; with weights (B, N), their weighted mean."""
        losses, valid = self.losses(outputs, targets), valid_at(self, targets)
        weights = valid.to(losses.dtype) if weights is None else valid * weights
        return (losses * weights).sum() / weights.sum().clamp(min=1e-12)


class SemanticSegmentation(Task):
    """One of K classes at every pixel: K logits, softmax cross-entropy; ``palette`` (K, 3) uint8 colours them.

    Examples
    --------
    >>> task = SemanticSegmentation(("wall", "floor"), torch.tensor([[0, 0, 0], [255, 0, 0]], dtype=torch.uint8))
    >>> round(float(task.loss(torch.zeros(1, 3, 2), torch.tensor([[0, 1, 255]]))), 4)
    0.6931
    """

    target, spacing, class_balanced = "labels", 8, "equal"
    score, higher_is_better, tolerance = "miou", True, 0.04
    scores = printed("per cent", 100, miou="mIoU", accuracy="accuracy")
    pooled = staticmethod(pooled_miou)

    def __init__(self, classes: Sequence[str], palette: Tensor) -> None:
        self.classes, self.palette = tuple(classes), torch.as_tensor(palette)
        self.num_outputs = len(self.classes)
        if not self.classes or self.palette.shape != (self.num_outputs, 3):
            found = f"{self.num_outputs} classes and a palette of shape {tuple(self.palette.shape)}"
            raise ValueError(f"classes, palette: found {found}, expected at least one class, each with three numbers")

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of logits (B, N, K), (B, N); ValueError for a target that is no class, nor void."""
        _check_shapes(outputs, targets, self.num_outputs)
        _check(targets, "labels", self.num_outputs)
        losses = F.cross_entropy(outputs.flatten(0, 1), targets.flatten(), ignore_index=VOID, reduction="none")
        return losses.view_as(targets)

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the likeliest class, (B, K, H, W) -> (B, H, W) int64."""
        return outputs.argmax(1)

    def colors(self, labels: Tensor) -> Tensor:
        """Colour class indices (B, H, W) by the palette."""
        palette = self.palette.to(labels.device).float() / 255
        colors = palette[labels.clamp(0, self.num_outputs - 1)].movedim(-1, 1)
        return colors.where((labels != VOID)[:, None], _VOID_COLOR)

    def meter(self, workers: int = 1) -> Meter:
        """Count a confusion matrix."""
        matrix = ConfusionMatrix(self.num_outputs)

        def update(labels: Tensor, sample: dict) -> None:
            matrix.update(labels[0], sample["labels"])

        return Meter(update, matrix.scores, matrix.image_counts)

    def answers(self, outputs: Tensor) -> Tensor:
        """Return the probability of each class."""
        return outputs.float().softmax(1)

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell where more than ``MOVED`` of the probability lies on other classes: the total variation distance."""
        return (answers - others).abs_().sum(1) > 2 * MOVED


class SurfaceNormals(Task):
    """The unit normal of the visible surface at every pixel: 3 numbers, made unit length, regression.

    Camera frame: x right, y down, z into the scene; a wall that faces the camera has the normal (0, 0, -1).

    Examples
    --------
    >>> float(SurfaceNormals().loss(torch.tensor([[[0.0, 0.0, -2.0]]]), torch.tensor([[[0.0, -1.0, 0.0]]])))
    1.0
    """

    target, num_outputs, spacing, class_balanced = "normals", 3, 8, ""
    score, higher_is_better, tolerance = "median", False, 2.0
    scores = printed("degrees", 1, median="median", mean="mean", rmse="RMSE")
    scores |= printed("per cent", 1, within_11_25="<11.25°", within_22_5="<22.5°", within_30="<30°")
    pooled = staticmethod(pooled_median)

    def valid(self, targets: Tensor) -> Tensor:
        """Tell which pixels have a normal, (B, 3, H, W) -> (B, H, W) bool."""
        return targets.square().sum(1) > 0.25

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return 1 - cos(angle), half the squared distance of unit vectors, of outputs (B, N, 3), (B, N).

        ValueError for a target that is neither a unit vector nor shorter than a half, which is not valid.
        """
        _check_shapes(outputs, targets[..., 0], 3)
        targets = targets.nan_to_num()  # not valid, but NaN times no weight would be NaN
        length = targets.norm(dim=-1)
        if wrong := ((length - 1).abs() > UNIT_TOLERANCE).logical_and(length > 0.5).sum():
            raise ValueError(f"normals: found {int(wrong)} whose length is not 1, expected unit vectors, or (0, 0, 0)")
        return 1 - (F.normalize(outputs.float(), dim=-1) * targets).sum(-1)

    def decode(self, outputs: Tensor) -> Tensor:
        """Make the outputs (B, 3, H, W) unit length."""
        return F.normalize(outputs.float(), dim=1)

    def colors(self, normals: Tensor) -> Tensor:
        """Colour normals (B, 3, H, W): right is red, up is green, towards the camera is blue."""
        signs = torch.tensor([1.0, -1.0, -1.0], device=normals.device).view(3, 1, 1)
        return ((1 + signs * normals) / 2).where(self.valid(normals)[:, None], _VOID_COLOR)

    def meter(self, workers: int = 1) -> Meter:
        """Pool the angles of all valid pixels."""
        errors = NormalErrors()

        def update(normals: Tensor, sample: dict) -> None:
            target = sample["normals"][None]
            errors.update(normals, target, self.valid(target))

        return Meter(update, errors.scores, errors.image_counts)

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell where two unit normals have more than 20 degrees between them."""
        return (answers * others).sum(1) < math.cos(math.radians(BEND))


class EdgeDetection(Task):
    """Whether a boundary passes through the pixel: one logit, sigmoid cross-entropy.

    Examples
    --------
    >>> round(float(EdgeDetection().loss(torch.zeros(1, 2, 1), torch.tensor([[0, 1]]))), 4)
    0.6931
    """

    target, num_outputs, spacing, class_balanced = "edges", 1, 2, "balanced"  # an edge is one pixel wide
    score, higher_is_better, tolerance = "ods", True, 0.03
    scores = printed("per cent", 100, ods="ODS", ois="OIS", ap="AP", calibration_error="calibration")
    pooled = staticmethod(pooled_f)

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy of logits (B, N, 1), (B, N); ValueError for a target other than 0, 1 and void."""
        _check_shapes(outputs, targets, 1)
        _check(targets, "edges", 2)
        return F.binary_cross_entropy_with_logits(outputs[..., 0].float(), targets.float(), reduction="none")

    def decode(self, outputs: Tensor) -> Tensor:
        """Return the probability of an edge, (B, 1, H, W) -> (B, H, W)."""
        return outputs[:, 0].float().sigmoid()

    def colors(self, edges: Tensor) -> Tensor:
        """Draw edges (B, H, W) dark on white."""
        return (1 - edges.float()).where(edges != VOID, _VOID_COLOR)[:, None].expand(-1, 3, -1, -1)

    def meter(self, workers: int = 1) -> Meter:
        """Match thinned edges with those of each annotator."""
        curve = BoundaryCurve(workers=workers)

        def update(edges: Tensor, sample: dict) -> None:
            curve.update(non_maximum_suppression(edges[0]), annotations_of(sample))

        return Meter(update, curve.scores, curve.image_counts)

    def answers(self, outputs: Tensor) -> Tensor:
        """Tell which pixels may be of an edge, logits (B, 1, ...) -> (B, ...) bool."""
        return self.decode(outputs) > UNLIKELY

    def disagree(self, answers: Tensor, others: Tensor) -> Tensor:
        """Tell where one of two pixels may be of an edge, which interpolation would blur."""
        return answers | others


TASKS = {"segmentation": SemanticSegmentation, "normals": SurfaceNormals, "edges": EdgeDetection}


def target_of(sample: dict, task: Task) -> Tensor:
    """Return a sample's target; a clear error where it has none."""
    if task.target not in sample:
        needs = f"{type(task).__name__} needs {task.target!r}, which the samples do not have; found {sorted(sample)}"
        raise ValueError(f"task: {needs}; choose another task or data set")
    return sample[task.target]


def annotations_of(sample: dict) -> Tensor:
    """Return the boundaries of each annotator, (A, H, W) bool; the target alone where a sample has no annotators."""
    return sample["annotations"] if "annotations" in sample else (sample["edges"] == 1)[None]


def targets_at(targets: Tensor, points: Tensor) -> Tensor:
    """Read target maps at integer points (B, N, 2): (B, N) or (B, N, 3).

    Examples
    --------
    >>> targets_at(torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([[[1.0, 0.0]]]))
    tensor([[2]])
    """
    return read_at(targets if targets.dim() == 3 else targets.movedim(1, -1), points)


def valid_at(task: Task, targets: Tensor) -> Tensor:
    """Tell which targets at points, (B, N) or (B, N, 3), are valid, (B, N) bool."""
    return task.valid(targets.movedim(-1, 1) if targets.dim() == 3 else targets)


def _check_shapes(outputs: Tensor, targets: Tensor, number: int) -> None:
    """Raise ValueError unless outputs (B, N, K) belong to targets (B, N)."""
    if outputs.shape != (*targets.shape, number):
        found, expected = tuple(outputs.shape), (*targets.shape, number)
        raise ValueError(f"outputs: found shape {found}, expected {expected}: a number for each target and output")


def _check(targets: Tensor, name: str, number: int) -> None:
    """Raise ValueError for a target that is neither void nor one of so many classes."""
    if targets.is_floating_point() and name == "labels":
        raise ValueError(f"{name}: found {targets.dtype}, expected class indices, int64")
    right = (targets >= 0) & (targets < number)
    if targets.is_floating_point():
        right &= targets == targets.round()
    wrong = targets[(targets != VOID) & ~right]
    if len(wrong):
        raise ValueError(f"{name}: found class {wrong[0]:g}, expected 0 to {number - 1}, or {VOID} for void")
