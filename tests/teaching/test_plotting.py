import io

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex

matplotlib.use("agg")

import matplotlib.pyplot as plt

from pixelnet_edu.teaching import charts, plotting
from pixelnet_edu.teaching.palette import PALETTE, STRATA

NAMES = ["yellow", "blue", "pink"]


@pytest.fixture(autouse=True)
def the_books_style():
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")


def noise(height, width, seed=0):
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def rendered(figure):
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255


def png_bytes(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, bbox_inches="tight")
    return len(buffer.getvalue())


@pytest.mark.parametrize("count", [2, 4])
def test_every_pixel_is_the_same_square(count):
    image = noise(24, 96)
    figure = plotting.show_images([image] * count)
    box = figure.axes[0].get_window_extent()
    scale = round(box.width / 96)
    assert box.width == pytest.approx(96 * scale)
    assert box.height == pytest.approx(24 * scale)
    shown = rendered(figure)[: 24 * scale, : 96 * scale]
    expected = image.permute(1, 2, 0).numpy().repeat(scale, 0).repeat(scale, 1)
    inside = (slice(2, -2), slice(2, -2))  # a thin frame covers the border
    np.testing.assert_allclose(shown[inside], expected[inside], atol=1 / 255)


def test_pictures_stand_in_rows_with_their_titles():
    figure = plotting.show_images([noise(8, 8)] * 3, ["one", "two", "three"], columns=2)
    boxes = [axes.get_position() for axes in figure.axes]
    assert boxes[0].y0 == pytest.approx(boxes[1].y0)
    assert boxes[2].x0 == pytest.approx(boxes[0].x0)
    assert boxes[2].y1 < boxes[0].y0
    assert figure.get_size_inches()[0] <= plotting.WIDTH + 1e-6


def test_large_photographs_shrink_smoothly():
    figure = plotting.show_images([torch.rand(200, 3000)] * 2)
    assert figure.get_size_inches()[0] == pytest.approx(plotting.WIDTH)
    assert figure.axes[0].images[0].get_interpolation() == "antialiased"


def test_three_pictures_of_mere_noise_weigh_little():
    assert png_bytes(plotting.show_images([noise(96, 96, seed) for seed in range(3)], NAMES)) < 150_000


@pytest.mark.parametrize(
    ("pictures", "titles", "message"),
    [
        ([], (), "pictures: found sizes"),
        ([torch.zeros(3, 4, 4), torch.zeros(3, 4, 5)], (), r"pictures: found sizes \[\(4, 4\), \(4, 5\)\]"),
        ([torch.zeros(3, 4, 4)], ["a", "b"], "titles: found 2, expected one for each of 1 pictures"),
        ([torch.zeros(1, 3, 4, 4)], (), r"picture: found shape \(1, 3, 4, 4\)"),
        ([torch.full((4, 4), 7.0)], (), r"picture: found values from 7 to 7, expected \[0, 1\]"),
    ],
)
def test_bad_pictures_are_named(pictures, titles, message):
    with pytest.raises(ValueError, match=message):
        plotting.show_images(pictures, titles)


def test_points_lie_on_their_pixels():
    points = torch.tensor([[0.0, 0], [7, 3], [2.5, 1]])
    axes = plotting.show_points(torch.zeros(4, 8), points)
    np.testing.assert_array_equal(axes.collections[0].get_offsets(), points)
    assert axes.get_legend() is None
    assert axes.get_xlim() == (-0.5, 7.5)


def test_groups_differ_in_shape_and_colour():
    axes = plotting.show_points(torch.zeros(4, 8), torch.tensor([[0.0, 0], [7, 3], [2, 1]]), ["a", "b", "a"])
    rims, fills = axes.collections[::2], axes.collections[1::2]
    assert len(rims) == len(fills) == 2
    assert len({len(fill.get_paths()[0].vertices) for fill in fills}) == 2
    assert len({to_hex(fill.get_facecolor()[0]) for fill in fills}) == 2


def test_bad_points_are_named():
    with pytest.raises(ValueError, match=r"points: found shape \(1, 2, 2\), expected \(N, 2\)"):
        plotting.show_points(torch.zeros(4, 8), torch.zeros(1, 2, 2))
    with pytest.raises(ValueError, match="groups: found 1, expected one for each of 2 points"):
        plotting.show_points(torch.zeros(4, 8), torch.zeros(2, 2), ["a"])


