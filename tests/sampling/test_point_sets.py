"""Spread points: every pixel equally often, and the distances that each design promises."""

import pytest
import torch

from pixelnet_edu.sampling.point_sets import cell_size, grid_points, jittered_points, mirrored_points, sobol_points

SIZE = (6, 8)
DESIGNS = {
    "grid": lambda draws: grid_points(SIZE, 3, 4, draws, torch.Generator().manual_seed(0)),
    "jittered": lambda draws: jittered_points(SIZE, 3, 4, draws, torch.Generator().manual_seed(0)),
    "sobol": lambda draws: sobol_points(SIZE, 12, draws),
    "mirrored": lambda draws: mirrored_points(SIZE, 12, draws, torch.Generator().manual_seed(0)),
}


@pytest.mark.parametrize("design", DESIGNS)
def test_every_pixel_is_drawn_equally_often(design):
    points = DESIGNS[design](3000).long()
    assert points.shape == (3000, 12, 2)
    counts = (points[..., 1] * 8 + points[..., 0]).flatten().bincount(minlength=48)
    assert len(counts) == 48
    assert (counts / 3000 - 0.25).abs().max() < 0.06


def test_jittered_points_lie_one_in_each_cell():
    cells = jittered_points(SIZE, 3, 4, 50) // 2
    assert (cells[..., 1] * 4 + cells[..., 0]).long().equal(torch.arange(12).expand(50, -1))


def test_a_grid_keeps_its_distances():
    points = grid_points(SIZE, 3, 4, 20).view(20, 3, 4, 2)
    assert (points.diff(dim=2) == torch.tensor([2.0, 0.0])).all()
    assert (points.diff(dim=1) == torch.tensor([0.0, 2.0])).all()


def test_the_same_seed_draws_the_same_sobol_points():
    assert sobol_points(SIZE, 8, 3, seed=1).equal(sobol_points(SIZE, 8, 3, seed=1))
    assert not sobol_points(SIZE, 8, 3, seed=1).equal(sobol_points(SIZE, 8, 3, seed=2))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="rows, columns: found 4 x 4"):
        cell_size(SIZE, 4, 4)
    with pytest.raises(ValueError, match="n: found 3"):
        mirrored_points(SIZE, 3, 1)
