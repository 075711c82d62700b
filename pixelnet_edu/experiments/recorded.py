"""The records that the package ships, or those of a folder that is named in the environment."""

import os
from pathlib import Path

from pixelnet_edu.experiments.records import Record, read_records
from pixelnet_edu.runs import RECORDS

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
    folder = Path(os.environ.get(VARIABLE) or RECORDS / "experiments")
    return read_records(folder / name / f"{task}-{data}-{preset}")
