import pytest
import torch
import torch.nn.functional as F

from pixelnet_edu.model.geometry import Level, neighbours
from pixelnet_edu.teaching.widgets import CellExplorer

STRIDES = [1, 2, 4, 8, 16, 32]
LEVELS = [Level(64 * stride, stride, (stride - 1) / 2, f"conv{stride}") for stride in STRIDES]


def cases(count=40):
    generator = torch.Generator().manual_seed(0)
    result = []
    for index in range(count):
        height, width = torch.randint(3, 120, (2,), generator=generator).tolist()
        x, y = (torch.rand(2, generator=generator) * torch.tensor([width - 1, height - 1])).tolist()
        stride = STRIDES[index % len(STRIDES)]
        result.append({"x": x, "y": y, "stride": stride, "offset": (stride - 1) / 2, "size": [height, width]})
    return result


def in_browser(run_js):
    body = "return a.map((c) => m.fourCells({ x: c.x, y: c.y }, { stride: c.stride, offset: c.offset }, c.size))"
    return run_js(CellExplorer, body, cases())


def map_size(case):
    return [max(pixels // case["stride"], 1) for pixels in case["size"]]


def test_cells_and_weights_are_the_packages(run_js):
    for case, found in zip(cases(), in_browser(run_js), strict=True):
        rows, columns = map_size(case)
        point = torch.tensor([case["x"], case["y"]], dtype=torch.float64)
        cells, weights = neighbours(point, Level(1, case["stride"], case["offset"]), (rows, columns))
        assert [cell["row"] * columns + cell["column"] for cell in found["cells"]] == cells.tolist()
        assert [cell["weight"] for cell in found["cells"]] == pytest.approx(weights.tolist(), abs=1e-12)


def test_values_are_those_of_grid_sample(run_js):
    generator = torch.Generator().manual_seed(1)
    for case, found in zip(cases(), in_browser(run_js), strict=True):
        rows, columns = map_size(case)
        features = torch.randn(1, 1, rows, columns, generator=generator, dtype=torch.float64)
        canvas = case["stride"] * torch.tensor([columns, rows])
        grid = 2 * (torch.tensor([case["x"], case["y"]], dtype=torch.float64) + 0.5) / canvas - 1
        expected = F.grid_sample(features, grid.view(1, 1, 1, 2), padding_mode="border", align_corners=False)
        value = sum(cell["weight"] * features[0, 0, cell["row"], cell["column"]] for cell in found["cells"])
        torch.testing.assert_close(value, expected[0, 0, 0, 0])


def test_weights_sum_to_one_and_clamping_is_told(run_js):
    for found in in_browser(run_js):
        assert sum(cell["weight"] for cell in found["cells"]) == pytest.approx(1)
        for axis in (found["x"], found["y"]):
            assert axis["clamped"] == (axis["t"] != axis["used"])


def test_formula_and_sentence(run_js):
    body = """
      const level = { stride: 16, offset: 7.5, name: "conv5_3" };
      const found = m.fourCells({ x: 47, y: 2 }, level, [96, 96]);
      return [m.formula("x", 47, level, found.x), m.formula("y", 2, level, found.y),
              m.sentence({ x: 47, y: 2 }, level, found)];
    """
    minus = "\N{MINUS SIGN}"
    assert run_js(CellExplorer, body) == [
        f"x: t = (47.00 {minus} 7.5) / 16 = 2.469",
        f"y: t = (2.00 {minus} 7.5) / 16 = {minus}0.344, clamped to 0",
        "Point x 47.00, y 2.00 on conv5_3: row 0, column 2 weighs most, 0.531. "
        "It lies outside the outermost centres: clamped.",
    ]


@pytest.mark.parametrize("point", [{"x": 0, "y": 0}, {"x": 95, "y": 95}, {"x": 40.25, "y": 7}])
@pytest.mark.parametrize("stride", STRIDES)
def test_close_up_shows_the_four_centres_and_the_point(run_js, point, stride):
    body = """
      const level = { stride: a.stride, offset: (a.stride - 1) / 2 };
      return m.closeUp(m.fourCells(a, level, [96, 96]), level, [96, 96]);
    """
    view = run_js(CellExplorer, body, {**point, "stride": stride})
    assert view["span"] == 3 * stride
    assert view["left"] <= point["x"] + 0.5 <= view["left"] + view["span"]
    assert view["top"] <= point["y"] + 0.5 <= view["top"] + view["span"]


def test_repr_and_names():
    image = torch.zeros(3, 24, 32)
    explorer = CellExplorer(image, LEVELS)
    assert repr(explorer) == "CellExplorer(32 x 24 pixels)"
    assert [level["name"] for level in explorer.levels] == [f"conv{stride}" for stride in STRIDES]
    assert explorer.levels[1] == {"name": "conv2", "channels": 128, "stride": 2, "offset": 0.5}
    assert CellExplorer(image, LEVELS[:1], ["first"]).levels[0]["name"] == "first"
    assert CellExplorer(image, [Level(8, 4, 1.5)]).levels[0]["name"] == "level 1"


@pytest.mark.parametrize(
    ("image", "levels", "names", "message"),
    [
        (torch.zeros(3, 8, 8), [], None, "levels: found none"),
        (torch.zeros(3, 8, 8), LEVELS, ["one"], "names: found 1, expected one for each of 6 levels"),
        (torch.zeros(8, 8), LEVELS, None, r"image: found shape \(8, 8\)"),
        (torch.zeros(3, 8, 8), [Level(1, 0, 0.0)], None, "levels: found stride 0"),
    ],
)
def test_bad_arguments_are_named(image, levels, names, message):
    with pytest.raises(ValueError, match=message):
        CellExplorer(image, levels, names)
