"""Variances against simulated draws of the samplers, and estimates against the true mean."""

import itertools

import pytest
import torch

from pixelnet_edu.sampling.allocation import allocate
from pixelnet_edu.sampling.drawing import read_at
from pixelnet_edu.sampling.estimators import difference_mean, horvitz_thompson_mean, regression_slope
from pixelnet_edu.sampling.point_sets import grid_points, jittered_points
from pixelnet_edu.sampling.samplers import StratifiedSampler
from pixelnet_edu.sampling.strata import count_strata
from pixelnet_edu.sampling.variance import grid_variance, jittered_variance, stratified_variance, uniform_variance

DRAWS = 20_000


@pytest.fixture
def values():
    return torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(0)).cumsum(2)


def test_uniform_variance_is_that_of_all_samples(values):
    small = values[:1, :1]
    means = torch.tensor([sum(chosen) / 3 for chosen in itertools.combinations(small.flatten().tolist(), 3)])
    assert uniform_variance(small, 3).item() == pytest.approx(means.var(correction=0).item(), rel=1e-4)


@pytest.mark.parametrize("allocation", ["proportional", "equal"])
def test_stratified_variance_is_that_of_the_sampler(values, allocation):
    strata = (values > values.median()).long() + (values > 4.5)
    sizes = count_strata(strata)
    quotas = allocate(sizes, 9, None if allocation == "proportional" else torch.ones_like(sizes).double())
    expected = stratified_variance(values, strata, quotas)
    for k in range(2):
        maps = strata[k].expand(DRAWS, -1, -1)
        sample = StratifiedSampler(allocation)(maps, 9, torch.Generator().manual_seed(1))
        means = horvitz_thompson_mean(read_at(values[k].expand(DRAWS, -1, -1), sample.points), sample.probabilities, 48)
        assert expected[k].item() == pytest.approx(means.var().item(), rel=0.05)


@pytest.mark.parametrize(("variance", "points"), [(jittered_variance, jittered_points), (grid_variance, grid_points)])
def test_variances_in_cells_are_those_of_drawn_points(values, variance, points):
    drawn = points((6, 8), 3, 4, DRAWS, torch.Generator().manual_seed(0))
    means = read_at(values[:1].expand(DRAWS, -1, -1), drawn).mean(1)
    assert variance(values, 3, 4)[0].item() == pytest.approx(means.var().item(), rel=0.05)


def test_one_pixel_a_cell_is_a_stratified_sample(values):
    y, x = torch.meshgrid(torch.arange(6) // 2, torch.arange(8) // 2, indexing="ij")
    strata = (y * 4 + x).expand(2, -1, -1)
    expected = stratified_variance(values, strata, torch.ones(2, 12))
    torch.testing.assert_close(jittered_variance(values, 3, 4), expected)


def test_strata_that_give_nothing_are_refused(values):
    with pytest.raises(ValueError, match="quotas: found 0"):
        stratified_variance(values, torch.zeros(2, 6, 8, dtype=torch.long), torch.zeros(2, 1))


def test_empty_strata_change_nothing(values):
    strata = torch.zeros(2, 6, 8, dtype=torch.long)
    found = stratified_variance(values, strata, torch.tensor([[12, 0, 0], [12, 0, 0]]))
    torch.testing.assert_close(found, uniform_variance(values, 12))


def test_the_slope_removes_what_the_guess_explains(values):
    noise = torch.rand(2, 6, 8, generator=torch.Generator().manual_seed(2))
    guesses = values + noise
    slope = regression_slope(values, guesses)
    best = uniform_variance(values - slope * guesses, 9).sum()
    assert all(best <= uniform_variance(values - s * guesses, 9).sum() for s in (0, 0.9 * slope, 1.1 * slope, 1))


def test_a_corrected_guess_is_unbiased_however_wrong_it_is(values):
    guesses = 7 * values.flip(1) + 3
    indices = torch.stack([torch.randperm(48, generator=torch.Generator().manual_seed(k)) for k in range(4000)])[:, :9]
    flat, guessed = values[0].flatten(), guesses[0].flatten()
    means = difference_mean(flat[indices], guessed[indices], guessed.mean(), slope=0.5)
    assert abs(means.mean() - flat.mean()) < 4 * means.std() / 4000**0.5
