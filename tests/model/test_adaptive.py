"""Adaptive prediction: exact where it computes, right where it doesn't, and done when nothing disagrees."""

import pytest
import torch
from torch import nn

from pixelnet_edu import EdgeDetection, PixelNet, RoomScenes, SemanticSegmentation, SmallVGG, SurfaceNormals
from pixelnet_edu.metrics import ConfusionMatrix, NormalErrors
from pixelnet_edu.model.adaptive import predict_adaptive
from pixelnet_edu.model.heads import LinearHead
from pixelnet_edu.training.runs import load_run, recorded

PALETTE = torch.zeros(3, 3, dtype=torch.uint8)
SEGMENTATION = SemanticSegmentation(("a", "b", "c"), PALETTE)
TASKS = {"segmentation": SEGMENTATION, "normals": SurfaceNormals(), "edges": EdgeDetection()}


class Formula(nn.Module):
    """Stands for a network: its outputs are a formula of the pixel, and it notes the pixels that are asked for."""

    def __init__(self, formula) -> None:
        super().__init__()
        self.formula, self.asked = formula, []

    def backbone(self, image):
        return image

    def reader(self, features, num_points):
        def read(points):
            self.asked += [tuple(p) for p in points[0].tolist()]
            return torch.stack(self.formula(*points.unbind(-1)), -1)

        return read

    def everywhere(self, height, width):
        y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
        return torch.stack(self.formula(x, y))[None]


def disagree(task, outputs, others):
    """Tell whether the answers of two outputs (K, ...) disagree."""
    found = task.disagree(task.answers(outputs), task.answers(others)).flatten().tolist()
    return found[0] if len(found) == 1 else found


def small_net(outputs):
    torch.manual_seed(0)
    backbone = SmallVGG((4, 6, 8))
    return PixelNet(backbone, LinearHead(backbone.hypercolumn_channels, outputs))


