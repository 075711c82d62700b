"""Samplers: exact counts, no void, no repeats, right probabilities, unbiased means, reproducible."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pixelnet_edu import (
    BalancedSampler,
    HardPixelSampler,
    PatchSampler,
    StratifiedSampler,
    UniformSampler,
    color_strata,
    horvitz_thompson_mean,
    spatial_strata,
)
from pixelnet_edu.sampling import drawing
from pixelnet_edu.sampling.allocation import allocate
from pixelnet_edu.sampling.drawing import read_at
from pixelnet_edu.sampling.strata import count_strata

SIZES = (250, 125, 50)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def three_strata(batch=1):
    """425 pixels, 17 x 25, in strata of 250, 125 and 50, and a value that differs between and within strata."""
    labels = torch.repeat_interleave(torch.arange(3), torch.tensor(SIZES)).view(17, 25)
    values = labels * 3.0 + torch.rand(17, 25, generator=generator(7))
    return labels.expand(batch, -1, -1), values.expand(batch, -1, -1).double()


def strata_with_void(height, width, num_strata, seed):
    labels = torch.randint(0, num_strata, (3, height, width), generator=generator(seed))
    return labels.where(torch.rand(3, height, width, generator=generator(seed + 1)) > 0.2, 255)


SAMPLERS = {
    "uniform": (UniformSampler(), "valid"),
    "proportional": (StratifiedSampler("proportional"), "strata"),
    "equal": (StratifiedSampler("equal"), "strata"),
    "counts": (StratifiedSampler((10, 5, 2)), "strata"),
    "neyman": (StratifiedSampler("neyman", spreads=(1.0, 2.0, 4.0)), "strata"),
    "balanced": (BalancedSampler(0.4), "binary"),
    "patch": (PatchSampler(), "valid"),
    "hard": (HardPixelSampler(0.3), "difficulty"),
}


def map_for(kind, labels, values):
    """Return the map that a sampler reads."""
    return {
        "valid": labels != 255,
        "strata": labels,
        "binary": (labels == 2).long().where(labels != 255, 255),
        "difficulty": values.where(labels != 255, -1),
    }[kind]


@pytest.mark.parametrize("name", SAMPLERS)
def test_horvitz_thompson_mean_is_unbiased(name):
    sampler, kind = SAMPLERS[name]
    labels, values = three_strata(batch=8000)
    points, probabilities = sampler(map_for(kind, labels, values), 17, generator=generator(1))
    estimates = horvitz_thompson_mean(read_at(values, points), probabilities.double(), 425)
    standard_error = float(estimates.std() / len(estimates) ** 0.5)
    assert standard_error > 0
    assert abs(float(estimates.mean()) - float(values[0].mean())) < 3 * standard_error


@pytest.mark.parametrize("name", SAMPLERS)
def test_probabilities_are_the_frequencies(name):
    sampler, kind = SAMPLERS[name]
    labels, values = three_strata(batch=20_000)
    points, probabilities = sampler(map_for(kind, labels, values), 17, generator=generator(2))
    index = (points[..., 1] * 25 + points[..., 0]).long().flatten()
    frequency = index.bincount(minlength=425) / 20_000
    said = torch.zeros(425).index_put((index,), probabilities.flatten())
    error = (said * (1 - said) / 20_000).sqrt() + 1e-3
    assert float(((frequency - said).abs() / error).max()) < 5


@pytest.mark.parametrize("name", SAMPLERS)
def test_no_void_no_repeats_reproducible(name):
    sampler, kind = SAMPLERS[name]
    labels = strata_with_void(23, 31, 3, seed=3)
    given = map_for(kind, labels, torch.rand(3, 23, 31, generator=generator(4)))
    points, probabilities = sampler(given, 17, generator=generator(5))
    assert points.shape == (3, 17, 2)
    assert probabilities.shape == (3, 17)
    assert bool(((probabilities > 0) & (probabilities <= 1)).all())
    assert int((read_at(labels, points) == 255).sum()) == 0
    for image in points.long():
        assert len({tuple(p) for p in image.tolist()}) == 17
    again = sampler(given, 17, generator=generator(5))
    other = sampler(given, 17, generator=generator(6))
    assert again.points.equal(points)
    assert not other.points.equal(points)


def test_stratified_variance_is_below_uniforms_by_the_closed_form():
    """Var(uniform) = (1-f) S^2 / n; Var(proportional) = (1-f)/n * sum W_h S_h^2 (Cochran, Sampling Techniques, 5.6)."""
    labels, values = three_strata(batch=40_000)
    n, total = 17, 425
    estimates = {}
    for name in ("uniform", "proportional"):
        sampler, kind = SAMPLERS[name]
        points, probabilities = sampler(map_for(kind, labels, values), n, generator=generator(8))
        estimates[name] = horvitz_thompson_mean(read_at(values, points), probabilities.double(), total).var()
    flat, groups = values[0].flatten(), labels[0].flatten()
    within = sum((groups == h).sum() / total * flat[groups == h].var() for h in range(3))
    gain = (1 - n / total) / n * (flat.var() - within)
    assert float(estimates["uniform"] - estimates["proportional"]) == pytest.approx(float(gain), rel=0.1)


@pytest.mark.parametrize(
    ("allocation", "spreads", "expected"),
    [
        ("proportional", None, [10, 5, 2]),
        ("square-root", None, [8, 6, 3]),
        ("equal", None, [6, 6, 5]),
        ((3, 4, 10), None, [3, 4, 10]),
        ("neyman", (1.0, 1.0, 1.0), [10, 5, 2]),
        ("neyman", (0.0, 1.0, 2.5), [1, 8, 8]),
    ],
)
def test_allocations(allocation, spreads, expected):
    labels, _ = three_strata()
    points, _ = StratifiedSampler(allocation, spreads)(labels, 17, generator=generator())
    assert read_at(labels, points)[0].bincount().tolist() == expected


def test_small_strata_give_what_they_have_and_the_rest_is_redistributed():
    labels = torch.tensor([[[0] * 60 + [1] * 37 + [2] * 3]])
    points, probabilities = StratifiedSampler("equal")(labels, 31, generator=generator())
    drawn = read_at(labels, points)[0]
    assert drawn.bincount().tolist() == [14, 14, 3]
    assert probabilities[0][drawn == 2].tolist() == [1.0, 1.0, 1.0]
    points, _ = StratifiedSampler((10, 5, 9))(labels, 24, generator=generator())
    assert read_at(labels, points)[0].bincount().tolist() == [14, 7, 3]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.data())
def test_allocation_adds_up_and_never_exceeds(sizes, data):
    strata, total = sum(s > 0 for s in sizes), sum(sizes)
    if total == 0:
        return
    n = data.draw(st.integers(strata, total))
    shares = torch.tensor([data.draw(st.floats(0.01, 5)) for _ in sizes]).double()[None]
    quotas = allocate(torch.tensor([sizes]), n, shares)[0]
    assert int(quotas.sum()) == n
    assert all(min(1, size) <= quota <= size for quota, size in zip(quotas.tolist(), sizes, strict=True))


def test_allocation_keeps_to_each_images_own_strata():
    labels = torch.stack([torch.zeros(4, 5).long(), torch.ones(4, 5).long(), torch.full((4, 5), 255)])
    labels[2, 0] = torch.tensor([0, 1, 2, 0, 1])
    points, _ = StratifiedSampler("equal")(labels, 5, generator=generator())
    assert [sorted(row) for row in read_at(labels, points).tolist()] == [[0] * 5, [1] * 5, [0, 0, 1, 1, 2]]


def test_fixed_counts_cannot_miss_a_class_but_uniform_does():
    labels, _ = three_strata(batch=2000)
    missed = {}
    for name in ("uniform", "counts"):
        points, _ = SAMPLERS[name][0](labels, 17, generator())
        missed[name] = float((read_at(labels, points) != 2).all(1).float().mean())
    assert missed["counts"] == 0
    assert 0.07 < missed["uniform"] < 0.15


@pytest.mark.parametrize("n", [9, 40, 77, 300])
def test_patch_is_contiguous(n):
    points, _ = PatchSampler()(torch.ones(4, 20, 30, dtype=torch.bool), n, generator=generator())
    extent = points.amax(1) - points.amin(1) + 1
    assert bool((extent.prod(1) <= 1.35 * n + 6).all())


def test_patch_grows_around_void():
    valid = torch.zeros(2, 12, 12, dtype=torch.bool)
    valid[0, ::2, ::2] = True
    valid[1, 3:9, 3:9] = True
    points, _ = PatchSampler()(valid, 16, generator=generator())
    assert bool(read_at(valid, points).all())


def test_hard_pixels_are_drawn_more_often():
    difficulty = torch.ones(500, 10, 10)
    difficulty[:, 0] = 10
    points, probabilities = HardPixelSampler(0.25)(difficulty, 10, generator=generator())
    hard = points[..., 1] == 0
    assert float(hard.float().mean()) == pytest.approx(0.25 * 0.1 + 0.75 * 100 / 190, abs=0.01)
    assert float(probabilities[hard].mean()) > 5 * float(probabilities[~hard].mean())


def test_color_strata_are_the_colours():
    labels, _ = three_strata()
    image = torch.tensor([[0.9, 0.8, 0.1], [0.1, 0.4, 0.9], [0.9, 0.4, 0.7]])[labels[0]].permute(2, 0, 1)
    strata = color_strata(image + 0.01 * torch.rand(image.shape, generator=generator()), 3)
    assert sorted(strata.flatten().bincount().tolist()) == [50, 125, 250]
    assert color_strata(image, 3).equal(color_strata(image, 3))
    with pytest.raises(ValueError, match="num_strata: found 300"):
        color_strata(image, 300)


def test_hard_pixels_keep_their_probability_with_many_pixels():
    """A draw near the end of a long cumulative sum falls where double precision says, never past the last pixel."""
    sampler = HardPixelSampler(1.0)
    points, _ = sampler(torch.ones(300, 100, 100), 2000, generator=generator(3))
    rows = points[..., 1].flatten().long().bincount(minlength=100) / 300
    assert float((rows - 20).abs().max()) < 1


def test_boolean_edges_are_edges_and_labels_are_no_difficulty():
    edges = torch.zeros(1, 10, 10, dtype=torch.bool)
    edges[0, 4] = True
    points, _ = BalancedSampler()(edges, 8, generator=generator())
    assert int((points[0, :, 1] == 4).sum()) == 4
    with pytest.raises(ValueError, match=r"difficulty: found torch.int64"):
        HardPixelSampler()(edges.long(), 2)


def test_spatial_strata_cover_the_image_evenly():
    strata = spatial_strata(9, 10, rows=3, columns=2)
    assert count_strata(strata[None], 6).tolist() == [[15] * 6]
    points, _ = StratifiedSampler()(strata[None], 6, generator=generator())
    assert sorted(read_at(strata[None], points)[0].tolist()) == list(range(6))


def test_errors_name_what_was_found():
    valid = torch.zeros(2, 4, 4, dtype=torch.bool)
    valid[0] = True
    with pytest.raises(ValueError, match="n: found 5 pixels to draw, expected at most 0, all that image 1"):
        UniformSampler()(valid, 5)
    with pytest.raises(ValueError, match="n: found 0, expected at least 1"):
        UniformSampler()(valid, 0)
    with pytest.raises(ValueError, match=r"n: found 2 pixels to draw from 4 strata"):
        StratifiedSampler()(torch.arange(4).view(1, 2, 2), 2)
    with pytest.raises(ValueError, match=r"n: found 4, expected 3, the sum of the counts \(2, 1\)"):
        StratifiedSampler((2, 1))(torch.tensor([[[0, 1, 0, 0]]]), 4)
    with pytest.raises(ValueError, match="strata: found 3, expected 0 to 1"):
        BalancedSampler()(torch.tensor([[[0, 3]]]), 1)
    with pytest.raises(ValueError, match="strata: found -1"):
        StratifiedSampler()(torch.tensor([[[0, -1]]]), 1)
    with pytest.raises(ValueError, match=r"strata: found torch.float32 of shape \(2, 2\)"):
        UniformSampler()(torch.rand(2, 2), 1)
    with pytest.raises(ValueError, match="allocation: found 'best'"):
        StratifiedSampler("best")
    with pytest.raises(ValueError, match=r"allocation, stratum 0: found -2"):
        StratifiedSampler((-2, 6))
    with pytest.raises(ValueError, match="spreads: give the spread"):
        StratifiedSampler("neyman")
    with pytest.raises(ValueError, match="rows, columns: found 20 x 20"):
        spatial_strata(100, 100, 20, 20)


def test_same_law_as_numpys_choice_in_each_stratum():
    """The number of a stratum's pixels that fall in its first half follows numpy's hypergeometric law."""
    labels, _ = three_strata(batch=20_000)
    points, _ = StratifiedSampler((10, 5, 2))(labels, 17, generator=generator(9))
    index = points[..., 1] * 25 + points[..., 0]
    first_half = ((index < 125).sum(1)).bincount(minlength=11) / 20_000
    expected = np.bincount(np.random.default_rng(0).hypergeometric(125, 125, 10, 200_000), minlength=11) / 200_000
    assert np.abs(first_half.numpy() - expected).max() < 0.015


@pytest.mark.parametrize("n", [1, 255, 2550, 9999, 10_000])
def test_any_number_of_pixels_can_be_drawn_without_repeats(n):
    points, probabilities = UniformSampler()(torch.ones(2, 100, 100, dtype=torch.bool), n, generator=generator())
    index = (points[..., 1] * 100 + points[..., 0]).long()
    assert [len(row.unique()) for row in index] == [n, n]
    assert probabilities.unique().tolist() == pytest.approx([n / 10_000])


def test_too_few_candidates_are_made_up_for(monkeypatch):
    """With no margin at all half of the draws fall short; they still give exact counts, and every pixel its chance."""
    monkeypatch.setattr(drawing, "MARGIN", (0.0, 0))
    labels, values = three_strata(batch=4000)
    points, probabilities = StratifiedSampler((10, 5, 2))(labels, 17, generator=generator(1))
    assert read_at(labels, points).sort().values.unique(dim=0).tolist() == [[0] * 10 + [1] * 5 + [2] * 2]
    estimates = horvitz_thompson_mean(read_at(values, points), probabilities.double(), 425)
    standard_error = float(estimates.std() / len(estimates) ** 0.5)
    assert abs(float(estimates.mean()) - float(values[0].mean())) < 3 * standard_error
