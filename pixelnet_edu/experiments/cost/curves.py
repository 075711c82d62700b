"""How our side grows with points, with the size of images and with their number: seconds and peak memory."""

from pixelnet_edu.experiments.cost import workloads
from pixelnet_edu.experiments.cost.memory import available_bytes, measure
from pixelnet_edu.experiments.cost.plans import Curve
from pixelnet_edu.experiments.cost.workloads import NETWORKS, Workload

MOST_BYTES = 24 * 10**9
RUN_SECONDS = 2  # runs are repeated within this time, and once in any case
OPERATIONS = {"step": workloads.step, "predict": workloads.predict}


def growth(curve: Curve, seconds: float) -> dict:
    """Measure a curve value by value, each in a fresh process.

    It ends before a value that, growing as the work does, would go beyond 24 GB, nine tenths of the free memory, or
    ``seconds`` for the whole curve.

    Returns
    -------
    dict
        ``operation``, ``axis``, ``network``, the sizes that do not grow, the ``points`` of the curve, each with its
        ``value``, ``seconds``, ``runs``, ``before_bytes`` and ``peak_bytes``, and why it ``stopped``, if it did.
    """
    measured, stopped = [], None
    for value in curve.values:
        if stopped := measured and _reason(curve, measured, value, seconds):
            break
        try:
            found = measure(OPERATIONS[curve.operation], workload_at(curve, value), RUN_SECONDS)
        except ChildProcessError:
            stopped = f"{value}: the process was ended by the system"
            break
        measured.append({"value": value} | found)
    fixed = {"size": list(curve.start.size), "images": curve.start.images, "points_per_image": curve.start.points}
    del fixed[{"points": "points_per_image", "side": "size", "images": "images"}[curve.axis]]
    about = {"operation": curve.operation, "axis": curve.axis, "network": NETWORKS[curve.start.network]}
    return about | fixed | {"points": measured, "stopped": stopped or None}


def workload_at(curve: Curve, value: int) -> Workload:
    """Return the workload at one value of a curve.

    Examples
    --------
    >>> workload_at(Curve("step", "side", (32,), Workload("tiny", (8, 8), 1, 5)), 32)
    Workload(network='tiny', size=(32, 32), images=1, points=5)
    """
    return curve.start._replace(**({"size": (value, value)} if curve.axis == "side" else {curve.axis: value}))


def _reason(curve: Curve, measured: list[dict], value: int, seconds: float) -> str | None:
    """Say why the next value is left out, or None; work grows with the area of the images, else as the value does."""
    last = measured[-1]
    factor = (value / last["value"]) ** (2 if curve.axis == "side" else 1)
    room = min(MOST_BYTES, 0.9 * available_bytes())
    if factor * last["peak_bytes"] > room:
        return f"{value}: expected {factor * last['peak_bytes'] / 1e9:.0f} GB, room for {room / 1e9:.0f}"
    spent = sum(point["seconds"] * (point["runs"] + 1) for point in measured)
    expected = 2 * factor * last["seconds"]
    if spent + expected > seconds:
        return f"{value}: expected {expected:.0f} s, of {seconds:g} s for the curve {spent:.0f} were spent"
    return None
