import base64
import io
import itertools
import re
import subprocess
import sys
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
import torch
from PIL import Image

from pixelnet_edu.teaching import widgets
from pixelnet_edu.teaching.widgets import _encode
from pixelnet_edu.teaching.widgets._explorer import STATE_LIMIT, source

EXPLORERS = [widgets.Quiz, widgets.LabelProbe, widgets.CellExplorer, widgets.SampleExplorer]


def test_import_brings_no_plotting():
    heavy = ("matplotlib", "scipy", "accelerate")
    code = f"import sys, pixelnet_edu.teaching.widgets; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_files_hold_no_address_and_no_raw_html(explorer):
    text = explorer._esm + explorer._css
    for word in ("http", "innerHTML", "@import", "eval("):
        assert word not in text


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_module_and_style_carry_the_shared_part(explorer):
    name = explorer.__module__.rsplit(".", 1)[1]
    assert explorer._esm == source(f"{name}.js")
    assert explorer._css == source(f"{name}.css")
    assert explorer._esm.startswith("// Parts that every explorer shares")
    assert "export default { render };" in explorer._esm


def test_no_two_style_sheets_style_the_same_selector():
    folder = Path(widgets.__file__).parent
    heads = {
        path.name: set(re.findall(r"^\.pn [^{]*?(?= \{|,$)", path.read_text(), re.M)) for path in folder.glob("*.css")
    }
    assert len(heads) == len(EXPLORERS) + 1
    for one, other in itertools.combinations(heads, 2):
        assert not heads[one] & heads[other], "on one page the later sheet would win"


def test_numbers_are_written_for_readers(run_js):
    body = (
        "return [m.decimal(-0.453, 2), m.decimal(-0.001, 2), m.whole(173938517), ...[1e-9, 0, 0.4151].map(m.percent)]"
    )
    expected = ["\N{MINUS SIGN}0.45", "0.00", "173,938,517", "< 0.1 %", "0 %", "41.5 %"]
    assert run_js(widgets.Quiz, body) == expected


@pytest.mark.parametrize(
    ("available", "columns", "ratio", "size"),
    [(348, 96, 1, 3), (348, 96, 2, 3.5), (348, 224, 1, 348 / 224), (50, 96, 1, 50 / 96)],
)
def test_pixel_size_prefers_whole_device_pixels(run_js, available, columns, ratio, size):
    found = run_js(widgets.Quiz, "return m.pixelSize(a[0], a[1], a[2])", [available, columns, ratio])
    assert found == pytest.approx(size)


def test_snap_stays_on_the_grid_and_inside(run_js):
    body = "return [m.snap(3.4, 1, 95), m.snap(3.4, 0.25, 95), m.snap(-2, 1, 95), m.snap(99, 1, 95)]"
    assert run_js(widgets.Quiz, body) == [3, 3.5, 0, 95]


def test_bytes_come_back_in_the_browser(run_js):
    labels = torch.tensor([[0, 7, 255], [1, 2, 3]])
    text = _encode.index_bytes(labels, "labels", 8)
    assert run_js(widgets.Quiz, "return Array.from(m.decode(a, Uint8Array))", text) == labels.flatten().tolist()
    normals = torch.nn.functional.normalize(torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)), dim=0)
    text = _encode.normal_bytes(normals, "normals", (3, 4, 5))
    found = run_js(widgets.Quiz, "return Array.from(m.decode(a, Int8Array))", text)
    np.testing.assert_allclose(np.array(found) / 127, normals.flatten(), atol=0.5 / 127 + 1e-6)


def test_small_pictures_are_kept_exactly():
    image = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    head, data = _encode.picture_url(image).split(",")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))
    assert head == "data:image/png;base64"
    np.testing.assert_array_equal(pixels, (image.permute(1, 2, 0).double() * 255).round().byte())


def test_heavy_pictures_become_jpeg():
    image = torch.rand(3, 200, 200, generator=torch.Generator().manual_seed(0))
    assert _encode.picture_url(image).startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: _encode.picture_url(torch.zeros(1, 3, 4, 4)),
            r"image: found shape \(1, 3, 4, 4\), expected \(3, any, any\)",
        ),
        (
            lambda: _encode.picture_url(torch.full((3, 4, 4), 255.0)),
            r"image: found values from 255 to 255, expected \[0, 1\]; divide",
        ),
        (lambda: _encode.picture_url(torch.full((3, 4, 4), float("nan"))), "image: found values"),
        (
            lambda: _encode.index_bytes([[0, 9]], "labels", 3),
            "labels: found 9, expected whole numbers from 0 to 2, or 255",
        ),
        (lambda: _encode.index_bytes([[0.5]], "edges", 2), "edges: found 0.5"),
        (
            lambda: _encode.normal_bytes([[[0.0]], [[0.0]], [[2.0]]], "normals", (3, 1, 1)),
            "normals: found length 2, expected 1",
        ),
        (lambda: _encode.class_names("wall", "names"), "names: found 'wall', expected a list of .*; put"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_state_limit_counts_everything_stored():
    explorer = widgets.LabelProbe(*scene(96), [f"class {index}" for index in range(8)], ["#000000"] * 8)
    state = explorer.get_state()
    weight = sum(len(str(state[key])) for key in state)
    assert weight < STATE_LIMIT
    with pytest.raises(ValueError, match=r"LabelProbe: found .* expected at most 150,000; pass a smaller picture"):
        widgets.LabelProbe(*scene(200), ["a"], ["#000000"])


def scene(side):
    generator = torch.Generator().manual_seed(0)
    normals = torch.zeros(3, side, side)
    normals[2] = -1
    flat = torch.zeros(side, side, dtype=torch.long)
    return torch.rand(3, side, side, generator=generator), flat, normals, flat


def test_explorers_are_widgets_with_a_plain_text():
    quiz = widgets.Quiz([widgets.Question("1 + 1?", [2, 3], 2, "Count.")])
    assert isinstance(quiz, ipywidgets.DOMWidget)
    data, _ = quiz._repr_mimebundle_()
    assert data["text/plain"] == "Quiz(1 question)"
