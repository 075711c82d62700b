"""Chapters run in a clean kernel, and nothing is written unless all of it ran."""

import nbformat
import pytest
from nbformat import v4
from normal_form import WIDGET_STATE
from notebook_maker import chapter
from run_notebooks import main

SLIDER = "import ipywidgets\n\nipywidgets.IntSlider(description='share')"


def plain(path, *sources):
    nbformat.write(chapter(*map(v4.new_code_cell, sources)), path)
    return path


def test_a_second_run_changes_no_byte(tmp_path, capsys):
    path = plain(tmp_path / "a.ipynb", "print(6 * 7)", SLIDER)
    assert main([str(path)]) == 0
    first = path.read_bytes()
    assert b"42" in first
    assert WIDGET_STATE.encode() in first
    assert main([str(path)]) == 0
    assert path.read_bytes() == first
    written, unchanged = capsys.readouterr().out.splitlines()
    assert written.endswith("written")
    assert unchanged.endswith("unchanged")


def test_a_failing_cell_is_named_and_nothing_is_written(tmp_path, capsys):
    path = plain(tmp_path / "a.ipynb", "print(1)", "pixels = 17\nraise ValueError('found 17 pixels')")
    before = path.read_bytes()
    assert main([str(path)]) == 1
    assert path.read_bytes() == before
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert all(part in line for part in ("a.ipynb", "cell 4", "'pixels = 17'", "ValueError: found 17 pixels"))


def test_a_stale_output_does_not_survive(tmp_path):
    notebook = chapter(v4.new_code_cell("x = 1", outputs=[v4.new_output("stream", text="old")]))
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook, path)
    main([str(path)])
    assert "old" not in path.read_text()


@pytest.mark.parametrize("seconds", ["2", "1"])
def test_a_chapter_that_takes_too_long_fails(tmp_path, capsys, seconds):
    path = plain(tmp_path / "a.ipynb", "import time\ntime.sleep(1.2)", "time.sleep(1.2)")
    assert main([str(path), "--limit", seconds]) == 1
    assert f" {seconds}" in capsys.readouterr().err


def test_a_missing_notebook_is_one_clear_line(tmp_path):
    with pytest.raises(SystemExit, match=r"nowhere\.ipynb: found no such file"):
        main([str(tmp_path / "nowhere.ipynb")])
