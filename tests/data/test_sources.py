"""The table of the real data sets: whole, consistent with the loaders, shipped, and refused where it is damaged."""

import re
import tomllib
from pathlib import Path

import pytest

import pixelnet_edu
from pixelnet_edu.data.catalog import CATALOG
from pixelnet_edu.data.download import sources
from pixelnet_edu.data.download.sources import SOURCES, read_sources, readable_size

PACKAGE = Path(pixelnet_edu.__file__).parent
TABLE = Path(sources.__file__).with_name("sources.toml")
FILES = {"voc": 1, "sbd": 1, "context": 3, "nyud": 3, "bsds500": 1, "camvid": 1, "hed": 1, "efficientnet-lite0": 1}
LINES = TABLE.read_text().splitlines()


def test_nothing_is_missing_from_the_table():
    assert {name: len(source.downloads) for name, source in SOURCES.items()} == FILES
    for entry in CATALOG.values():
        assert not entry.source or {entry.train, entry.test} <= SOURCES[entry.source].splits.keys()
    assert [name for name, source in SOURCES.items() if source.prepare] == ["nyud"]


def test_the_table_of_sources_is_consistent():
    for name, source in SOURCES.items():
        files = [download.file for download in source.downloads]
        assert len(set(files)) == len(files)
        for download in source.downloads:
            assert download.addresses
            assert all(address.startswith(("http://", "https://")) for address in download.addresses)
            assert download.checksum is None or re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", download.checksum)
            assert all(len(place) == 2 for place in download.places)
            assert type(download.size) is type(download.unpacked) is int
            assert download.size > 0
        assert any(download.places for download in source.downloads), name
        places = [place for download in source.downloads for _, place in download.places]
        assert len(set(places)) == len(places)
        assert all(type(number) is int and number > 0 for number in source.splits.values())
        for text in (source.title, source.licence, source.citation, source.key, source.note):
            assert text
            assert "\n" not in text


@pytest.mark.parametrize("field", ["title", "splits", "checksum", "places"])
def test_a_field_that_is_missing_or_misspelt_is_named(tmp_path, field):
    table, line = tmp_path / "table.toml", next(line for line in LINES if line.startswith(f"{field} = "))
    for change in ("", f"x{line}"):
        table.write_text("\n".join(LINES).replace(line, change, 1))
        with pytest.raises(ValueError, match=rf"table\.toml, voc.*: found the fields .*, expected .*\b{field}\b"):
            read_sources(table)


@pytest.mark.parametrize("damage", ["title = unquoted", "[voc]", "\0", "sizes = [1,"])
def test_a_damaged_table_is_named(tmp_path, damage):
    (tmp_path / "table.toml").write_text("\n".join([*LINES, damage]))
    with pytest.raises(ValueError, match=r"table\.toml: found no TOML \(.*\), expected a table of data sets"):
        read_sources(tmp_path / "table.toml")


def test_every_file_that_is_no_code_is_shipped():
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    patterns = project["tool"]["setuptools"]["package-data"]["pixelnet_edu"]
    shipped = {path for pattern in patterns for path in PACKAGE.glob(pattern)}
    others = {path for path in PACKAGE.rglob("[!.]*.*") if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert TABLE in shipped
    assert others <= shipped


def test_sizes_for_people():
    assert [readable_size(n) for n in (999_600_000, 20_000, 1.5e12)] == ["1.0 GB", "20 kB", "1500.0 GB"]
