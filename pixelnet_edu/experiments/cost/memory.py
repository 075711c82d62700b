"""Peak memory, and the time beside it, of one operation in a process of its own.

On a GPU it is the most that torch had allocated; else the largest resident size of the process, Python and the
weights included, so subtract that of another operation. A process that lives on would remember earlier peaks.
"""

import multiprocessing
import os
import signal
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import torch

from pixelnet_edu.experiments.cost.timing import seconds_of
from pixelnet_edu.experiments.cost.workloads import PREDICTING, Setup, Workload, build
from pixelnet_edu.stopping import unheard

MOST_RUNS = 5


def measure(operation: Callable[[Setup], None], workload: Workload, seconds: float = 0) -> dict:
    """Run an operation in a fresh process: once, or with ``seconds`` at least twice and up to 6 times within them.

    Returns
    -------
    dict
        ``before_bytes`` and ``peak_bytes``, the peak before and after; ``seconds``, the median of a run without the
        first where there are several; ``runs``, how many that is.

    Raises
    ------
    ChildProcessError
        If the process was ended from outside, as systems do when memory is short.
    """
    return in_fresh_process(partial(_measure, operation, workload, seconds))


def in_fresh_process(function: Callable[[], object]) -> object:
    """Call a function that can be pickled in a process that has done nothing else, with as many threads as here."""
    fork = sys.platform == "linux" and not torch.cuda.is_available()  # a process that was forked can't use a GPU
    context = multiprocessing.get_context("forkserver" if fork else "spawn")
    context.set_forkserver_preload(["pixelnet_edu.experiments.cost.run"])  # imported once, not in every process
    threads = torch.get_num_threads()
    with ProcessPoolExecutor(1, mp_context=context, initializer=_join, initargs=(threads,)) as pool:
        try:
            with unheard():
                measured = pool.submit(function)
            return measured.result()
        except BrokenProcessPool as error:
            raise ChildProcessError("bench: the system ended a measuring process, likely short of memory") from error


def _join(threads: int) -> None:
    """Compute with so many threads, and leave Ctrl-C to the process that waits."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)


def _measure(operation: Callable[[Setup], None], workload: Workload, seconds: float) -> dict:
    """Build, run and look at the peak, in the process that is measured."""
    setup = build(workload, training=operation not in PREDICTING)
    before, times = peak_bytes(), []
    least = 2 if seconds else 1
    while len(times) < least or (len(times) <= MOST_RUNS and sum(times) + times[-1] < seconds):
        times.append(seconds_of(partial(operation, setup), 1))
    counted = times[1:] or times
    took = {"seconds": statistics.median(counted), "runs": len(counted)}
    return {"before_bytes": before, "peak_bytes": peak_bytes()} | took


def peak_bytes() -> int:
    """Return this process's peak memory so far.

    Examples
    --------
    >>> peak_bytes() > 1e6
    True
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    if peak := _told_bytes("/proc/self/status", "VmHWM:"):  # getrusage's is of the process that started this one, too
        return peak
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, the others kilobytes


def how_measured() -> str:
    """Say what a peak is on this machine, for the record."""
    if torch.cuda.is_available():
        return "torch.cuda.max_memory_allocated in a fresh process"
    return "largest resident size of a fresh process"


def total_bytes() -> int:
    """Return the memory of the machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def available_bytes() -> int:
    """Return the memory that is free for a measurement: of the GPU, or of the machine as far as it tells."""
    if torch.cuda.is_available():
        return torch.cuda.mem_get_info()[0]
    return _told_bytes("/proc/meminfo", "MemAvailable:") or total_bytes()


def _told_bytes(path: str, name: str) -> int | None:
    """Return what a line of a file of Linux tells in kilobytes, where there is such a line."""
    lines = Path(path).read_text().splitlines() if Path(path).exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), None)