def label_map():
    labels = torch.zeros(17, 25, dtype=torch.long)
    labels[:5], labels[8:10, 3:12], labels[16, 24] = 1, 2, 255
    return labels


def test_pixel_map_shows_the_strata_in_their_colours():
    axes = plotting.pixel_map(label_map(), STRATA, NAMES)
    image = axes.images[0]
    shown = [to_hex(color) for color in image.cmap(image.norm([0, 1, 2, 3]))]
    assert shown == [*STRATA, PALETTE["void"]]
    assert image.get_array()[16, 24] == 3
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["yellow: 281", "blue: 125", "pink: 18"]


def test_pixel_map_marks_and_counts_the_sample():
    sampled = torch.tensor([[0, 0], [24, 4], [3, 8]])
    axes = plotting.pixel_map(label_map(), STRATA, NAMES, sampled)
    np.testing.assert_array_equal(axes.collections[-1].get_offsets(), sampled)
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert texts == ["yellow: 0 of 281", "blue: 2 of 125", "pink: 1 of 18"]
    assert png_bytes(axes.figure) < 60_000


def test_maps_can_stand_side_by_side():
    figure, both = plt.subplots(1, 2)
    for axes in both:
        assert plotting.pixel_map(label_map(), STRATA, NAMES, torch.tensor([[0, 0]]), ax=axes) is axes
    assert len(figure.axes) == 2


def test_histogram_sets_the_misses_apart():
    axes = charts.hits_histogram(torch.tensor([0, 0, 1, 3]), [0.4, 0.3, 0.2], "pink")
    assert [bar.get_height() for bar in axes.patches] == [0.5, 0.25, 0, 0.25]
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [PALETTE["missed"], *[PALETTE["sampled"]] * 3]
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [0.4, 0.3, 0.2])


def test_bars_with_intervals():
    values, intervals = [0.4, 0.1], [(0.3, 0.5), (0.0, 0.2)]
    axes = charts.interval_bars(["uniform", "stratified"], values, intervals, "variance", exact=[0.38, 0.12])
    assert [bar.get_width() for bar in axes.patches] == values
    assert axes.get_ylim()[0] > axes.get_ylim()[1], "the first stands on top"
    np.testing.assert_allclose(axes.lines[-1].get_xdata(), [0.38, 0.12])
    with pytest.raises(ValueError, match=r"intervals: found \(0.3, 0.5\) for 0.6, expected it inside"):
        charts.interval_bars(["a"], [0.6], [(0.3, 0.5)], "variance")


def test_precision_recall_marks_the_best_threshold():
    scores = {"recall": [0.9, 0.6, 0.2], "precision": [0.3, 0.6, 0.9], "f": [0.45, 0.6, 0.33], "ods": 0.6}
    person = {"recall": [0.7], "precision": [0.8], "f": [0.75], "ods": 0.75}
    axes = charts.precision_recall({"a network": scores, "people": person})
    assert [text.get_text() for text in axes.get_legend().texts] == ["a network, F 0.60", "people, F 0.75"]
    dots = [line.get_xydata().tolist() for line in axes.lines if line.get_marker() in ("o", "D")]
    assert dots == [[[0.6, 0.6]], [[0.7, 0.8]]]
    iso = next(line for line in axes.lines if line.get_color() == plotting.PALETTE["line"])
    recall, precision = iso.get_xydata().T
    np.testing.assert_allclose(2 * recall * precision / (recall + precision), 0.1)


def test_figures_are_white_and_need_no_display():
    for axes in (
        charts.hits_histogram(torch.tensor([0, 1]), [0.5, 0.5], "pink"),
        charts.interval_bars(["a"], [1.0], [(0.9, 1.1)], "x"),
    ):
        assert rendered(axes.figure)[0, 0].tolist() == [1, 1, 1]
        assert png_bytes(axes.figure) < 60_000


def test_the_style_has_the_colours_of_the_palette():
    plotting.use_style()
    named = {"text.color": "ink", "axes.labelcolor": "ink", "axes.edgecolor": "muted", "xtick.color": "muted"}
    for key, name in (named | {"ytick.color": "muted", "grid.color": "line"}).items():
        assert f"#{plt.rcParams[key].lstrip('#')}" == PALETTE[name]
    assert [color.lstrip("#") for color in plt.rcParams["axes.prop_cycle"].by_key()["color"]] == [
        color.lstrip("#") for color in plotting._GROUPS
    ]
