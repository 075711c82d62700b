"""Fetching a real data set: download, verify, unpack, convert, and put it in its place.

While it works, everything lies in the hidden folder ``.unfinished-NAME`` beneath the root, so that a loader never sees
half a data set. Interrupted at any moment, the next run goes on where this one stopped.
Source: addresses, checksums and layouts in ``sources.toml``.
"""

import lzma
import os
import shutil
import stat
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from errno import EINVAL
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import quote, urlsplit

from tqdm.auto import tqdm

from pixelnet_edu.checks import check_name, unexpected
from pixelnet_edu.data.download.sources import SOURCES, Download, Source, readable_size

CHUNK = 2**18  # bytes
TIMEOUT = 30.0  # seconds without a byte, or with too few
SLOWEST = 1000  # bytes a second; a slower connection is tried again
PAUSES = (1.0, 3.0, 10.0)  # seconds before a broken connection is tried again
DAMAGE = tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, UnicodeError


def fetch(name: str, root: str | Path, progress: bool = True) -> Path:
    """Make a data set complete beneath a folder; returns at once where it is.

    Parameters
    ----------
    name : str
        One of the names in ``SOURCES``.
    root : path
        The folder of the data set; made if missing.
    progress : bool
        Whether to draw a bar for each download.

    Returns
    -------
    Path
        The root.

    Raises
    ------
    ValueError
        For an unknown name, too little free disk, or an archive that is damaged, unsafe or of another layout.
    FileNotFoundError
        If none of a file's addresses gives it; says what each one answered.
    ImportError
        If the package pooch is missing.

    Examples
    --------
    >>> fetch("imagenet", "data")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: name: found 'imagenet', expected one of voc, sbd, context, nyud, bsds500, camvid, hed, ...
    """
    check_name("name", name, SOURCES)
    source, root = SOURCES[name], Path(root)
    work = root / f".unfinished-{name}"
    missing = [d for d in source.downloads if not d.places or not all(_is_there(root / place) for _, place in d.places)]
    if any(download.places for download in missing):
        _check_disk(source.title, missing, root, work / "downloads")
        for download in missing:
            _download(download, work / "downloads", progress)
        for path, place in _unpack(source, missing, work):
            if not _is_there(root / place):
                (root / place).parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, root / place)
    shutil.rmtree(work, ignore_errors=True)
    return root


def _is_there(path: Path) -> bool:
    """Tell whether a file or a folder with something in it is there."""
    return path.is_file() or (path.is_dir() and any(path.iterdir()))


def _check_disk(title: str, missing: Sequence[Download], root: Path, downloads: Path) -> None:
    """Raise ValueError unless the downloads and what they are unpacked to fit on the disk."""
    arrived = sum(path.stat().st_size for path in downloads.glob("*"))
    needed = sum(download.size + download.unpacked for download in missing) - arrived
    if (free := free_disk(root)) < needed:
        expected = f"{readable_size(needed)} to download and unpack {title}"
        raise unexpected(root, f"{readable_size(free)} of free disk", expected, "make room, or choose another folder")


def free_disk(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is on, or will be.

    Examples
    --------
    >>> free_disk(Path("not/yet/made")) > 0
    True
    """
    return shutil.disk_usage(next(path for path in (folder, *folder.absolute().parents) if path.is_dir())).free


def _download(download: Download, folder: Path, progress: bool) -> None:
    """Download one file from the first address that gives it, unless it is there."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError("fetch: found no package pooch, which it needs; `pip install pooch h5py`") from error
    pooch.get_logger().setLevel("WARNING")
    answers, downloader = [], partial(_receive, progress=progress)
    for address in download.addresses:
        try:
            pooch.retrieve(address, download.checksum, download.file, folder, downloader=downloader)
            return
        except ConnectionError as error:
            answer = str(error)
        except ValueError as error:  # pooch has deleted the file; its last words are the checksum that it found
            found = str(error).partition(" but got ")[2].split(".")[0]
            answer = f"deleted, found checksum {found}, expected {download.checksum}"
        answers.append(f"{urlsplit(address).netloc}: {answer}")
    raise FileNotFoundError(
        f"{folder / download.file}: could not be downloaded ({'; '.join(answers)}); run it again later, it goes on "
        f"where it stopped, or put the file ({download.checksum or 'no known checksum'}) there and run it again"
    )


def _receive(address: str, file: str, _pooch: object, progress: bool) -> None:
    """Download an address to a file by way of a ``.part`` file beside it, which an interruption leaves to go on with.

    Raises
    ------
    ConnectionError
        If the server cannot be reached, refuses, or breaks off again and again.
    """
    import requests
    from urllib3.exceptions import HTTPError

    part = Path(file).with_name(f"{quote(address, safe='')}.part")
    for pause in (0.0, *PAUSES):
        time.sleep(pause)
        try:
            if _receive_rest(address, part, progress):
                os.replace(part, file)
                return
            reason = "it ended early"
        except (requests.RequestException, HTTPError) as error:
            reason = type(error).__name__
        if not part.is_file():
            raise ConnectionError(f"no connection, {reason}")
    raise ConnectionError(f"the connection broke {len(PAUSES) + 1} times, {reason}")


def _receive_rest(address: str, part: Path, progress: bool) -> bool:
    """Add to the part what the server still has; tell whether it is whole."""
    import requests

    start = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
        if response.status_code == 416 and start:  # nothing is left to send: the part is whole, or longer than the file
            if response.headers.get("Content-Range", "").endswith(f"/{start}"):
                return True
            part.unlink()
            return _receive_rest(address, part, progress)
        if not response.ok:
            raise ConnectionError(f"HTTP status {response.status_code}")
        start = start if response.status_code == 206 else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        name = Path(address).name
        bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=name, disable=not progress)
        with bar, open(part, "ab" if start else "wb") as file:
            end, arrived = time.monotonic() + TIMEOUT, 0
            while chunk := response.raw.read1(CHUNK, decode_content=False):
                bar.update(file.write(chunk))
                arrived += len(chunk)
                if time.monotonic() > end:
                    if arrived < SLOWEST * TIMEOUT:
                        raise requests.Timeout
                    end, arrived = time.monotonic() + TIMEOUT, 0
    return total is None or part.stat().st_size == total


