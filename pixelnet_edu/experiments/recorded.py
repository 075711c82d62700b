"""The records that the package ships, or those of a folder that is named in the environment."""

import os
from pathlib import Path

from pixelnet_edu.experiments.records import Record, read_records
from pixelnet_edu.training.runs import RECORDS

SHIPPED = RECORDS / "experiments"
VARIABLE = "PIXELNET_RECORDS"


def recorded_runs(name: str, task: str, data: str, preset: str = "laptop") -> list[Record]:
    """Read the records of an experiment: the package's, or your own where ``PIXELNET_RECORDS`` names their folder.

    Parameters
    ----------
    name, task, data, preset : str
        As for `pixelnet reproduce`, which makes such records in ``runs/experiments``.

    Raises
    ------
    FileNotFoundError
        If there is none.

    Examples
    --------
    >>> sorted({record.arm for record in recorded_runs("table4", "segmentation", "rooms") if record.seed == 0})[:2]
    ['10x1000', '10x1000-patch']
    """
    return read_records(_folder() / name / f"{task}-{data}-{preset}")


def recorded_settings(name: str, preset: str = "laptop") -> list[tuple[str, str]]:
    """List the tasks and data sets of an experiment that have records.

    Examples
    --------
    >>> ("segmentation", "rooms") in recorded_settings("table1")
    True
    """
    folders = [path.name.split("-") for path in (_folder() / name).glob(f"*-{preset}") if any(path.glob("*.json"))]
    return sorted((task, data) for task, data, _ in folders)


def _folder() -> Path:
    """Return where records are read from."""
    return Path(os.environ.get(VARIABLE) or SHIPPED)
