"""Unpacking archives that came over the network: only plain files and folders, only beneath the given folder.

A member with an absolute name, with ``..`` in it, or that is a link or a device could write elsewhere on the disk. No
official archive here needs one, so an archive that has one is refused.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO

Member = tuple[str, str, Callable[[], BinaryIO]]  # name; "file", "folder" or "other"; how to read it


def unpack(archive: str | Path, folder: str | Path) -> None:
    """Unpack a tar (also compressed) or zip file beneath a folder.

    Parameters
    ----------
    archive : path
        The file; its content says what it is, not its name.
    folder : path
        Where to; made if missing.

    Raises
    ------
    ValueError
        If the file is damaged or no archive, or if a member could leave the folder.

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
                _write(_zip_members(file), Path(archive), Path(folder))
        else:
            with tarfile.open(archive) as file:
                _write(_tar_members(file), Path(archive), Path(folder))
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{archive}: found no whole tar or zip file ({error}); download it again") from error


def _tar_members(archive: tarfile.TarFile) -> Iterator[Member]:
    """Yield the members of a tar file."""
    for member in archive:
        kind = "file" if member.isfile() else "folder" if member.isdir() else "other"
        yield member.name, kind, lambda member=member: archive.extractfile(member)


def _zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """Yield the members of a zip file."""
    for member in archive.infolist():
        plain = stat.S_IFMT(member.external_attr >> 16) in (0, stat.S_IFREG, stat.S_IFDIR)
        kind = "other" if not plain else "folder" if member.is_dir() else "file"
        yield member.filename, kind, lambda member=member: archive.open(member)


def _write(members: Iterator[Member], archive: Path, folder: Path) -> None:
    """Write the members one by one; an unsafe one ends it."""
    for name, kind, read in members:
        path = PurePosixPath(name)
        if kind == "other" or path.is_absolute() or ".." in path.parts:
            raise ValueError(
                f"{archive}: found the member {name!r}, expected only files and folders beneath the archive's own; "
                "it is not unpacked; download the file from the official address"
            )
        target = folder / path
        (target if kind == "folder" else target.parent).mkdir(parents=True, exist_ok=True)
        if kind == "file":
            with read() as source, open(target, "wb") as copy:
                shutil.copyfileobj(source, copy)
