"""What a program may pass by mistake: a TypeError or ValueError that begins with the name of what is wrong."""

import numpy as np
import pytest
import torch
from PIL import Image

from pixelnet_edu import (
    BalancedSampler,
    EdgeDetection,
    HardPixelSampler,
    LinearHead,
    PatchSampler,
    PixelNet,
    RoomScenes,
    SemanticSegmentation,
    SmallVGG,
    StratifiedSampler,
    SurfaceNormals,
    TrainingConfig,
    UniformSampler,
    allocate,
    boundary_scores,
    fit,
    horvitz_thompson_mean,
    normal_scores,
    segmentation_scores,
    spatial_strata,
)
from pixelnet_edu.data.transforms import Augment
from pixelnet_edu.metrics import ConfusionMatrix, NormalErrors
from pixelnet_edu.sampling.other_samplers import AnyPixelSampler, SpatialSampler
from pixelnet_edu.teaching import Question, pixel_map, show_images, show_points
from pixelnet_edu.training import trained
from pixelnet_edu.training.photo import predict_photo

NAN, INF = float("nan"), float("inf")
SEGMENTATION = SemanticSegmentation(("a", "b", "c"), torch.zeros(3, 3, dtype=torch.uint8))
IMAGE, LABELS = torch.rand(3, 32, 32), torch.zeros(32, 32).long()
UP = torch.tensor([0.0, 0, -1]).view(1, 3, 1, 1).expand(1, 3, 4, 4)


def net(outputs=3):
    backbone = SmallVGG((4, 4))
    return PixelNet(backbone, LinearHead(backbone.hypercolumn_channels, outputs))


def train(sampler=None, task=SEGMENTATION, outputs=3, more=None, samples=None, **config):
    config = TrainingConfig(**{"steps": 2, "images_per_step": 2, "points_per_image": 20, "learning_rate": 0.1} | config)
    samples = samples if samples is not None else [{"image": IMAGE, "labels": LABELS}] * 4
    fit(net(outputs), task, samples, sampler or UniformSampler(), config, progress=False, **(more or {}))


def sample(image=IMAGE, labels=LABELS):
    return [{"image": image, "labels": labels}] * 4


