"""Downloads, unpacking and placing: what a server, an archive or an interruption can do wrong, and what is left."""

import gzip
import io
import os
import random
import sys
import tarfile
import zipfile
from dataclasses import replace
from urllib.parse import quote

import pytest
from serving import Loopback, pack, served, start_server

from pixelnet_edu.data.bsds import BSDS500
from pixelnet_edu.data.download import fetching
from pixelnet_edu.data.download.fetching import fetch, unpack
from pixelnet_edu.data.download.sources import SOURCES

pytest.importorskip("pooch")
FILE = "BSR_bsds500.tgz"


@pytest.fixture
def server(tmp_path_factory, monkeypatch):
    """Serve a small BSDS500 in place of the official one."""
    loopback = Loopback(pack("bsds500", tmp_path_factory.mktemp("bsds500")))
    running = start_server(loopback)
    monkeypatch.setitem(SOURCES, "bsds500", served("bsds500", loopback))
    monkeypatch.setattr(fetching, "PAUSES", (0.0,))
    yield loopback
    running.shutdown()
    running.server_close()


@pytest.fixture
def part(server, tmp_path):
    """Return where the part of an interrupted download lies."""
    folder = tmp_path / ".unfinished-bsds500" / "downloads"
    folder.mkdir(parents=True)
    return folder / f"{quote(f'{server.url}/{FILE}', safe='')}.part"


def test_a_part_is_completed(server, part, tmp_path):
    content = server.files[FILE]
    part.write_bytes(content[:1000])
    assert fetch("bsds500", tmp_path, progress=False) == tmp_path
    assert len(BSDS500(tmp_path)) == 3
    assert server.sent == len(content) - 1000
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["groundTruth", "images"]


def test_a_whole_part_needs_no_byte(server, part, tmp_path):
    part.write_bytes(server.files[FILE])
    fetch("bsds500", tmp_path, progress=False)
    assert (len(BSDS500(tmp_path)), server.sent) == (3, 0)


def test_a_part_longer_than_the_file_starts_over(server, part, tmp_path):
    part.write_bytes(server.files[FILE] + b"more")
    fetch("bsds500", tmp_path, progress=False)
    assert (len(BSDS500(tmp_path)), server.sent) == (3, len(server.files[FILE]))
    assert server.requests == [f"/{FILE}"] * 2


def test_a_server_that_tells_no_length(server, tmp_path):
    server.lengths = False
    fetch("bsds500", tmp_path, progress=False)
    assert len(BSDS500(tmp_path)) == 3


def test_a_server_that_ignores_ranges_starts_over(server, part, tmp_path):
    server.ranges = False
    part.write_bytes(b"x" * 1000)
    fetch("bsds500", tmp_path, progress=False)
    assert (len(BSDS500(tmp_path)), server.sent) == (3, len(server.files[FILE]))


def test_a_file_put_there_by_hand_is_taken(server, part, tmp_path):
    part.with_name(FILE).write_bytes(server.files[FILE])
    fetch("bsds500", tmp_path, progress=False)
    assert (len(BSDS500(tmp_path)), server.requests) == (3, [])


def test_no_server_at_all(server, tmp_path, monkeypatch):
    dead = tuple(f"http://127.0.0.1:9/{FILE}" for _ in range(2))
    (download,) = SOURCES["bsds500"].downloads
    source = replace(SOURCES["bsds500"], downloads=(replace(download, addresses=dead),))
    monkeypatch.setitem(SOURCES, "bsds500", source)
    with pytest.raises(
        FileNotFoundError, match=r"BSR_bsds500\.tgz: could not be downloaded \(127.*no connection.*; 127"
    ):
        fetch("bsds500", tmp_path, progress=False)


@pytest.mark.parametrize("step", range(4), ids=["arrived", "unpacking", "first folder", "second folder"])
def test_an_interruption_anywhere_leaves_a_folder_that_is_refused_and_goes_on(server, tmp_path, monkeypatch, step):
    steps = iter(range(4))

    def interrupted(function):
        def call(*arguments):
            if next(steps) == step:
                raise KeyboardInterrupt
            return function(*arguments)

        return call

    with monkeypatch.context() as patched:
        patched.setattr(fetching, "unpack", interrupted(fetching.unpack))
        patched.setattr(fetching.os, "replace", interrupted(os.replace))
        with pytest.raises(KeyboardInterrupt):
            fetch("bsds500", tmp_path, progress=False)
    assert "images" not in os.listdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        BSDS500(tmp_path)
    fetch("bsds500", tmp_path, progress=False)
    assert len(BSDS500(tmp_path)) == 3
    assert server.sent == len(server.files[FILE])
    assert sorted(os.listdir(tmp_path)) == ["groundTruth", "images"]


def test_what_is_there_is_neither_downloaded_nor_touched(server, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "mine.txt").write_text("kept")
    fetch("bsds500", tmp_path, progress=False)
    assert os.listdir(tmp_path / "images") == ["mine.txt"]
    requests = len(server.requests)
    fetch("bsds500", tmp_path, progress=False)
    assert len(server.requests) == requests


def test_an_archive_of_another_layout_is_named(server, tmp_path, monkeypatch):
    (download,) = SOURCES["bsds500"].downloads
    download = replace(download, places=(("BSR/other", "images"),))
    monkeypatch.setitem(SOURCES, "bsds500", replace(SOURCES["bsds500"], downloads=(download,)))
    with pytest.raises(ValueError, match=r"BSR_bsds500\.tgz: found BSR in it, expected BSR/other"):
        fetch("bsds500", tmp_path, progress=False)


