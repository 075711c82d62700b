"""Measure everything once and make the record: rows of ratios, curves of growth, costs by arithmetic, the machine."""

import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from tqdm.auto import tqdm

from pixelnet_edu.experiments.cost import adaptive, ratios
from pixelnet_edu.experiments.cost.costs import paper_cost
from pixelnet_edu.experiments.cost.curves import growth
from pixelnet_edu.experiments.cost.memory import how_measured
from pixelnet_edu.experiments.cost.plans import FULL, QUICK, Plan
from pixelnet_edu.experiments.cost.report import machine
from pixelnet_edu.tasks import TASKS
from pixelnet_edu.training.config import has_fast_bf16
from pixelnet_edu.training.runs import provenance

RECORD_BYTES = 1 << 18  # more than a record ever has


def run_bench(
    keep: Callable[[dict], None], quick: bool = False, camvid: Path | None = None, root: Path | None = None
) -> dict:
    """Measure speed and memory on this machine: half an hour to two hours on two cores, by the processor.

    Parameters
    ----------
    keep : callable
        Called with the record so far after each measurement, so that a run that is cut short is not lost.
    quick : bool
        Whether to use small sizes that take seconds; their numbers mean nothing.
    camvid : path, optional
        A run folder of segmentation on CamVid, whose network predicts adaptively too.
    root : path, optional
        Folder of CamVid; by default the one that the run was trained on.

    Returns
    -------
    dict
        ``rows`` of ratios with their goals, ``curves`` of growth, ``costs`` by arithmetic, the ``machine``, the
        ``versions``, the ``date`` and the ``seconds`` that it took.

    Raises
    ------
    ValueError, FileNotFoundError
        If the run or the photographs are missing, or are of another task or data set.
    ChildProcessError
        If the system ended a measuring process.
    """
    plan, start = QUICK if quick else FULL, time.perf_counter()
    photographs = adaptive.camvid_run(camvid, root) if camvid else None
    about = {"quick": quick, "machine": machine(), "fast_bf16": has_fast_bf16(), "memory": how_measured()}
    record = about | provenance() | {"seconds": 0.0, "rows": [], "curves": [], "costs": paper_costs()}
    parts = [("rows", name, part) for name, part in _parts(plan, photographs).items()]
    for curve in plan.curves:
        parts.append(("curves", f"{curve.operation} by {curve.axis}", partial(growth, curve, plan.curve_seconds)))
    with tqdm(parts, desc="bench", dynamic_ncols=True) as bar:
        for kind, name, measure in bar:
            bar.set_postfix_str(name)
            found = measure()
            record[kind] += found if kind == "rows" else [found]
            record["seconds"] = time.perf_counter() - start
            keep(record)
    return record


def _parts(plan: Plan, photographs: adaptive.CamVidRun | None) -> dict[str, Callable[[], list[dict]]]:
    """Name the groups of ratios; that of a network of timm is among them where timm is installed."""
    parts = {measure.__name__.replace("_", " "): partial(measure, plan) for measure in ratios.MEASURES}
    parts |= {"photographs": partial(ratios.photographs, plan)} if find_spec("timm") else {}
    parts |= {f"adaptive {task}": partial(adaptive.rooms, task, plan) for task in TASKS}
    parts |= {f"rich {task}": partial(adaptive.rich_rooms, task, plan) for task in ("segmentation", "normals")}
    if photographs:
        for name, measure in (("adaptive camvid", adaptive.camvid), ("rich camvid", adaptive.rich_camvid)):
            parts[name] = partial(measure, photographs, plan)
    return parts


def paper_costs() -> dict:
    """Count the paper's step, 5 images x 2,000 points, and the step on all pixels of one image.

    Examples
    --------
    >>> paper_costs()["4 %"]["head_macs_per_point"]
    39669760
    """
    return {name: paper_cost(*of) for name, of in (("4 %", (5, 2000)), ("all", (1, 224 * 224)))}


def check_writable(path: Path) -> None:
    """Raise ValueError or OSError unless a record can be written there, before minutes are spent on it."""
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ValueError(f"out: found {path}, expected the name of a file in a folder that exists")
    try:
        with tempfile.TemporaryFile(dir=path.absolute().parent) as trial:
            trial.write(bytes(RECORD_BYTES))
            trial.flush()
    except OSError as error:
        raise OSError(f"out: {path} cannot be written ({error.strerror}); make room, or change --out") from error
