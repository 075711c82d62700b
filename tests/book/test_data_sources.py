"""The page of the data sets: what it prints is what the package knows, and every source has its place."""

from pathlib import Path

import pytest
from data_sources import DataSource, facts
from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import directives

from pixelnet_edu.data.download.sources import SOURCES

BOOK = Path(__file__).resolve().parents[2] / "book"


@pytest.mark.parametrize("name", SOURCES)
def test_facts_are_those_of_the_source(name):
    source, listed = SOURCES[name], facts(SOURCES[name])
    shown = listed.astext().replace("<wbr>", "")
    for number in source.splits.values():
        assert f"{number:,}" in shown
    assert source.licence in shown
    assert source.note in shown
    for download in source.downloads:
        assert download.file in shown
        assert (download.checksum or "no checksum").split(":")[-1] in shown
    addresses = [reference["refuri"] for reference in listed.findall(nodes.reference)]
    assert addresses == [address for download in source.downloads for address in download.addresses]


def test_sizes_are_for_people():
    shown = facts(SOURCES["voc"]).astext()
    assert "2.0 GB to download, 2.0 GB on disk" in shown
    assert "train 1,464, val 1,449" in shown


def test_an_unknown_source_is_named():
    directives.register_directive("data-source", DataSource)
    tree = publish_doctree(".. data-source:: imagenet", settings_overrides={"report_level": 5, "halt_level": 5})
    assert "found 'imagenet', expected one of voc, sbd" in tree.astext()


def test_the_page_shows_every_source_and_cites_it():
    page = (BOOK / "reference" / "datasets.md").read_text()
    references = (BOOK / "references.bib").read_text()
    for name, source in SOURCES.items():
        assert page.count(f"{{data-source}} {name}\n") == 1
        assert f"{{cite:p}}`{source.key}`" in page
        assert f"{{{source.key}," in references


def test_every_script_is_on_the_page():
    page = (BOOK / "reference" / "datasets.md").read_text()
    scripts = [p.name for p in (BOOK.parent / "data_scripts").glob("*.py") if not p.name.startswith("_")]
    assert [name for name in scripts if f"python data_scripts/{name} " not in page] == []