def test_a_missing_package_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=r"pip install pooch h5py"):
        fetch("bsds500", tmp_path, progress=False)


def zipped(content: dict[str, bytes]) -> bytes:
    """Pack files into a zip, without compression."""
    with zipfile.ZipFile(buffer := io.BytesIO(), "w") as file:
        for name, data in content.items():
            file.writestr(Named(name), data)
    return buffer.getvalue()


def tarred(content: dict[str, bytes], compression: str = "") -> bytes:
    """Pack files into a tar."""
    with tarfile.open(fileobj=(buffer := io.BytesIO()), mode=f"w:{compression}") as file:
        for name, data in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Named(zipfile.ZipInfo):
    """A member of a zip that may have no name."""

    def is_dir(self) -> bool:
        return False


def changed(content: bytes, *places: tuple[int, int]) -> bytes:
    """Change some bytes."""
    content = bytearray(content)
    for place, value in places:
        content[place] ^= value
    return bytes(content)


NOISE = {"BSR/noise": random.Random(0).randbytes(50_000)}
SMALL = zipped({"BSR/a": b"text"})
DIRECTORY = SMALL.index(b"PK\1\2")  # of the zip, where the flags and the method of the member stand again
DAMAGED = {
    "encrypted": (changed(SMALL, (6, 1), (DIRECTORY + 8, 1)), "encrypted"),
    "unknown method": (changed(SMALL, (8, 99), (DIRECTORY + 10, 99)), "compression"),
    "name that cannot be decoded": (changed(SMALL, (DIRECTORY + 9, 8), (DIRECTORY + 46, 128)), "utf-8"),
    "directory out of place": (changed(SMALL, (DIRECTORY - 8, 128), (len(SMALL) - 3, 128)), ""),
    "no name": (zipped({"": b"text"}), "no name"),
    "changed zip": (changed(zipped(NOISE), (25_000, 1)), "CRC-32"),
    "changed tar.gz": (changed(gzip.compress(tarred(NOISE) + bytes(10**6)), (25_000, 1)), "CRC"),
    "changed tar.xz": (changed(tarred(NOISE, "xz"), (25_000, 1)), "[Cc]orrupt"),
    "changed tar.bz2": (changed(tarred(NOISE, "bz2"), (25_000, 1)), "[Ii]nvalid"),
    "cut tar.gz": (tarred(NOISE, "gz")[:25_000], "end"),
    "page": (b"<html>not found</html>", "not a"),
}


@pytest.mark.parametrize("kind", ["tar", "tar.gz", "tar.xz", "zip"])
def test_unpacked_files_are_those_that_were_packed(tmp_path, kind):
    content = {"a.txt": b"1", "b/c.bin": os.urandom(5000), "b/d/e.txt": b""}
    archive = tmp_path / "archive"
    archive.write_bytes(zipped(content) if kind == "zip" else tarred(content, kind[4:]))
    unpack(archive, tmp_path / "out")
    files = {p.relative_to(tmp_path / "out").as_posix(): p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    assert files == content


@pytest.mark.skipif(not hasattr(tarfile, "data_filter"), reason="Python 3.11.3 and older have no filter")
def test_a_tar_does_not_say_who_may_write_and_run_its_files(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        info = tarfile.TarInfo("a")
        info.mode = 0o4777
        file.addfile(info)
    unpack(tmp_path / "a.tar", tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_damaged_archive_ends_in_one_line_and_puts_nothing_in_place(server, tmp_path, monkeypatch, kind):
    server.files[FILE], reason = DAMAGED[kind]
    monkeypatch.setitem(SOURCES, "bsds500", served("bsds500", server))
    with pytest.raises(ValueError, match=rf"^/.*{FILE}: found no whole tar or zip file \(.*{reason}.*\); download it"):
        fetch("bsds500", tmp_path, progress=False)
    assert os.listdir(tmp_path) == [".unfinished-bsds500"]


def test_an_error_of_the_disk_is_not_taken_for_damage(tmp_path):
    (tmp_path / "a.zip").write_bytes(SMALL)
    (tmp_path / "out").touch()
    with pytest.raises(OSError, match=r"out"):
        unpack(tmp_path / "a.zip", tmp_path / "out")
    with pytest.raises(FileNotFoundError):
        unpack(tmp_path / "none.zip", tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "a.tar", "w") as file:
        info = tarfile.TarInfo("inner/odd")
        info.type, info.linkname = kind, "/etc/hostname"
        file.addfile(info)
    with pytest.raises(ValueError, match=r"a\.tar: found the member 'inner/odd', expected only files and folders"):
        unpack(tmp_path / "a.tar", tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*"))


@pytest.mark.parametrize("cut", [0, 10, 400])
@pytest.mark.parametrize("kind", ["tgz", "zip"])
def test_damaged_archives_are_named(tmp_path, kind, cut):
    whole = next(iter(pack("camvid" if kind == "zip" else "bsds500", tmp_path / "tree").values()))
    (tmp_path / "a").write_bytes(whole[:cut])
    with pytest.raises(ValueError, match=r"/a: found no whole tar or zip file"):
        unpack(tmp_path / "a", tmp_path / "out")
