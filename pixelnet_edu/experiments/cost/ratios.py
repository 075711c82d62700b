"""The ratios of training, predicting and sampling: what is timed against what, and the goal of each.

Shapes: B images, N points an image, C hypercolumn channels, H x W pixels.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pixelnet_edu.experiments.cost import workloads
from pixelnet_edu.experiments.cost.costs import FORWARD_AND_BACKWARD, step_cost
from pixelnet_edu.experiments.cost.memory import available_bytes, measure
from pixelnet_edu.experiments.cost.peers import grid_sample_hypercolumns, per_class_loop
from pixelnet_edu.experiments.cost.plans import Plan
from pixelnet_edu.experiments.cost.report import once, row
from pixelnet_edu.experiments.cost.timing import interleaved
from pixelnet_edu.experiments.cost.workloads import NETWORKS, Setup, Workload, build
from pixelnet_edu.model.fast import read_hypercolumns
from pixelnet_edu.training.config import has_fast_bf16
from pixelnet_edu.training.presets import preset
from pixelnet_edu.training.recipes import Recipe, build_sampler

CLASS_SHARES = (0.31, 0.23, 0.17, 0.1, 0.07, 0.05, 0.03, 0.02, 0.01, 0.006, 0.003, 0.001)  # of street scenes, about


def extraction(plan: Plan) -> list[dict]:
    """Read hypercolumns and send a gradient back, against ``grid_sample`` on the same maps."""
    setup = build(plan.step, training=False)
    with torch.no_grad():
        maps = [feature.requires_grad_() for feature in setup.net.backbone(setup.images)]
    backbone, points = setup.net.backbone, setup.points
    gradient = torch.ones(*points.shape[:2], backbone.hypercolumn_channels, device=points.device)

    def both_ways(read: Callable) -> None:
        torch.autograd.grad(read(maps, points, backbone.levels), maps, gradient)

    readers = {"ours": read_hypercolumns, "peer": grid_sample_hypercolumns}
    times = interleaved({side: partial(both_ways, read) for side, read in readers.items()}, plan.seconds)
    about = NETWORKS[plan.step.network]
    return [row("extraction, forward and backward", "times", "s", **times, goal=5, network=about)]


def training_step(plan: Plan) -> list[dict]:
    """Take whole steps, against the obvious step, and against the backbone's part and the head's fewest products."""
    setup, step = build(plan.step, training=True), plan.step
    times = interleaved(_step_sides(setup, plan.matrix), 3 * plan.seconds)
    cost = step_cost(setup.net.backbone, setup.net.head, step.size, step.images, step.points)
    compared, rows = [("", "training step", "", 0.66, 1.08)], []
    if "bf16 ours" in times:
        compared.append(("bf16 ", "training step in bf16", ", against the obvious one in float32", 0.24, 1.2))
    for of, name, against, goal, limit_goal in compared:
        about, ours = {"network": NETWORKS[step.network]}, times[f"{of}ours"]
        rows.append(row(f"{name}{against}", "share", "s", ours, times["peer"], goal, **about))
        parts = {part: times[of + part] for part in ("backbone", "product")}  # as precise as the step
        bound = once(limit(*(part["median"] for part in parts.values()), plan.matrix, cost["fewest_head_macs"]))
        rows.append(row(f"{name}, of the limit", "share", "s", ours, bound, limit_goal, **about, **parts))
    return rows


def _step_sides(setup: Setup, side: int) -> dict[str, Callable[[], object]]:
    """Return a step, the obvious one, the backbone's part and a product; where bf16 is fast, ours in bf16 too."""
    steps = {"ours": workloads.step, "peer": workloads.plain_step, "backbone": workloads.backbone_step}
    matrix = torch.rand(side, side, device=setup.images.device)
    sides = {name: partial(step, setup) for name, step in steps.items()}
    sides["product"] = partial(torch.mm, matrix, matrix)
    if has_fast_bf16():
        half = matrix.bfloat16()
        sides |= {f"bf16 {name}": partial(workloads.in_bf16, steps[name], setup) for name in ("ours", "backbone")}
        sides["bf16 product"] = partial(torch.mm, half, half)
    return sides


def limit(backbone: float, product: float, side: int, head_macs: int) -> float:
    """Return the seconds of a step that were nothing but its backbone and the products of its head.

    Parameters
    ----------
    backbone : float
        Seconds of the backbone's forward and backward pass.
    product : float
        Seconds of one product of two matrices of ``side`` x ``side``.
    side : int
        Their side.
    head_macs : int
        Multiply-adds of the head's forward pass; the fewest, for a limit that no order of them can pass.

    Examples
    --------
    >>> limit(backbone=2.0, product=0.5, side=100, head_macs=1_000_000)
    3.5
    """
    return backbone + FORWARD_AND_BACKWARD * head_macs * product / side**3


