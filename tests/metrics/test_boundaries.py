"""Thinning, suppression, matching and the boundary benchmark against loops, other libraries and published outputs."""

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import networkx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.io import loadmat
from skimage.morphology import thin as thin_of_skimage

from pixelnet_edu.metrics import BoundaryCurve, boundary_scores, non_maximum_suppression
from pixelnet_edu.metrics.matching import match, partners_within
from pixelnet_edu.metrics.thinning import thin


@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**32 - 1))
@settings(max_examples=150, deadline=None)
def test_thinning_equals_another_library(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    before = mask.copy()
    np.testing.assert_array_equal(thin(mask), thin_of_skimage(mask))
    np.testing.assert_array_equal(mask, before)


ORDERS = {
    "Fortran": np.asfortranarray,
    "transposed view": lambda array: np.ascontiguousarray(np.moveaxis(array, -1, -2)).swapaxes(-1, -2),
    "every other pixel": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
    "transposed tensor": lambda array: torch.from_numpy(np.moveaxis(array, -1, -2).copy()).movedim(-1, -2),
}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_the_order_of_a_map_in_memory_changes_nothing(order):
    soft = np.random.default_rng(0).random((41, 60)) * (np.indices((41, 60))[0] // 5 % 2)
    drawn = np.zeros((2, 41, 60), dtype=bool)
    drawn[:, 7::10] = True
    expected = boundary_scores([soft], [drawn], thresholds=5)
    assert boundary_scores([order(soft)], [order(drawn)], thresholds=5) == expected
    assert thin(np.asarray(order(soft > 0.5))).sum() == thin(soft > 0.5).sum() < (soft > 0.5).sum()
    assert non_maximum_suppression(order(soft)).equal(non_maximum_suppression(soft))


def line(degrees, offset, sigma, height=61, width=75):
    """Return a blurred line through the middle, its normal turned by an angle, and the distance of each pixel to it."""
    y, x = np.indices((height, width))
    angle = np.deg2rad(degrees)
    distance = (x - width // 2) * np.cos(angle) + (y - height // 2) * np.sin(angle) - offset
    return 0.9 * np.exp(-(distance**2) / (2 * sigma**2)), distance


@pytest.mark.parametrize("degrees", range(0, 180, 15))
@pytest.mark.parametrize(("offset", "sigma"), [(0, 1.5), (0.3, 3), (0.5, 2)])
def test_suppression_leaves_a_line_where_it_was(degrees, offset, sigma):
    soft, distance = line(degrees, offset, sigma)
    kept = non_maximum_suppression(soft).numpy() > 0.01
    inside = np.zeros_like(kept)
    inside[8:-8, 8:-8] = True
    assert np.abs(distance[kept & inside]).max() < 0.8
    along = 0 if abs(np.cos(np.deg2rad(degrees))) < np.sqrt(0.5) - 1e-9 else 1
    crossed = (inside & (np.abs(distance) <= 0.5)).any(along)
    crossed[[np.flatnonzero(crossed)[0], np.flatnonzero(crossed)[-1]]] = False
    assert (kept & inside).any(along)[crossed].all()
    assert thin(kept)[inside].sum() <= 1.05 * crossed.sum() + 4


def suppressed_by_loop(soft):
    """Suppress pixel by pixel: mirrored borders, eigenvectors of the second derivatives, a bilinear reading."""

    def smooth(image, radius):
        padded = np.pad(image, radius, mode="symmetric")
        steps = range(-radius, radius + 1)
        total = np.zeros_like(image)
        for (y, x), _ in np.ndenumerate(image):
            for i in steps:
                for j in steps:
                    weight = (radius + 1 - abs(i)) * (radius + 1 - abs(j))
                    total[y, x] += weight * padded[y + radius + i, x + radius + j]
        return total / (radius + 1) ** 4

    def read(image, y, x):
        y, x = np.clip(y, 0, image.shape[0] - 1), np.clip(x, 0, image.shape[1] - 1)
        top, left = min(int(y), image.shape[0] - 2), min(int(x), image.shape[1] - 2)
        v, u = y - top, x - left
        upper = (1 - u) * image[top, left] + u * image[top, left + 1]
        lower = (1 - u) * image[top + 1, left] + u * image[top + 1, left + 1]
        return (1 - v) * upper + v * lower

    edges = smooth(soft, 1)
    dy, dx = np.gradient(smooth(edges, 4))
    (dyy, dyx), dxx = np.gradient(dy), np.gradient(dx, axis=1)
    result = np.zeros_like(soft)
    for (y, x), value in np.ndenumerate(edges):
        curvatures, axes = np.linalg.eigh([[dxx[y, x], dyx[y, x]], [dyx[y, x], dyy[y, x]]])
        across = axes[:, np.abs(curvatures).argmax()]
        beside = max(read(edges, y + s * across[1], x + s * across[0]) for s in (-1, 1))
        rows, columns = soft.shape
        fade = min(y, rows - 1 - y, 5) / 5 * min(x, columns - 1 - x, 5) / 5
        result[y, x] = value * fade * (1.01 * value >= beside)
    return result


def test_suppression_equals_a_loop_over_pixels():
    soft = np.random.default_rng(0).random((17, 22))
    soft[8] = 0.97
    found = non_maximum_suppression(torch.from_numpy(soft))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), suppressed_by_loop(soft), atol=1e-6)
    assert 0.1 < float((found > 0).float().mean()) < 0.7


def test_suppression_needs_a_map():
    for wrong in (torch.zeros(1, 1, 9, 9), torch.zeros(1, 9)):
        with pytest.raises(ValueError, match=r"probabilities: found shape .* expected \(H, W\) with at least 2 x 2"):
            non_maximum_suppression(wrong)
    assert not non_maximum_suppression(torch.zeros(2, 3)).any()


@pytest.mark.parametrize(("seed", "radius"), [(0, 1.0), (1, 2.3), (2, 3.0), (3, 4.4), (4, 0.0)])
def test_matching_equals_another_library(seed, radius):
    rng = np.random.default_rng(seed)
    for _ in range(12):
        shape = rng.integers(1, 30, 2)
        detections, drawn = (rng.random(shape) < rng.uniform(0.02, 0.5) for _ in range(2))
        graph = networkx.Graph()
        sources = [("detection", *place) for place in np.argwhere(detections).tolist()]
        graph.add_nodes_from(sources)
        for _, y, x in sources:
            for v, u in np.argwhere(drawn).tolist():
                if (y - v) ** 2 + (x - u) ** 2 <= radius**2:
                    graph.add_edge(("detection", y, x), ("drawn", v, u))
        pairs = networkx.bipartite.hopcroft_karp_matching(graph, sources)
        found = match(partners_within(detections, drawn, radius))
        assert found.shape == (detections.sum(),)
        assert found.sum() == len(pairs) // 2


def test_a_pixel_out_of_reach_is_no_partner():
    drawn = np.zeros((1, 21, 28), dtype=bool)  # a diagonal of 35 pixels
    drawn[0, 10, 10] = True
    soft = np.roll(drawn[0], (3, 4), (0, 1))  # 5 pixels away
    assert boundary_scores([soft], [drawn], max_distance=5 / 35)["ods"] == pytest.approx(1)
    assert boundary_scores([soft], [drawn], max_distance=4.9 / 35)["ods"] == 0


def test_one_detection_matches_one_pixel_of_each_annotator():
    drawn = np.zeros((3, 20, 20), dtype=bool)
    drawn[0, 5, 5:9:2] = drawn[1, 5, 5] = drawn[2, 15, 15] = True
    soft = np.zeros((20, 20))
    soft[5, 6] = soft[10, 10] = 0.7
    counts = boundary_scores([soft], [drawn], thresholds=1, max_distance=0.05)["counts"]
    assert counts == {"recalled": [2], "annotated": [4], "correct": [1], "detected": [2]}


def spread(values, start):
    """Return a map whose pixels, far from each other, have the given values from the start-th on."""
    soft = np.zeros((12, 12))
    soft.reshape(-1)[(np.arange(len(values)) + start) * 2] = values
    return soft


@pytest.fixture
def by_hand():
    """Return two images: 4 drawn pixels, found at .9 .9 .4 .4, one false at .9; 2 drawn, found at .5, 4 false at .3."""
    soft = [spread([0.9, 0.9, 0.4, 0.4, 0.9], 0), spread([0.5, 0.5, 0.3, 0.3, 0.3, 0.3], 0)]
    drawn = [spread([1] * 4, 0)[None] > 0, spread([1] * 2, 0)[None] > 0]
    return soft, drawn


def test_scores_of_counts_by_hand(by_hand):
    scores = boundary_scores(*by_hand, thresholds=3, max_distance=0)
    assert scores["thresholds"] == [0.25, 0.5, 0.75]
    assert scores["recall"] == pytest.approx([6 / 6, 4 / 6, 2 / 6])
    assert scores["precision"] == pytest.approx([6 / 11, 4 / 5, 2 / 3])
    assert scores["f"] == pytest.approx([12 / 17, 8 / 11, 4 / 9])
    assert scores["ois"] == pytest.approx(12 / 13)  # 4 + 2 of 6 recalled, 6 of 5 + 2 right
    between = [(1 - j / 99 / 3, 6 / 11 + j / 99 * (4 / 5 - 6 / 11), 0.25 + j / 99 / 4) for j in range(100)]
    best = max((2 * r * p / (r + p), t) for r, p, t in between)
    assert best[0] > max(scores["f"])
    assert (scores["ods"], scores["best_threshold"]) == pytest.approx(best)
    height = [np.interp(r / 100, [1 / 3, 2 / 3, 1], [2 / 3, 4 / 5, 6 / 11]) for r in range(34, 101)]
    assert scores["ap"] == pytest.approx(sum(height) / 100)
    assert scores["images"][1] == pytest.approx({"threshold": 0.5, "recall": 1, "precision": 1, "f": 1})


def test_workers_change_nothing_but_the_time():
    rng = np.random.default_rng(0)
    soft = [torch.from_numpy(rng.random(shape)) for shape in ((30, 41), (25, 20), (33, 18), (9, 9), (40, 40), (5, 60))]
    drawn = [rng.random((2, *image.shape)) > 0.8 for image in soft]
    here, there = (BoundaryCurve(thresholds=9, max_distance=0.05, workers=workers) for workers in (1, 2))
    for image, annotations in zip(soft, drawn, strict=True):
        here.update(image, annotations)
        there.update(image, annotations)
    assert there.scores() == here.scores()
    assert there.scores() == here.scores()


def test_a_worker_that_dies_is_explained():
    curve = BoundaryCurve(workers=2)
    curve._counts.append(Future())
    curve._counts[0].set_exception(BrokenProcessPool())
    with pytest.raises(RuntimeError, match=r"workers: found a process that died.*pass workers=1"):
        curve.scores()


def test_nothing_drawn_and_nothing_found_count_as_the_benchmark_counts():
    nothing, something = torch.zeros(9, 9), torch.eye(9)
    neither = boundary_scores([nothing], [nothing[None].bool()], thresholds=3)
    assert (neither["ods"], neither["ois"], neither["ap"]) == (0, 0, 0)
    assert (neither["precision"], neither["recall"]) == ([0, 0, 0], [0, 0, 0])
    alone = boundary_scores([something, nothing], [nothing[None].bool(), something[None].bool()], thresholds=3)
    assert alone["counts"] == {"recalled": [0] * 3, "annotated": [9] * 3, "correct": [0] * 3, "detected": [9] * 3}
    assert alone["ods"] == 0


@pytest.mark.parametrize(
    ("soft", "drawn", "message"),
    [
        (
            torch.zeros(8, 9),
            torch.zeros(2, 9, 8).bool(),
            r"image 0: found a soft map \(8, 9\) and annotations \(2, 9, 8\)",
        ),
        (torch.zeros(1, 8, 9), torch.zeros(2, 8, 9).bool(), r"expected \(H, W\) and \(A, H, W\) of one size"),
        (torch.zeros(8, 9), torch.zeros(0, 8, 9).bool(), "found 0 bool annotations, expected at least 1, bool"),
        (torch.zeros(8, 9), torch.zeros(2, 8, 9), "found 2 float32 annotations, expected at least 1, bool"),
        (torch.full((8, 9), 7), torch.zeros(2, 8, 9).bool(), "found a soft map from 7 to 7, expected 0 to 1"),
        (torch.full((8, 9), torch.nan), torch.zeros(2, 8, 9).bool(), "expected 0 to 1 without NaN"),
        (torch.full((8, 9), -0.1), torch.zeros(2, 8, 9).bool(), "apply a sigmoid, or divide by 255"),
    ],
)
def test_what_cannot_be_scored_is_refused(soft, drawn, message):
    with pytest.raises(ValueError, match=message) as refusal:
        BoundaryCurve().update(soft, drawn)
    assert "\n" not in str(refusal.value)


def test_other_errors():
    drawn = torch.zeros(1, 4, 4).bool()
    with pytest.raises(ValueError, match="annotations: found 1, expected 2, as many as soft maps"):
        boundary_scores([drawn[0], drawn[0]], [drawn])
    with pytest.raises(ValueError, match="found no images, expected at least one"):
        boundary_scores([], [])
    for name, value in (("thresholds", 0), ("max_distance", -0.1), ("max_distance", float("nan")), ("workers", 0)):
        with pytest.raises(ValueError, match=f"{name}: found {value}, expected at least"):
            BoundaryCurve(**{name: value})


@pytest.fixture(scope="session")
def golden(data_root):
    """Return the soft maps and annotations of the benchmark's own test, and what it printed for them."""
    folder = data_root / "bsds500_golden"
    names = sorted(path.stem for path in (folder / "png").iterdir())
    soft = [np.asarray(Image.open(folder / "png" / f"{name}.png")) / 255 for name in names]
    cells = [loadmat(folder / "groundTruth" / f"{name}.mat")["groundTruth"][0] for name in names]
    drawn = [np.stack([cell["Boundaries"][0, 0] > 0 for cell in image]) for image in cells]
    printed = {name: np.loadtxt(folder / "test_2" / f"eval_bdry{name}.txt") for name in ("", "_thr", "_img")}
    return soft, drawn, printed


@pytest.mark.real_data
def test_published_outputs_of_the_benchmark(golden):
    soft, drawn, printed = golden
    scores = boundary_scores(soft, drawn, thresholds=5)
    columns = [scores[name] for name in ("thresholds", "recall", "precision", "f")]
    np.testing.assert_allclose(np.transpose(columns), printed["_thr"], atol=0.001)
    own = [[image[name] for name in ("threshold", "recall", "precision", "f")] for image in scores["images"]]
    np.testing.assert_allclose(own, printed["_img"][:, 1:], atol=0.002)
    threshold, _, _, ods, _, _, ois, area = printed[""]
    found = [scores[name] for name in ("best_threshold", "ods", "ois", "ap")]
    assert found == pytest.approx([threshold, ods, ois, area], abs=0.001)


@pytest.mark.real_data
def test_thinning_of_real_maps_equals_another_library(golden):
    for soft in golden[0]:
        for threshold in (0.02, 0.1, 0.3, 0.6):
            mask = soft >= threshold
            np.testing.assert_array_equal(thin(mask), thin_of_skimage(mask))


@pytest.mark.real_data
def test_matching_of_real_maps_has_the_most_pairs(golden):
    soft, drawn, _ = golden
    detections = thin(soft[2] >= 1 / 6)
    partners = partners_within(detections, drawn[2][0], 0.0075 * np.hypot(*detections.shape))
    edges = [(("d", n), p) for n, row in enumerate(partners.tolist()) for p in row if p >= 0]
    graph = networkx.Graph(edges)
    pairs = networkx.bipartite.hopcroft_karp_matching(graph, {detection for detection, _ in edges})
    assert match(partners).sum() == len(pairs) // 2