VALID = torch.ones(1, 8, 8, dtype=torch.bool)
STRATA = (torch.arange(64) % 2).view(1, 8, 8)
IMAGES = {
    "bytes": (255 * IMAGE).byte(),
    "0 to 255": 255 * IMAGE,
    "whole numbers": (255 * IMAGE).long(),
    "negative": IMAGE - 5,
    "nan": torch.full((3, 32, 32), NAN),
    "one nan": IMAGE.where(torch.arange(32) > 0, NAN),
    "infinite": torch.full((3, 32, 32), INF),
    "double": IMAGE.double(),
    "half": IMAGE.half(),
    "complex": IMAGE.to(torch.complex64),
    "meta": IMAGE.to("meta"),
    "array": IMAGE.numpy(),
    "picture": Image.new("RGB", (32, 32)),
    "none": None,
    "one channel": IMAGE[:1],
    "four channels": torch.rand(4, 32, 32),
    "channels last": IMAGE.permute(1, 2, 0),
    "empty": torch.rand(3, 0, 32),
}
SAMPLERS = {
    "uniform": UniformSampler(),
    "stratified": StratifiedSampler(),
    "patch": PatchSampler(),
    "spatial": SpatialSampler(2, 2),
    "any": AnyPixelSampler(),
    "balanced": BalancedSampler(),
}
MAPS = {
    "array": VALID.numpy(),
    "none": None,
    "list": [[[True]]],
    "2-D": VALID[0],
    "4-D": VALID[None],
    "real": torch.rand(1, 8, 8),
    "bytes": STRATA.byte(),
    "below 0": STRATA - 1,
    "above 255": STRATA + 255,
    "empty batch": VALID[:0],
    "empty map": VALID[:, :0],
    "all void": torch.full((1, 8, 8), 255),
    "too few": VALID & (torch.arange(8) == 100),
}
NUMBERS = {"3.5": 3.5, "text": "3", "0": 0, "-1": -1, "nan": NAN, "none": None, "true": True, "too many": 65}
CONFIG = {
    "learning_rate": (NAN, INF, -1.0, "fast", None, True),
    "momentum": (1.0, 5.0, -0.1, NAN, "0.9"),
    "weight_decay": (-1.0, NAN, INF),
    "gamma": (-1.0, NAN, INF),
    "clip_norm": (-1.0, NAN, INF, "1"),
    "steps": (0, -1, 2.5, "3", NAN, None, True, 2**40),
    "images_per_step": (0, 2.5, "3"),
    "points_per_image": (0, -5, 2.5, None),
    "step_size": (0, -1, 2.5),
    "evaluate_every": (-5, 2.5),
    "checkpoint_every": (0, 2.5),
    "log_every": (0, 2.5),
    "precision": ("fp61", "", None),
    "schedule": ("cosine", None),
    "seed": (-1, 2.5, "0", 2**70),
    "reweight": ("yes", 1),
}
CASES = {
    **{f"predict, {k}": lambda v=v: net().predict(v[None] if hasattr(v, "dtype") else v) for k, v in IMAGES.items()},
    **{f"adaptive, {k}": lambda v=v: net().predict(v[None], mode="adaptive", task=SEGMENTATION)
       for k, v in IMAGES.items() if hasattr(v, "dtype")},
    **{f"fit, image {k}": lambda v=v: train(samples=sample(v)) for k, v in IMAGES.items()},
    **{f"augment, {k}": lambda v=v: Augment()({"image": v, "labels": LABELS}, torch.Generator())
       for k, v in IMAGES.items() if k not in ("double", "half")},
    **{f"{s}, map {k}": lambda s=s, v=v: SAMPLERS[s](v, 3)
       for s in SAMPLERS for k, v in MAPS.items() if (s, k) != ("balanced", "too few")},
    **{f"{s}, n {k}": lambda s=s, v=v: SAMPLERS[s](STRATA if s in ("balanced", "stratified") else VALID, v)
       for s in SAMPLERS for k, v in NUMBERS.items()},
    **{f"config, {k} {v}": lambda k=k, v=v: TrainingConfig(**{k: v}) for k, vs in CONFIG.items() for v in vs},
    "strata, empty counts": lambda: StratifiedSampler(()),
    "strata, real counts": lambda: StratifiedSampler((1.5, 2)),
    "strata, negative counts": lambda: StratifiedSampler((-1, 2)),
    "strata, nan spread": lambda: StratifiedSampler("neyman", (NAN, 1.0)),
    "strata, negative spread": lambda: StratifiedSampler("neyman", (-1.0, 1.0)),
    "strata, infinite spread": lambda: StratifiedSampler("neyman", (INF, 1.0)),
    "strata, no spread": lambda: StratifiedSampler("neyman", ()),
    "strata, unknown": lambda: StratifiedSampler("best"),
    "balanced, share 0": lambda: BalancedSampler(0.0),
    "balanced, share 1": lambda: BalancedSampler(1.0),
    "balanced, share nan": lambda: BalancedSampler(NAN),
    "balanced, probabilities": lambda: BalancedSampler()(torch.rand(1, 8, 8), 6),
    "hard, share 0": lambda: HardPixelSampler(0.0),
    "hard, share nan": lambda: HardPixelSampler(NAN),
    "hard, infinite": lambda: HardPixelSampler()(torch.tensor([[[1.0, INF, 2.0]]]), 2),
    "hard, nan": lambda: HardPixelSampler()(torch.tensor([[[1.0, NAN, 2.0]]]), 2),
    "hard, empty": lambda: HardPixelSampler()(torch.rand(0, 4, 4), 2),
    "hard, whole": lambda: HardPixelSampler()(STRATA, 2),
    "hard, array": lambda: HardPixelSampler()(np.ones((1, 4, 4)), 2),
    "hard, n 2.5": lambda: HardPixelSampler()(torch.rand(1, 4, 4), 2.5),
    "grid, too many cells": lambda: spatial_strata(100, 100, 20, 20),
    "allocate, n 2.5": lambda: allocate(torch.tensor([[5, 5]]), 2.5),
    "points, array": lambda: net()(IMAGE[None], np.zeros((1, 5, 2), np.float32)),
    "points, outside": lambda: net()(IMAGE[None], torch.full((1, 5, 2), 99.0)),
    "points, nan": lambda: net()(IMAGE[None], torch.full((1, 5, 2), NAN)),
    "points, 2-D": lambda: net()(IMAGE[None], torch.zeros(5, 2)),
    "images, array": lambda: net()(IMAGE[None].numpy(), torch.zeros(1, 5, 2)),
    "max_points nan": lambda: net().predict(IMAGE[None], max_points=NAN),
    "max_points 0": lambda: net().predict(IMAGE[None], max_points=0),
    "mode": lambda: net().predict(IMAGE[None], mode="fast"),
    "adaptive without a task": lambda: net().predict(IMAGE[None], mode="adaptive"),
    "predict, no batch": lambda: net().predict(IMAGE),
    "predict, empty batch": lambda: net().predict(torch.rand(0, 3, 32, 32)),
    "predict_photo, path": lambda: predict_photo(net(), SEGMENTATION, "cat.jpg", (32, 32)),
    "predict_photo, 0 to 255": lambda: predict_photo(net(), SEGMENTATION, 255 * IMAGE, (32, 32)),
    "head, other channels": lambda: PixelNet(SmallVGG((4, 4)), LinearHead(9, 3)),
    "no classes": lambda: SemanticSegmentation((), torch.zeros(0, 3)),
    "short palette": lambda: SemanticSegmentation(("a", "b", "c"), torch.zeros(2, 3)),
    "loss, real labels": lambda: SEGMENTATION.loss(torch.zeros(1, 4, 3), torch.zeros(1, 4)),
    "loss, label 3": lambda: SEGMENTATION.loss(torch.zeros(1, 4, 3), torch.full((1, 4), 3)),
    "loss, shapes": lambda: SEGMENTATION.loss(torch.zeros(1, 4, 3), torch.zeros(1, 5).long()),
    "loss, 2 outputs": lambda: SEGMENTATION.loss(torch.zeros(1, 4, 2), torch.zeros(1, 4).long()),
    "edges, nan": lambda: EdgeDetection().loss(torch.zeros(1, 4, 1), torch.full((1, 4), NAN)),
    "edges, 0.5": lambda: EdgeDetection().loss(torch.zeros(1, 4, 1), torch.full((1, 4), 0.5)),
    "edges, 3 outputs": lambda: EdgeDetection().loss(torch.zeros(1, 4, 3), torch.zeros(1, 4).long()),
    "normals, too long": lambda: SurfaceNormals().loss(torch.ones(1, 4, 3), torch.full((1, 4, 3), 9.0)),
    "normals, shapes": lambda: SurfaceNormals().loss(torch.ones(1, 5, 3), torch.zeros(1, 4, 3)),
    "fit, sizes differ": lambda: train(samples=[*sample(torch.rand(3, 32, 80), torch.zeros(32, 80).long()), *sample()]),
    "fit, no samples": lambda: train(samples=torch.utils.data.Subset(sample(), [])),
    "fit, no target": lambda: train(samples=[{"image": IMAGE}] * 4),
    "fit, outputs": lambda: train(task=EdgeDetection(), samples=[{"image": IMAGE, "edges": LABELS}] * 4),
    "fit, resume nowhere": lambda: train(more={"resume": True}),
    "fit, sampler of nothing": lambda: train(sampler=lambda *_, **__: None),
    "fit, diverges": lambda: train(learning_rate=1e18, steps=20),
    "fit, diverges, hard": lambda: train(sampler=HardPixelSampler(), learning_rate=1e18, steps=20),
    "fit, labels too high": lambda: train(samples=sample(labels=LABELS + 3)),
    "fit, all void": lambda: train(samples=sample(labels=LABELS + 255)),
    "matrix, real predictions": lambda: ConfusionMatrix(3).update(torch.full((4, 4), 0.9), LABELS[:4, :4]),
    "matrix, real targets": lambda: ConfusionMatrix(3).update(LABELS, LABELS.float()),
    "matrix, class 3": lambda: ConfusionMatrix(3).update(LABELS + 3, LABELS),
    "matrix, shapes": lambda: ConfusionMatrix(3).update(LABELS[:4], LABELS),
    "matrix, no class": lambda: ConfusionMatrix(0),
    "matrix, 2.5 classes": lambda: ConfusionMatrix(2.5),
    "scores, shapes": lambda: segmentation_scores(LABELS[0], LABELS, 3),
    "normals, nan": lambda: NormalErrors().update(NAN * UP, UP, torch.ones(1, 4, 4)),
    "normals, infinite": lambda: NormalErrors().update(UP, INF * UP, torch.ones(1, 4, 4)),
    "normals, none valid": lambda: normal_scores(UP, UP, torch.zeros(1, 4, 4)),
    "normals, sizes": lambda: normal_scores(UP, UP, torch.ones(1, 4, 5)),
    "boundaries, above 1": lambda: boundary_scores([9 * torch.ones(8, 8)], [torch.ones(1, 8, 8, dtype=torch.bool)]),
    "boundaries, nan": lambda: boundary_scores([NAN * torch.ones(8, 8)], [torch.ones(1, 8, 8, dtype=torch.bool)]),
    "boundaries, whole": lambda: boundary_scores([torch.ones(8, 8)], [torch.ones(1, 8, 8).long()]),
    "boundaries, sizes": lambda: boundary_scores([torch.ones(8, 8)], [torch.ones(1, 8, 9, dtype=torch.bool)]),
    "boundaries, none": lambda: boundary_scores([], []),
    "estimate, p 0": lambda: horvitz_thompson_mean(torch.ones(1, 3), torch.zeros(1, 3), 9),
    "estimate, p 2": lambda: horvitz_thompson_mean(torch.ones(1, 3), torch.full((1, 3), 2.0), 9),
    "estimate, p nan": lambda: horvitz_thompson_mean(torch.ones(1, 3), torch.full((1, 3), NAN), 9),
    "estimate, shapes": lambda: horvitz_thompson_mean(torch.ones(1, 3), torch.ones(1, 4), 9),
    "estimate, of nothing": lambda: horvitz_thompson_mean(torch.ones(1, 3), torch.ones(1, 3), 0),
    "question, option None": lambda: Question("a", [None, 1], 1, "w"),
    "question, one option": lambda: Question("a", ["b"], "b", "w"),
    "question, no such answer": lambda: Question("a", ["b", "c"], "d", "w"),
    "question, no prompt": lambda: Question(" ", ["b", "c"], "b", "w"),
    "pictures, columns -1": lambda: show_images([torch.zeros(3, 4, 4)], columns=-1),
    "pictures, columns 0": lambda: show_images([torch.zeros(3, 4, 4)], columns=0),
    "pictures, none": lambda: show_images([]),
    "pictures, empty": lambda: show_images([torch.zeros(3, 0, 0)]),
    "pictures, above 1": lambda: show_images([torch.full((3, 4, 4), 255.0)]),
    "pictures, nan": lambda: show_images([torch.full((3, 4, 4), NAN)]),
    "pictures, sizes": lambda: show_images([torch.zeros(3, 4, 4), torch.zeros(3, 4, 5)]),
    "pictures, titles": lambda: show_images([torch.zeros(3, 4, 4)], ["a", "b"]),
    "points, of a batch": lambda: show_points(torch.zeros(3, 4, 4), torch.zeros(1, 2, 2)),
    "map, label beyond": lambda: pixel_map(torch.full((4, 4), 9), ["#000000"] * 2, ["a", "b"]),
    "map, label below": lambda: pixel_map(torch.full((4, 4), -1), ["#000000"] * 2, ["a", "b"]),
    "map, sampled outside": lambda: pixel_map(LABELS, ["#000000"] * 2, ["a", "b"], torch.tensor([[99, 9]])),
    "map, sampled below": lambda: pixel_map(LABELS, ["#000000"] * 2, ["a", "b"], torch.tensor([[-1, -1]])),
    "rooms, seed 2^70": lambda: RoomScenes(32, 3, seed=2**70),
    "rooms, size 4": lambda: RoomScenes(4, 3),
    "rooms, size 32.5": lambda: RoomScenes(32.5, 3),
    "rooms, none": lambda: RoomScenes(32, 0),
    "rooms, device": lambda: RoomScenes(32, 3, device="nowhere"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_it_is_one_clear_error(case):
    with pytest.raises((TypeError, ValueError)) as found:
        CASES[case]()
    text = str(found.value)
    assert ": " in text
    assert "found" in text or "expected" in text or "give" in text
    assert "\n" not in text
    assert len(text) < 400


def test_an_infinite_loss_is_no_gradient_of_the_others():
    """A normal that is not a number is void: the others' loss and gradient stay finite."""
    outputs = torch.ones(1, 4, 3, requires_grad=True)
    targets = torch.tensor([0.0, 0, -1]).repeat(1, 4, 1)
    targets[0, 0] = NAN
    loss = SurfaceNormals().loss(outputs, targets)
    loss.backward()
    assert loss.item() == pytest.approx(1 + 3**-0.5)
    assert outputs.grad.isfinite().all()


def test_the_environment_does_not_change_the_training(monkeypatch):
    """accelerate's variable would divide each gradient, unsaid."""
    nets = []
    for value in (None, "4"):
        if value:
            monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", value)
        torch.manual_seed(0)
        nets.append(net())
        config = TrainingConfig(steps=2, images_per_step=2, points_per_image=20, learning_rate=0.1)
        fit(nets[-1], SEGMENTATION, sample(), UniformSampler(), config, progress=False)
    assert all(torch.equal(a, b) for a, b in zip(*(one.parameters() for one in nets), strict=True))


def test_a_class_that_is_ignored_is_not_in_the_mean():
    scores = segmentation_scores(torch.tensor([0, 1, 1, 2]), torch.tensor([0, 1, 1, 1]), 3, ignore_index=0)
    assert scores["miou"] == pytest.approx((2 / 3 + 0) / 2)
    assert np.isnan(scores["iou"][0])


def test_the_shipped_network_never_sees_bytes():
    """As bytes it would name 3 per cent of the pixels rightly, without a word, in place of 97."""
    network, _ = trained("rooms-segmentation")
    room = RoomScenes(96, 1, seed=1)[0]
    right = (network.predict(room["image"][None]).argmax(1)[0] == room["labels"]).float().mean()
    assert right > 0.9
    with pytest.raises(ValueError, match="divide images of 8 bits by 255"):
        network.predict((255 * room["image"][None]).byte())