@pytest.mark.parametrize(("height", "width"), [(33, 65), (30, 47), (8, 9), (1, 20), (5, 3)])
def test_smooth_answers_need_the_grid_only(height, width):
    """Logits that are linear in the pixel are interpolated without error, as far as the grid's last node is inside."""
    net = Formula(lambda x, y: (10 + 0 * x, 0.01 * y, 0 * x))
    outputs, computed = predict_adaptive(net, torch.zeros(1, 3, height, width), SEGMENTATION)
    assert outputs.shape == (1, 3, height, width)
    assert int(computed.sum()) == -(-height // 8) * -(-width // 8)
    torch.testing.assert_close(outputs, net.everywhere(height, width), atol=0.08, rtol=0)
    inside = (height - 1) // 8 * 8 + 1, (width - 1) // 8 * 8 + 1
    torch.testing.assert_close(outputs[..., : inside[0], : inside[1]], net.everywhere(*inside))


def test_a_region_that_is_unsure_everywhere_alike_needs_the_grid_only():
    """Close races of two classes, one of which slowly overtakes the other, are as well interpolated."""
    net = Formula(lambda x, y: (0.1 + 0 * x, 0.004 * y, 0 * x))
    outputs, computed = predict_adaptive(net, torch.zeros(1, 3, 65, 65), SEGMENTATION)
    assert int(computed.sum()) == 9 * 9
    assert SEGMENTATION.decode(outputs).equal(SEGMENTATION.decode(net.everywhere(65, 65)))
    assert SEGMENTATION.decode(outputs).unique().tolist() == [0, 1]


def disc(x, y):
    """A disc of class 1 in class 0, decided sharply at its border."""
    inside = ((x - 41.3) ** 2 + (y - 37.8) ** 2).sqrt() < 21.6
    return (8.0 * ~inside, 8.0 * inside, torch.zeros_like(x))


def test_a_region_is_found_to_the_pixel_by_following_its_border():
    net = Formula(disc)
    outputs, computed = predict_adaptive(net, torch.zeros(1, 3, 90, 101), SEGMENTATION)
    assert SEGMENTATION.decode(outputs).equal(SEGMENTATION.decode(net.everywhere(90, 101)))
    assert float(computed.float().mean()) < 0.2


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("size", [(16, 16), (33, 47), (50, 31)])
def test_computed_pixels_are_exact_and_settled(task, size):
    """With random weights nearly everything disagrees; what was left out must not."""
    problem = TASKS[task]
    net, image = small_net(problem.num_outputs), torch.rand(1, 3, *size)
    outputs, computed = predict_adaptive(net, image, problem)
    expected = net.predict(image)
    torch.testing.assert_close(outputs[..., computed], expected[..., computed], atol=1e-5, rtol=1e-5)
    for y in range(size[0]):
        for x in range(size[1]):
            for other in ((y, x + 1), (y + 1, x)):
                if other[0] < size[0] and other[1] < size[1]:
                    pair = outputs[..., y, x], outputs[..., other[0], other[1]]
                    assert bool(computed[y, x] & computed[other]) or not disagree(problem, *pair)


def test_no_pixel_inside_is_computed_twice():
    net = Formula(disc)
    _, computed = predict_adaptive(net, torch.zeros(1, 3, 89, 97), SEGMENTATION)  # 8 divides 88 and 96
    assert len(net.asked) == len(set(net.asked)) == int(computed.sum())
    assert all(bool(computed[int(y), int(x)]) for x, y in net.asked)


def test_predict_gives_the_outputs_of_each_image_and_keeps_the_mode():
    net, images = small_net(3).train(), torch.rand(2, 3, 33, 47)
    found = net.predict(images, mode="adaptive", task=SEGMENTATION)
    assert net.training
    expected = [predict_adaptive(net, image[None], SEGMENTATION)[0] for image in images]
    torch.testing.assert_close(found, torch.cat(expected))
    with pytest.raises(ValueError, match=r"image: found shape \(2, 3, 33, 47\), expected \(1, 3, H, W\)"):
        predict_adaptive(net, images, SEGMENTATION)


def test_bfloat16_predicts_too():
    net, image = small_net(3), torch.rand(1, 3, 33, 47)
    with torch.autocast("cpu", torch.bfloat16):
        outputs, _ = predict_adaptive(net, image, SEGMENTATION)
        assert outputs.dtype == net.predict(image).dtype == torch.bfloat16
    assert bool(outputs.isfinite().all())


@pytest.mark.parametrize(
    ("other", "expected"),
    [((0.5, 0.4, 0.1), False), ((0.4, 0.5, 0.1), False), ((0.31, 0.4, 0.29), False), ((0.29, 0.4, 0.31), True)],
)
def test_classes_disagree_by_the_probability_that_moved_whichever_is_likeliest(other, expected):
    """From 0.5, 0.4, 0.1: nothing, a tenth, 0.19 and 0.21 of the probability lie elsewhere."""
    first, second = (torch.tensor([p]).log() for p in ((0.5, 0.4, 0.1), other))
    assert disagree(SEGMENTATION, first, second) == disagree(SEGMENTATION, second + 3, first) == expected


@pytest.mark.parametrize(("degrees", "expected"), [(0, False), (19, False), (21, True), (180, True)])
def test_normals_disagree_by_their_angle_whatever_their_length(degrees, expected):
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    other = 3 * torch.stack([torch.sin(angle), torch.zeros(()), -torch.cos(angle)])
    assert disagree(SurfaceNormals(), torch.tensor([[0.0, 0, -0.2]]), other[None]) == expected


def test_edges_disagree_where_one_may_be_an_edge():
    none, maybe = torch.tensor([[-5.0]]), torch.tensor([[-1.0]])
    assert [disagree(EdgeDetection(), *pair) for pair in ((none, none), (none, maybe), (maybe, none))] == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize(("name", "share", "lost"), [("segmentation", 0.25, 0.002), ("normals", 0.25, 0.2)])
def test_recorded_networks_lose_next_to_nothing(name, share, lost):
    """At most 0.2 points of mIoU, and 0.2 degrees of the median, from a fraction of the pixels."""
    _, _, net, task = load_run(recorded(f"rooms-{name}"))
    scenes, shares = RoomScenes((96, 96), 16, seed=1), []
    exact, adaptive = (ConfusionMatrix(7) if name == "segmentation" else NormalErrors() for _ in range(2))
    for scene in (scenes[k] for k in range(len(scenes))):
        outputs, computed = predict_adaptive(net, scene["image"][None], task)
        shares.append(float(computed.float().mean()))
        target = scene[task.target][None]
        valid = [task.valid(target)] if name == "normals" else []
        exact.update(task.decode(net.predict(scene["image"][None])), target, *valid)
        adaptive.update(task.decode(outputs), target, *valid)
    difference = adaptive.scores()[task.score] - exact.scores()[task.score]
    assert (-difference if task.higher_is_better else difference) < lost
    assert sum(shares) / len(shares) < share
