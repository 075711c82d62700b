"""What a sample is worth: against values made with a known correlation, and against variances counted by drawing."""

import pytest
import torch

from pixelnet_edu.sampling.variance import (
    correlation_by_distance,
    design_effect,
    effective_sample_size,
    intraclass_correlation,
)


def clustered(rho, images, pixels, numbers, seed=0):
    """Draw vectors whose images have means of their own, with variance rho of 1 in every entry."""
    generator = torch.Generator().manual_seed(seed)
    own = torch.randn(images, 1, numbers, generator=generator)
    return rho**0.5 * own + (1 - rho) ** 0.5 * torch.randn(images, pixels, numbers, generator=generator)


@pytest.mark.parametrize("rho", [0.0, 0.05, 0.4, 0.9])
@pytest.mark.parametrize("numbers", [1, 6])
def test_correlation_is_the_one_that_values_were_made_with(rho, numbers):
    values = clustered(rho, 3000, 12, numbers)
    assert intraclass_correlation(values) == pytest.approx(rho, abs=0.02)


def test_a_number_a_pixel_is_a_vector_of_one():
    values = clustered(0.3, 20, 5, 1)
    assert intraclass_correlation(values[..., 0]) == intraclass_correlation(values)


def test_pixels_that_repel_each_other_correlate_negatively():
    assert intraclass_correlation(torch.tensor([[-1.0, 1.0]] * 4)) == pytest.approx(-1.0)


@pytest.mark.parametrize("pixels", [1, 3, 40])
def test_design_effect_is_that_of_drawn_means(pixels):
    values = clustered(0.2, 20_000, pixels, 1)[..., 0]
    effect = float(values.mean(1).var() / (values.var() / pixels))
    assert design_effect(pixels, 0.2) == pytest.approx(effect, rel=0.05)


def test_an_image_is_worth_at_most_one_over_rho():
    assert effective_sample_size(1, 10**9, 0.02) == pytest.approx(50, rel=1e-6)
    assert effective_sample_size(5, 2000, 0.0) == 10_000
    assert effective_sample_size(5, 2000, 1.0) == pytest.approx(5)


def test_correlation_by_distance_by_hand():
    ramp = torch.tensor([[[0.0, 0.0, 1.0, 1.0]] * 4])  # down: always equal; across: equal, different, equal
    assert correlation_by_distance(ramp, [0, 1]) == pytest.approx([1.0, (12 + 12 * (1 / 3)) / 24])


def test_correlation_of_vectors_is_that_of_their_inner_products():
    maps = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    assert correlation_by_distance(maps[:, :1], [2]) == correlation_by_distance(maps[:, 0], [2])
    assert correlation_by_distance(torch.cat([maps, maps], 1), [2]) == pytest.approx(correlation_by_distance(maps, [2]))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"values: found shape \(1, 5\), expected \(B, n\) or \(B, n, D\)"):
        intraclass_correlation(torch.zeros(1, 5))
    with pytest.raises(ValueError, match=r"distances: found \[9\], expected 0 to 7 for 8 x 8 pixels"):
        correlation_by_distance(torch.zeros(1, 8, 8), [9])