def _unpack(source: Source, missing: Sequence[Download], work: Path) -> list[tuple[Path, str]]:
    """Unpack and convert the downloads; return what goes where, in this order.

    A file whose checksum nobody knows is deleted if it turns out to be wrong: the next run downloads it again.
    """
    unpacked = work / "unpacked"
    shutil.rmtree(unpacked, ignore_errors=True)
    unpacked.mkdir()
    try:
        for download in missing:
            if not download.file.endswith(".mat"):
                unpack(work / "downloads" / download.file, unpacked)
        if source.prepare:
            source.prepare(work / "downloads", unpacked)
        return [(_find(unpacked, pattern, d.file), place) for d in missing for pattern, place in d.places]
    except ValueError:
        for download in missing:
            if download.checksum is None:
                (work / "downloads" / download.file).unlink()
        raise


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a tar (also compressed) or zip file beneath a folder.

    No official archive here needs a link, a device, an absolute name or ``..``, so one that has them is refused.

    Parameters
    ----------
    archive : path
        The file; its content says what it is, not its name.
    folder : path
        Where to; made if missing.

    Raises
    ------
    ValueError
        If the file is damaged, encrypted or no archive, or if a member could leave the folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with zipfile.ZipFile(folder / "a.zip", "w") as archive:
    ...     archive.writestr("b/c.txt", "text")
    >>> unpack(folder / "a.zip", folder)
    >>> (folder / "b" / "c.txt").read_text()
    'text'
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                file.extractall(folder, _checked(archive, file.infolist()))
        else:
            with tarfile.open(archive) as file:
                file.extraction_filter = getattr(tarfile, "data_filter", None)  # Python 3.11.3 and older have none
                file.extractall(folder, _checked(archive, file))
                while file.fileobj.read(CHUNK):  # compressed files are verified when their end is read
                    pass
    except (OSError, *DAMAGE) as error:
        if getattr(error, "errno", None) not in (None, EINVAL):  # the disk is full, or there is no such file
            raise
        reason = " ".join(str(error).split())
        raise ValueError(f"{archive}: found no whole tar or zip file ({reason}); download it again") from error


def _checked(archive: str | Path, members: Iterable) -> Iterator:
    """Yield the members of a tar or zip file one by one; an unsafe one ends it."""
    for member in members:
        if isinstance(member, zipfile.ZipInfo):
            name, folder = member.filename, member.filename.endswith("/")
            plain = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        else:
            name, folder, plain = member.name, member.isdir(), member.isdir() or member.isfile()
        path = PurePosixPath(name)
        if not plain or path.is_absolute() or ".." in path.parts:
            expected = "only files and folders beneath the archive's own"
            raise unexpected(archive, f"the member {name!r}", expected, "it is not unpacked")
        if not path.parts and not folder:
            raise zipfile.BadZipFile("a file in it has no name")
        yield member


def _find(folder: Path, pattern: str, file: str) -> Path:
    """Return what a pattern names in a folder; a clear error where there is nothing."""
    if paths := sorted(folder.glob(pattern)):
        return paths[0]
    found = ", ".join(sorted(path.name for path in folder.iterdir())) or "nothing"
    raise unexpected(file, f"{found} in it", pattern)
