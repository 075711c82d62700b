"""Where the real data sets come from: addresses, sizes, checksums, licences, citations and official counts.

The facts stand in ``sources.toml``, whose first lines say what each field is; ``fetching.py`` does the rest.
"""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path


@dataclass(frozen=True)
class Download:
    """One file to download.

    Parameters
    ----------
    file : str
        Its name.
    addresses : tuple of str
        The official address first, then mirrors.
    size, unpacked : int
        Bytes of the file and of what is made from it, to plan with; some servers state none, then it is an estimate.
    checksum : str, optional
        Such as "md5:..." or "sha256:...".
    places : tuple of (str, str)
        What it is unpacked to (a pattern) and where that belongs beneath the root. Labels go before photographs, so
        that a loader refuses a folder which is only half there. Empty for a file that another one is prepared with.
    """

    file: str
    addresses: tuple[str, ...]
    size: int
    unpacked: int
    checksum: str | None
    places: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Source:
    """One data set, or one set of weights.

    Parameters
    ----------
    title, licence, citation, note : str
        One line each; the note says what tends to go wrong.
    key : str
        The citation's key in the book's bibliography.
    downloads : tuple of Download
        Its files.
    splits : dict
        The official number of samples of each split.
    prepare : callable, optional
        Called with the folder of the downloads and the folder of what was unpacked; writes the latter's places.
    """

    title: str
    downloads: tuple[Download, ...]
    licence: str
    citation: str
    key: str
    splits: dict[str, int]
    note: str
    prepare: Callable[[Path, Path], None] | None = None

    @property
    def size(self) -> int:
        """Bytes of all downloads."""
        return sum(download.size for download in self.downloads)

    @property
    def unpacked(self) -> int:
        """Bytes of the finished data set."""
        return sum(download.unpacked for download in self.downloads)


def readable_size(size: float) -> str:
    """Write a number of bytes for people.

    Examples
    --------
    >>> readable_size(1_999_639_040), readable_size(70_763_455), readable_size(2_626)
    ('2.0 GB', '71 MB', '3 kB')
    """
    for unit, power in (("GB", 9), ("MB", 6)):
        if size >= 0.9995 * 10**power:
            return f"{size / 10**power:.{1 if unit == 'GB' else 0}f} {unit}"
    return f"{size / 1000:.0f} kB"


def _nyu_frames(downloads: Path, unpacked: Path) -> None:
    """Write the frames of NYU Depth v2 as pictures."""
    from pixelnet_edu.data.nyud_frames import MAPPING, MAT, SPLITS, write_frames

    write_frames(downloads / MAT, downloads / SPLITS, downloads / MAPPING, unpacked)


PREPARE = {"nyud": _nyu_frames}


def read_sources(path: str | Path) -> dict[str, Source]:
    """Read a table of data sets, such as ``sources.toml``.

    Raises
    ------
    ValueError
        If it is damaged, or if a field is missing or unknown.

    Examples
    --------
    >>> read_sources(Path(__file__).with_name("sources.toml"))["voc"].splits["train"]
    1464
    """
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: found no TOML ({error}), expected a table of data sets; correct it") from error
    sources = {}
    for name, entry in table.items():
        _check_fields(f"{path}, {name}", entry, Source)
        downloads = tuple(_download(f"{path}, {name}", download) for download in entry["downloads"])
        sources[name] = Source(**entry | {"downloads": downloads, "prepare": PREPARE.get(name)})
    return sources


def _download(where: str, entry: dict) -> Download:
    """Turn an entry of the table into a download."""
    _check_fields(f"{where}, {entry.get('file', 'a file without name')}", entry, Download)
    addresses, places = tuple(entry["addresses"]), tuple(map(tuple, entry["places"]))
    return Download(**entry | {"addresses": addresses, "places": places, "checksum": entry["checksum"] or None})


def _check_fields(where: str, entry: dict, kind: type) -> None:
    """Raise ValueError unless an entry has every field of its kind and no other."""
    expected = {field.name for field in fields(kind)} - {"prepare"}
    if entry.keys() != expected:
        found, expected = (", ".join(sorted(names)) for names in (entry, expected))
        raise ValueError(f"{where}: found the fields {found}, expected {expected}; add or remove what differs")


SOURCES = read_sources(Path(__file__).with_name("sources.toml"))
