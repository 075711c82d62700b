import pytest
import torch

from pixelnet_edu.tasks import EdgeDetection, SurfaceNormals
from pixelnet_edu.teaching.widgets import LabelProbe

CLASSES = ["floor", "wall"]
COLORS = torch.tensor([[230, 159, 0], [0, 114, 178]], dtype=torch.uint8)


def scene():
    normals = torch.zeros(3, 2, 3)
    normals[2, 0] = -1
    normals[:, 1, 0] = torch.tensor([0.6, -0.64, -0.48])
    labels = torch.tensor([[0, 1, 255], [1, 0, 0]])
    edges = torch.tensor([[0, 1, 255], [1, 0, 0]])
    return torch.zeros(3, 2, 3), labels, normals, edges


def data(probe):
    return [probe.size[1], probe.labels, probe.normals, probe.edges]


READ = (
    "const d = {width: a[0], labels: m.decode(a[1], Uint8Array), normals: m.decode(a[2], Int8Array),"
    " edges: m.decode(a[3], Uint8Array)};"
)


def test_repr_and_colours():
    probe = LabelProbe(*scene(), CLASSES, COLORS)
    assert repr(probe) == "LabelProbe(3 x 2 pixels)"
    assert probe.palette == ["#e69f00", "#0072b2"]


def test_answers_at_pixels(run_js):
    probe = LabelProbe(*scene(), CLASSES, COLORS)
    found = run_js(
        LabelProbe, READ + "return [[1, 0], [0, 1], [2, 0], [1, 1]].map(p => m.answersAt(d, ...p))", data(probe)
    )
    assert found[0] == {"label": 1, "normal": [0, 0, -1], "edge": 1}
    assert found[1]["normal"] == pytest.approx([0.6, -0.64, -0.48], abs=0.005)
    assert found[2] == {"label": None, "normal": [0, 0, -1], "edge": None}
    assert found[3] == {"label": 0, "normal": None, "edge": 0}


def test_sentences_tell_all_three(run_js):
    probe = LabelProbe(*scene(), CLASSES, COLORS)
    body = READ + f"return [[1, 0], [2, 0]].map(([x, y]) => m.sentence(m.answersAt(d, x, y), {CLASSES}, x, y))"
    assert run_js(LabelProbe, body, data(probe)) == [
        "Pixel x 1, y 0: class 1, wall; normal (0.00, 0.00, \N{MINUS SIGN}1.00); edge.",
        "Pixel x 2, y 0: void; normal (0.00, 0.00, \N{MINUS SIGN}1.00); edge unknown.",
    ]


def test_one_hot(run_js):
    assert run_js(LabelProbe, "return [m.oneHot(2, 4), m.oneHot(null, 2)]") == [[0, 0, 1, 0], [0, 0]]


def test_normal_colours_are_the_tasks(run_js):
    normals = torch.nn.functional.normalize(torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), dim=1)
    colors = SurfaceNormals().colors(normals.T[None, :, :, None])[0, :, :, 0].T * 255
    found = run_js(LabelProbe, "return a.map(m.normalColour)", normals.tolist())
    assert (torch.tensor(found) - colors).abs().max() <= 0.51


def test_edge_and_void_colours_are_the_tasks(run_js):
    colors = EdgeDetection().colors(torch.tensor([[[0, 1, 255]]]))[0, :, 0].T * 255
    found = run_js(LabelProbe, "return [0, 1, null].map((edge) => m.COLOURS.edges({ edge }))")
    assert (torch.tensor(found) - colors).abs().max() <= 0.51


@pytest.mark.parametrize(
    ("position", "value", "message"),
    [
        (1, torch.zeros(2, 4), r"labels: found shape \(2, 4\), expected \(2, 3\)"),
        (1, torch.full((2, 3), 2), "labels: found 2, expected whole numbers from 0 to 1, or 255"),
        (2, torch.zeros(2, 3), r"normals: found shape \(2, 3\), expected \(3, 2, 3\)"),
        (3, torch.full((2, 3), 3), "edges: found 3, expected whole numbers from 0 to 1"),
        (5, COLORS[:1], "palette: found 1 colours, expected one for each of 2 classes"),
        (4, [], "classes: found"),
    ],
)
def test_bad_arguments_are_named(position, value, message):
    arguments = [*scene(), CLASSES, COLORS]
    arguments[position] = value
    with pytest.raises(ValueError, match=message):
        LabelProbe(*arguments)