def few_pixels(plan: Plan) -> list[dict]:
    """Take a step on a few pixels of one image, against all its pixels: time, and memory beyond the backbone's."""
    few, pixels = plan.step._replace(images=1), plan.step.size[0] * plan.step.size[1]
    setup = build(few, training=True)
    times = _in_turn(setup, plan.seconds, ours=workloads.step, peer=workloads.chunked_step)
    about = {"network": NETWORKS[few.network], "points": few.points, "pixels": pixels}
    rows = [row("step on few pixels, against all", "times", "s", **times, goal=10, **about, chunk=workloads.CHUNK)]
    every = step_cost(setup.net.backbone, setup.net.head, few.size, 1, pixels)
    whole_fits = 4 * (every["hypercolumn_bytes"] + every["hidden_bytes"]) < available_bytes()
    del setup  # the processes below need the room
    base = measure(workloads.backbone_step, few)["peak_bytes"]
    ours = _beyond(base, workloads.step, few)
    whole = _beyond(base, workloads.all_pixels_step, few) if whole_fits else None
    name = "memory of few pixels, against all"
    rows.append(row(f"{name} in one graph", "times", "bytes", ours, whole, goal=15, **about))
    chunked = _beyond(base, workloads.chunked_step, few)
    return [*rows, row(f"{name} in chunks", "times", "bytes", ours, chunked, **about, chunk=workloads.CHUNK)]


def dense_prediction(plan: Plan) -> list[dict]:
    """Predict every pixel of one image, against resizing every level: time, memory beyond the backbone's, equality."""
    one = plan.step._replace(images=1)
    setup = build(one, training=False)
    times = _in_turn(setup, plan.seconds, ours=workloads.predict, peer=workloads.full_size_predict)
    ours, peer = setup.net.predict(setup.images), workloads.plain_predict(setup.net, setup.images)
    about = {"network": NETWORKS[one.network]}
    difference = once(float((ours - peer).abs().max() / peer.abs().max()))
    del setup, ours, peer  # the processes below need the room
    base = measure(workloads.backbone_predict, one)["peak_bytes"]
    memory = [_beyond(base, operation, one) for operation in (workloads.predict, workloads.full_size_predict)]
    return [
        row("every pixel, against full-size maps", "times", "s", **times, goal=2, **about),
        row("memory of every pixel, against the same", "times", "bytes", *memory, goal=5, **about),
        row("largest difference, of the largest output", "added", "", difference, once(0.0), goal=1e-4, **about),
    ]


def _in_turn(setup: Setup, seconds: float, **operations: Callable[[Setup], None]) -> dict[str, dict]:
    """Time operations on a workload."""
    return interleaved({side: partial(operation, setup) for side, operation in operations.items()}, seconds)


def _beyond(base: int, operation: Callable[[Setup], None], workload: Workload) -> dict | None:
    """Measure how much higher an operation's peak is than the backbone's; None if memory does not suffice."""
    try:
        return once(measure(operation, workload)["peak_bytes"] - base)
    except ChildProcessError:
        return None


def photographs(plan: Plan) -> list[dict]:
    """Compare reading and training on EfficientNet-Lite0 too, as the preset for photographs has it.

    Predicting is left out: resizing a level supposes places of its cells that this network does not have.
    """
    smaller = plan._replace(step=plan.photographs)
    rows = extraction(smaller) + training_step(smaller)
    return [r | {"name": f"EfficientNet-Lite0, {r['name']}", "goal": None, "reached": None} for r in rows]


def stratified_sampling(plan: Plan) -> list[dict]:
    """Draw points by class, against a loop over classes, and against the laptop step that they are drawn for."""
    laptop, n = preset("segmentation", "camvid", "laptop"), plan.step.points
    sampler, labels = build_sampler(laptop), label_maps(plan.labels).to(workloads.device())
    random = np.random.RandomState(0)
    sides = {
        "ours": partial(sampler, labels, n, generator=torch.Generator().manual_seed(0)),
        "peer": lambda: per_class_loop(labels.cpu().numpy(), n, random),
    }
    rows = [row("stratified sampling, against a loop", "times", "s", **interleaved(sides, plan.seconds / 2), goal=10)]
    for size, points in ((plan.labels, n), (laptop.size, laptop.training.points_per_image)):
        rows.append(_share_of_step(plan, laptop, size, points))
    return rows


def _share_of_step(plan: Plan, laptop: Recipe, size: tuple[int, int], n: int) -> dict:
    """Compare drawing points with the laptop step on images of the same size."""
    setup = build(Workload("laptop", size, laptop.training.images_per_step, n), training=True)
    labels, generator = label_maps(size).to(workloads.device()), torch.Generator().manual_seed(0)
    bf16 = laptop.training.precision == "bf16"
    take_step = partial(workloads.in_bf16, workloads.step) if bf16 else workloads.step
    draw = partial(build_sampler(laptop), labels, n, generator=generator)
    times = interleaved({"ours": draw, "peer": partial(take_step, setup)}, plan.seconds / 2)
    name = f"sampling, of a laptop step at {size[0]} x {size[1]}"
    return row(name, "share", "s", **times, goal=0.01, network=NETWORKS["laptop"], points=n)


def label_maps(size: tuple[int, int], number: int = 5, seed: int = 0) -> Tensor:
    """Draw label maps of 12 classes in blobs, the rarest a thousandth of the pixels, (number, H, W) int64.

    Examples
    --------
    >>> label_maps((50, 40), number=1).flatten().bincount().tolist()
    [620, 460, 340, 200, 140, 100, 60, 40, 20, 12, 6, 2]
    """
    noise = torch.randn(number, 1, 12, 12, generator=torch.Generator().manual_seed(seed))
    heights = F.interpolate(noise, size, mode="bicubic").flatten(1)
    rank = heights.argsort(1).argsort(1)
    borders = torch.tensor(CLASS_SHARES, dtype=torch.float64).cumsum(0)[:-1] * heights.shape[1]
    return torch.bucketize(rank, borders.round(), right=True).view(number, *size)


MEASURES = (extraction, training_step, few_pixels, dense_prediction, stratified_sampling)
