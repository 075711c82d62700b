"""Every data set's script against a server on loopback: fresh, resumed, refused, damaged, hostile, without disk."""

import importlib
from pathlib import Path

import pytest
from serving import OUTSIDE, Loopback, pack, served, start_server, with_member

from pixelnet_edu.data.bsds import BSDS500
from pixelnet_edu.data.camvid import CamVid
from pixelnet_edu.data.download import fetching
from pixelnet_edu.data.download.sources import SOURCES
from pixelnet_edu.data.nyud import NYUDepthV2
from pixelnet_edu.data.pascal import PascalVOC
from pixelnet_edu.data.pascal_context import PascalContext
from pixelnet_edu.data.reading import read_photo

pytest.importorskip("pooch")
pytest.importorskip("h5py")
SCRIPTS = {  # its sources, how its loader opens the result, and what it says of the small trees
    "pascal_voc": (("voc",), PascalVOC, "train: 3 samples (official: 1464)"),
    "sbd": (("voc", "sbd"), lambda root: PascalVOC(root, "train_aug"), "train_aug: 5 samples (official: 10582)"),
    "pascal_context": (("context",), PascalContext, "val: 1 samples (official: 5105)"),
    "nyud": (("nyud",), NYUDepthV2, "(official: 795)"),
    "bsds500": (("bsds500",), BSDS500, "test: 2 samples (official: 200)"),
    "camvid": (("camvid",), CamVid, "train: 3 samples (official: 367)"),
}
ARCHIVES = [name for name in SCRIPTS if name != "nyud"]


@pytest.fixture(scope="session")
def packs(tmp_path_factory) -> dict[str, dict[str, bytes]]:
    """Return the files of every source, packed once."""
    return {name: pack(name, tmp_path_factory.mktemp(name)) for name in SOURCES if SOURCES[name].splits}


@pytest.fixture
def server(monkeypatch):
    """Start a server, and let the pauses between attempts be none."""
    monkeypatch.setattr(fetching, "PAUSES", (0.0,))
    loopback = Loopback()
    running = start_server(loopback)
    yield loopback
    running.shutdown()
    running.server_close()


class Case:
    """A script, its loader, and the server that its addresses lead to."""

    def __init__(self, name: str, server: Loopback, packs: dict, folder: Path, monkeypatch) -> None:
        monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "data_scripts"))
        self.sources, self.open, self.line = SCRIPTS[name]
        self.script, self.server, self.root = importlib.import_module(name), server, folder / "data"
        for source in self.sources:
            server.files |= packs[source]
            monkeypatch.setitem(SOURCES, source, served(source, server))
        self.downloads = SOURCES[self.sources[-1]].downloads
        self.largest = max(self.downloads, key=lambda download: download.size)

    def run(self) -> None:
        self.script.main(["--root", str(self.root)])

    def places(self) -> set[str]:
        return {place for source in self.sources for d in SOURCES[source].downloads for _, place in d.places}

    def fails(self, capsys) -> str:
        """Run it; it must end with one line and 2, and leave a folder that the loader refuses."""
        with pytest.raises(SystemExit) as stop:
            self.run()
        line = capsys.readouterr().err.splitlines()[-1]
        assert stop.value.code == 2
        assert "Traceback" not in line
        assert not any((self.root / place).exists() for d in self.downloads for _, place in d.places)
        with pytest.raises(FileNotFoundError):
            self.open(self.root)
        return line


@pytest.fixture(params=SCRIPTS)
def case(request, server, packs, tmp_path, monkeypatch) -> Case:
    """Return every script in turn."""
    return Case(request.param, server, packs, tmp_path, monkeypatch)


def test_fresh_and_again(case, capsys):
    case.run()
    out = capsys.readouterr().out
    assert case.line in out
    assert SOURCES[case.sources[-1]].licence in out
    assert len(case.open(case.root)) > 0
    files = {p.relative_to(case.root).as_posix() for p in case.root.rglob("*")}
    assert case.places() | {"contact-sheet.png"} <= files
    assert not any(part.startswith(".") for file in files for part in file.split("/"))
    assert read_photo(case.root / "contact-sheet.png").shape[1] == 2 * 240 + 4
    before = len(case.server.requests)
    case.run()
    assert len(case.server.requests) == before


def test_a_second_run_goes_on_where_the_first_broke_off(case, capsys):
    half = case.largest.size // 2
    case.server.cuts[case.largest.file] = [half, 0, 0, 0]  # two attempts at each address
    assert "the connection broke 2 times" in case.fails(capsys)
    before = case.server.sent
    case.run()
    assert len(case.open(case.root)) > 0
    assert case.server.sent - before == case.largest.size - half


def test_a_broken_connection_is_tried_again_in_the_same_run(case):
    case.server.cuts[case.largest.file] = [case.largest.size // 2]
    case.run()
    assert case.server.sent == sum(d.size for source in case.sources for d in SOURCES[source].downloads)


def test_damaged_files_are_refused_and_deleted(case, capsys):
    damaged = case.server.files[case.largest.file]
    case.server.files[case.largest.file] = damaged[: len(damaged) // 2] + b"\0" * (len(damaged) - len(damaged) // 2)
    line = case.fails(capsys)
    if case.largest.checksum:
        assert "deleted, found checksum" in line
        assert f"expected {case.largest.checksum}" in line
    else:
        assert f"{case.largest.file}: found no whole tar or zip file" in line
    case.server.files[case.largest.file] = damaged
    case.run()
    assert len(case.open(case.root)) > 0


def test_too_little_disk(case, capsys, monkeypatch):
    usage = fetching.shutil.disk_usage("/")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda folder: usage._replace(free=1500))
    line = case.fails(capsys)
    assert "found 2 kB of free disk, expected" in line
    assert case.server.requests == []


def test_the_mirror_helps(case):
    case.server.gone = set(case.server.files)
    case.run()
    assert len(case.open(case.root)) > 0


def test_all_addresses_dead(case, capsys):
    del case.server.files[case.largest.file]
    line = case.fails(capsys)
    assert line.count("HTTP status 404") == 2
    assert "run it again later" in line


@pytest.mark.parametrize("kind", ["..", "absolute", "link"])
@pytest.mark.parametrize("name", ARCHIVES)
def test_an_archive_that_would_leave_the_folder(name, kind, server, packs, tmp_path, monkeypatch, capsys):
    file = SOURCES[SCRIPTS[name][0][-1]].downloads[-1].file
    source = SCRIPTS[name][0][-1]
    hostile = packs | {source: packs[source] | {file: with_member(packs[source][file], file, kind)}}
    case = Case(name, server, hostile, tmp_path, monkeypatch)
    line = case.fails(capsys)
    assert "found the member" in line
    assert "it is not unpacked" in line
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert not OUTSIDE.exists()
    assert not list(case.root.rglob("outside.txt"))
    assert not [path for path in case.root.rglob("*") if path.is_symlink()]
