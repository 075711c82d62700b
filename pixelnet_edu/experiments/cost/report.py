"""A ratio as a row with its goal, the rows as a table, and which machine they were measured on."""

import os
import platform

import torch

from pixelnet_edu.experiments.cost.memory import total_bytes
from pixelnet_edu.training.runs import processor_name

RATIOS = {
    "times": lambda ours, peer: peer / ours,
    "share": lambda ours, peer: ours / peer,
    "lost": lambda ours, peer: peer - ours,
    "added": lambda ours, peer: ours - peer,
}
COLUMNS = ("name", "ours", "peer", "ratio", "goal", "reached")
Side = dict | None  # its median, iqr and runs; None where it could not be measured


def once(value: float) -> dict:
    """Return a side of a ratio that was measured once, or counted."""
    return {"median": value, "iqr": None, "runs": 1}


def row(name: str, kind: str, unit: str, ours: Side, peer: Side, goal: float | None = None, **notes) -> dict:
    """Compare two sides.

    Parameters
    ----------
    name : str
        What is compared.
    kind : str
        "times": how many times less ours is, peer / ours, and a goal is the least; "share": ours / peer; "lost":
        peer - ours; "added": ours - peer. For these three a goal is the most.
    unit : str
        "s", "bytes", or what the numbers are.
    ours, peer : dict
        ``median``, ``iqr`` and ``runs`` of each side; None where it could not be measured.
    goal : float, optional
        What the ratio should reach.
    **notes
        What else the record should say.

    Returns
    -------
    dict
        All of this with ``ratio`` and ``reached``; they are None where a side is missing or not above zero, as a
        difference of memory may be that is too small to see.

    Examples
    --------
    >>> row("sort", "times", "s", once(0.25), once(1.0), goal=5)["ratio"]
    4.0
    """
    ratio = None
    if ours and peer and (kind in ("lost", "added") or min(ours["median"], peer["median"]) > 0):
        ratio = RATIOS[kind](ours["median"], peer["median"])
    compared = {"ratio": ratio, "goal": goal, "reached": None}
    if ratio is not None and goal is not None:
        compared["reached"] = bool(ratio >= goal if kind == "times" else ratio <= goal)
    return {"name": name, "kind": kind, "unit": unit, "ours": ours, "peer": peer} | compared | notes


def table(rows: list[dict]) -> str:
    """Print rows as text, one line each.

    Examples
    --------
    >>> print(table([row("sort", "times", "s", once(0.25), once(1.0), goal=5)]))
    name    ours    peer   ratio    goal  reached
    sort  250 ms  1.00 s  4.00 x  >= 5 x       no
    """
    lines = [COLUMNS, *map(cells_of, rows)]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    line = "  ".join([f"{{:<{first}}}", *[f"{{:>{width}}}" for width in others]])
    return "\n".join(line.format(*cells) for cells in lines)


def cells_of(r: dict) -> tuple[str, ...]:
    """Return the texts of a row: name, ours, peer, ratio, goal, reached."""
    suffix = {"times": " x", "share": ""}.get(r["kind"], f" {r['unit']}")
    ratio = "-" if r["ratio"] is None else f"{r['ratio']:{',.0f' if r['ratio'] >= 1000 else '#.3g'}}{suffix}"
    goal = "-" if r["goal"] is None else f"{'>=' if r['kind'] == 'times' else '<='} {r['goal']:g}{suffix}"
    reached = {True: "yes", False: "no", None: "-"}[r["reached"]]
    return r["name"], _quantity(r["ours"], r["unit"]), _quantity(r["peer"], r["unit"]), ratio, goal, reached


def _quantity(side: Side, unit: str) -> str:
    """Print a number with a unit of a handy size."""
    if side is None:
        return "-"
    value = side["median"]
    if unit == "s":
        return f"{value:#.3g} s" if value >= 0.9995 else f"{1000 * value:.3g} ms"
    return f"{value / 1e6:.0f} MB" if unit == "bytes" else f"{value:.2f}"


def machine() -> dict:
    """Describe the machine, without its name.

    Examples
    --------
    >>> sorted(machine())
    ['cores', 'gpu', 'memory_bytes', 'processor', 'system', 'threads']
    """
    return {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": total_bytes(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "system": f"{platform.system()} {platform.machine()}",
    }
