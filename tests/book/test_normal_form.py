"""Equal content is equal bytes: that is what lets git and nbval compare chapters."""

import copy

import nbformat
from nbformat import v4
from normal_form import WIDGET_STATE, dump, main, normalise, write_if_changed
from notebook_maker import chapter, code, with_widgets

FIRST, SECOND = "f" * 32, "0a" * 16


def view(model):
    kind = "application/vnd.jupyter.widget-view+json"
    return v4.new_output("display_data", {kind: {"model_id": model, "version_major": 2, "version_minor": 0}})


def test_normalising_twice_changes_nothing():
    notebook = with_widgets(
        chapter(code("Dots()", view(FIRST)), code("print(1)", "1\n")),
        {FIRST: {"layout": f"IPY_MODEL_{SECOND}"}, SECOND: {}},
    )
    once = dump(notebook)
    assert dump(nbformat.reads(once.decode(), as_version=4)) == once


def test_what_a_run_leaves_behind_does_not_reach_the_bytes():
    plain = chapter(code("print(1)", "1\n"))
    noisy = copy.deepcopy(plain)
    for number, cell in enumerate(noisy.cells):
        cell["id"] = f"random-{number}"
        cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00Z"}
    noisy.cells[-1].execution_count = 41
    noisy.cells[-1].outputs = [v4.new_output("stream", text="1"), v4.new_output("stream", text="\n")]
    noisy.metadata = {"kernelspec": {"name": "mine", "display_name": "Mine"}, "language_info": {"version": "3.12.1"}}
    assert dump(noisy) == dump(plain)


def test_content_does_reach_the_bytes():
    assert dump(chapter(code("print(1)", "1\n"))) != dump(chapter(code("print(1)", "2\n")))


def test_the_argument_stays_as_it_was():
    notebook = chapter(code("print(1)", "1\n", collapsed=True))
    before = copy.deepcopy(notebook)
    normalise(notebook)
    assert notebook == before


def test_widgets_are_numbered_in_the_order_of_the_state_and_stay_connected():
    notebook = with_widgets(
        chapter(code("Dots()", view(SECOND))), {FIRST: {}, SECOND: {"layout": f"IPY_MODEL_{FIRST}"}}
    )
    result = normalise(notebook)
    one, two = f"{1:032x}", f"{2:032x}"
    states = result.metadata.widgets[WIDGET_STATE].state
    assert list(states) == [one, two]
    assert states[two].state.layout == f"IPY_MODEL_{one}"
    assert result.cells[-1].outputs[0].data["application/vnd.jupyter.widget-view+json"].model_id == two
    assert FIRST not in str(result)
    assert SECOND not in str(result)


def test_widgets_named_like_each_others_numbers_are_not_confused():
    one, two = f"{1:032x}", f"{2:032x}"
    notebook = with_widgets(chapter(code("Dots()", view(two))), {two: {"role": "first"}, one: {"role": "second"}})
    result = normalise(notebook)
    assert result.metadata.widgets[WIDGET_STATE].state[one].state.role == "first"
    assert result.cells[-1].outputs[0].data["application/vnd.jupyter.widget-view+json"].model_id == one


def test_equal_cells_have_different_ids():
    cells = normalise(chapter(code("x = 1"), code("x = 1"))).cells
    assert len({cell.id for cell in cells}) == len(cells)


def test_only_the_keys_that_the_book_uses_are_kept():
    alt = {"image": {"alt": "A line."}}
    cell = normalise(chapter(code("1", tags=("solution",), mystnb=alt, cellView="form", scrolled=True))).cells[-1]
    assert cell.metadata == {"tags": ["solution"], "mystnb": alt, "cellView": "form"}


def test_an_equal_file_is_not_touched(tmp_path):
    path = tmp_path / "a.ipynb"
    assert write_if_changed(path, b"one")
    stamp = path.stat().st_mtime_ns
    assert not write_if_changed(path, b"one")
    assert path.stat().st_mtime_ns == stamp
    assert [p.name for p in tmp_path.iterdir()] == ["a.ipynb"]


def test_the_command_mends_a_file_once(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    nbformat.write(chapter(code("print(1)", "1\n")), path)
    main([str(path)])
    assert "brought into normal form" in capsys.readouterr().out
    main([str(path)])
    assert capsys.readouterr().out == ""


def test_objectives_and_the_facilitators_tag_are_kept():
    objective = {"question": 2, "exercise": 1, "section": "Count", "objective": "count"}
    notebook = chapter(code("print(1)", "1\n"), v4.new_markdown_cell("Ask.", metadata={"tags": ["facilitator"]}))
    notebook.metadata["objectives"] = [objective | {"mine": 1}]
    result = nbformat.reads(dump(notebook).decode(), as_version=4)
    assert result.metadata["objectives"] == [objective]
    assert result.cells[-1].metadata.tags == ["facilitator"]
    assert "objectives" not in normalise(chapter()).metadata
