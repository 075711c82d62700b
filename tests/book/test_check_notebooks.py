"""Each rule for stored chapters notices the chapter that breaks it, and a good chapter breaks none."""

import json

import pytest
from check_notebooks import check, main
from nbformat import v4
from normal_form import dump
from notebook_maker import chapter, code, picture, store, teach, with_widgets

ALT = {"image": {"alt": "A red square."}}


def good_chapter():
    noisy = code("print(time())", "12.3\n", tags=("nbval-ignore-output",))
    compared = [code(f"print({n})", f"{n}\n") for n in range(7)]
    return teach(chapter(noisy, code("assert time() > 0"), code("plot()", picture(), mystnb=ALT), *compared))


def error(name="ValueError"):
    return v4.new_output("error", ename=name, evalue="no pixels", traceback=[])


def stderr():
    return v4.new_output("stream", name="stderr", text="DeprecationWarning: old\n")


def html(text):
    return v4.new_output("display_data", {"text/html": text})


BROKEN = {
    "an error": (code("f()", error()), "stored output is an error: ValueError"),
    "a warning": (code("f()", stderr()), "prints to stderr"),
    "a home folder": (code("f()", "saved in /home/ada/run\n"), "path of one machine: '/home/ada/run'"),
    "a mac folder": (code("f()", "saved in '/Users/ada/run'\n"), "path of one machine"),
    "a path in HTML": (code("f()", html("<p>/mnt/x.png</p>")), "path of one machine"),
    "a long cell": (code("\n".join(f"x{n} = {n}" for n in range(26))), "26 lines of code, expected at most 25"),
    "a skip by comment": (code("# NBVAL_IGNORE_OUTPUT\nf()", "1\n"), "the only exemption is the tag"),
    "a skip by tag": (code("f()", "1\n", tags=("nbval-skip",)), "the only exemption is the tag"),
    "no alt text": (code("plot()", picture()), "picture without alt text"),
    "a file as alt text": (
        code("f()", picture(), mystnb={"image": {"alt": "figures/a.png"}}),
        "looks like a file name",
    ),
    "the same alt text": (code("f()", picture(), mystnb=ALT), "repeats the alt text of cell 5"),
    "HTML without alt text": (code("f()", html("<img src='data:,'>")), "an <img> in the HTML output lacks alt text"),
    "no assertion": (code("f()", "1\n", tags=("nbval-ignore-output",)), "the next code cell must assert"),
    "a big output": (code("f()", "x" * 1_500_000), "expected at most 1,500,000"),
}


def test_a_good_chapter_has_no_finding(tmp_path):
    path = store(tmp_path / "a.ipynb", good_chapter())
    assert check(path) == []
    assert main([str(path)]) == 0


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found(tmp_path, name, capsys):
    cell, message = BROKEN[name]
    notebook = good_chapter()
    notebook.cells.append(cell)
    path = store(tmp_path / "a.ipynb", notebook)
    assert main([str(path)]) == 1
    findings = capsys.readouterr().out.splitlines()
    assert any(message in line for line in findings), findings
    assert all("a.ipynb" in line for line in findings)


def test_addresses_are_no_machine_paths(tmp_path):
    notebook = good_chapter()
    notebook.cells.append(code("f()", "see https://example.org/home/page, a/tmp/b and 3/work\n"))
    assert check(store(tmp_path / "a.ipynb", notebook)) == []


def test_a_chapter_that_was_not_executed_is_found(tmp_path):
    assert "stored without outputs" in "\n".join(check(store(tmp_path / "a.ipynb", chapter(code("print(1)")))))
    notebook = good_chapter()
    notebook.cells[-1].execution_count = None
    assert "not executed" in check(store(tmp_path / "a.ipynb", notebook))[0]


def test_the_cell_for_colab_comes_first_and_hides(tmp_path):
    notebook = good_chapter()
    notebook.cells[1].metadata.tags = ["remove-cell"]
    assert "lacks the tag nbval-ignore-output" in check(store(tmp_path / "a.ipynb", notebook))[0]
    del notebook.cells[1]
    assert "must be the one for Colab" in "\n".join(check(store(tmp_path / "a.ipynb", notebook)))


def test_too_many_exemptions_are_found(tmp_path):
    pairs = [(code(f"f({n})", "1\n", tags=("nbval-ignore-output",)), code(f"assert {n} >= 0")) for n in range(2)]
    notebook = chapter(*(cell for pair in pairs for cell in pair), *(code(f"{n}", f"{n}\n") for n in range(8)))
    assert "2 of 10 printing cells" in check(store(tmp_path / "a.ipynb", notebook))[0]


def test_another_form_is_found(tmp_path):
    path = store(tmp_path / "a.ipynb", good_chapter())
    raw = json.loads(path.read_text())
    raw["cells"][0]["metadata"] = {"collapsed": True}
    path.write_text(json.dumps(raw))
    assert "not in normal form" in check(path)[0]


def test_a_stale_page_of_objectives_is_found_where_all_chapters_are_checked(tmp_path, monkeypatch, capsys):
    path = store(tmp_path / "a.ipynb", good_chapter())
    monkeypatch.setattr("check_notebooks.chosen", lambda paths: [path])
    monkeypatch.setattr("objectives.stale", lambda: ["objectives.md: stale"])
    assert main([str(path)]) == 0
    assert main([]) == 1
    assert capsys.readouterr().out == "objectives.md: stale\n"


def test_what_a_chapter_teaches_is_checked(tmp_path):
    notebook = good_chapter()
    del notebook.metadata["objectives"]
    assert "no objectives" in check(store(tmp_path / "a.ipynb", notebook))[0]


def test_an_old_script_of_a_widget_is_found(tmp_path, monkeypatch):
    import sys
    import types

    package = types.ModuleType("pixelnet_edu.widgets_for_a_test")
    package.Dots = type("Dots", (), {"_esm": "new script", "_css": "a {}"})
    monkeypatch.setitem(sys.modules, package.__name__, package)
    state = {"_anywidget_id": f"{package.__name__}.Dots", "_esm": "new script", "_css": "a {}"}
    path = tmp_path / "a.ipynb"
    assert check(store(path, with_widgets(good_chapter(), {"a" * 32: state}))) == []
    findings = check(store(path, with_widgets(good_chapter(), {"a" * 32: state | {"_esm": "old script"}})))
    assert "stores an old _esm of Dots" in findings[0]


def test_every_finding_names_its_cell(tmp_path):
    notebook = good_chapter()
    notebook.cells.insert(2, code("f()", error()))
    path = tmp_path / "a.ipynb"
    path.write_bytes(dump(notebook))
    assert ": cell 3: the stored output" in check(path)[0]
