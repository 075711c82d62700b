"""Sampling: which pixels to train on, with which probability, and what may be concluded from them."""

from pixelnet_edu.sampling.allocation import allocate
from pixelnet_edu.sampling.drawing import PixelSample, read_at
from pixelnet_edu.sampling.estimators import difference_mean, horvitz_thompson_mean, regression_slope
from pixelnet_edu.sampling.other_samplers import (
    AnyPixelSampler,
    HardPixelSampler,
    PatchSampler,
    SpatialSampler,
    color_strata,
    spatial_strata,
)
from pixelnet_edu.sampling.samplers import ALLOCATIONS, BalancedSampler, StratifiedSampler, UniformSampler
from pixelnet_edu.sampling.strata import count_strata
