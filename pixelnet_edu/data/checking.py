"""Check a folder of a data set: every sample of every split is read once, and all that is wrong is listed.

Found are missing, truncated and re-encoded files, labels of another size or outside the class list, depth in a wrong
unit, and empty splits. Two files swapped for each other are found only where their sizes or kinds differ.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tqdm.auto import tqdm

from pixelnet_edu.data.catalog import Entry, catalog_entry
from pixelnet_edu.data.download.sources import SOURCES
from pixelnet_edu.data.samples import SampleSet


class SplitReport(NamedTuple):
    """What was found in one split.

    Parameters
    ----------
    split : str
        Its name.
    found : int, optional
        Samples that it lists; None where the split is absent.
    official : int, optional
        Samples of the official release; None where that is not known.
    problems : sequence of str
        One line each: what, where, and what to do.
    """

    split: str
    found: int | None
    official: int | None
    problems: Sequence[str] = ()

    def __str__(self) -> str:
        """Tell it in one line."""
        found = "absent" if self.found is None else f"{self.found} samples"
        found += f", {len(self.problems)} problems" if self.found is not None or self.problems else ""
        return f"{self.split}: {found}" + (f" (official: {self.official})" if self.official else "")


def check_dataset(name: str, root: str | Path, progress: bool = False) -> list[SplitReport]:
    """Read every sample of a data set once and collect what is wrong.

    Parameters
    ----------
    name : str
        One of the names in ``CATALOG``, but "rooms".
    root : path
        Its folder.
    progress : bool
        Whether to draw a progress bar.

    Returns
    -------
    list of SplitReport
        One for each split; one that is neither trained on nor scored may be absent, as in small copies.

    Raises
    ------
    ValueError
        For an unknown name, or rooms, which have no files.
    FileNotFoundError
        If there is no such folder, or no split in it.
    """
    entry, root = catalog_entry(name), Path(root)
    if not entry.source:
        raise ValueError(f"data: found {name!r}, expected a data set of photographs; rooms are rendered, not read")
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder, expected the folder of {name}")
    official = SOURCES[entry.source].splits
    reports = [_check_split(entry, root, split, official.get(split), progress) for split in entry.dataset.splits]
    if all(report.found is None for report in reports):
        entry.open(root, entry.train)  # raises the error that says what is expected here
    return reports


def _check_split(entry: Entry, root: Path, split: str, official: int | None, progress: bool) -> SplitReport:
    """Check one split."""
    try:
        dataset = entry.open(root, split, strict=False)
    except FileNotFoundError as error:
        return SplitReport(split, None, official, [str(error)] if split in (entry.train, entry.test) else [])
    except ValueError as error:
        return SplitReport(split, 0, official, [str(error)])
    return SplitReport(split, len(dataset), official, list(_problems(dataset, split, progress)))


def _problems(dataset: SampleSet, title: str, progress: bool) -> Iterator[str]:
    """Yield one line for each sample that cannot be read."""
    for index in tqdm(range(len(dataset)), desc=title, disable=not progress, leave=False):
        try:
            dataset[index]
        except (ValueError, OSError) as error:
            yield str(error)
