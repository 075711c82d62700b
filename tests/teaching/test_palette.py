import itertools

import pytest
import torch

from pixelnet_edu.teaching.palette import OKABE_ITO, PALETTE, STRATA, hex_colors


def luminance(color):
    parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_is_written_alike():
    colors = [*OKABE_ITO.values(), *PALETTE.values(), *STRATA]
    assert hex_colors(colors, len(colors)) == colors


def test_text_is_readable_on_white():
    assert contrast(PALETTE["ink"], "#ffffff") > 7
    assert contrast(PALETTE["muted"], "#ffffff") > 4.5


def test_strata_differ_in_lightness_too():
    for one, other in itertools.combinations(STRATA, 2):
        assert contrast(one, other) > 1.5


def test_a_tasks_palette_is_read():
    palette = torch.tensor([[204, 121, 167], [0, 0, 0]], dtype=torch.uint8)
    assert hex_colors(palette, 2) == [OKABE_ITO["pink"], OKABE_ITO["black"]]


@pytest.mark.parametrize(
    ("palette", "message"),
    [
        (["#000000"], "palette: found 1 colours, expected one for each of 2 classes"),
        (["red", "blue"], "palette: found 'red', expected a colour like"),
        ([(0.5, 0.5, 0.5), (0, 0, 0)], "expected three whole numbers from 0 to 255"),
        ([(0, 0), (0, 0)], "expected three whole numbers"),
        ([(0, 0, 256), (0, 0, 0)], "expected three whole numbers"),
    ],
)
def test_bad_palettes_are_named(palette, message):
    with pytest.raises(ValueError, match=message):
        hex_colors(palette, 2)
