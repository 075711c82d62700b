"""Peak memory, and the time beside it, of one operation in a process of its own.

On a GPU it is the most that torch had allocated; else the largest resident size of the process, Python and the
weights included, so subtract that of another operation. A process that lives on would remember earlier peaks.
"""

import multiprocessing
import os
import statistics
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import torch
from torch.utils.benchmark import timer

from pixelnet_edu.experiments.cost.workloads import PREDICTING, Setup, Workload, build

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
    with ProcessPoolExecutor(1, mp_context=context, initializer=torch.set_num_threads, initargs=(threads,)) as pool:
        try:
            return pool.submit(function).result()
        except BrokenProcessPool as error:
            raise ChildProcessError(
                "bench: a measuring process was ended by the system; most likely memory was short"
            ) from error


def _measure(operation: Callable[[Setup], None], workload: Workload, seconds: float) -> dict:
    """Build, run and look at the peak, in the process that is measured."""
    setup = build(workload, training=operation not in PREDICTING)
    before, times, start = peak_bytes(), [], timer()
    least = 2 if seconds else 1
    while len(times) < least or (len(times) <= MOST_RUNS and timer() - start + times[-1] < seconds):
        run_start = timer()
        operation(setup)
        times.append(timer() - run_start)
    counted = times[1:] or times
    return {
        "before_bytes": before,
        "peak_bytes": peak_bytes(),
        "seconds": statistics.median(counted),
        "runs": len(counted),
    }


def peak_bytes() -> int:
    """Return this process's peak memory so far.

    Examples
    --------
    >>> peak_bytes() > 1e6
    True
    """
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the peak of the process that started this one
        peak = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM:")), None)
        if peak:
            return 1024 * int(peak.split()[1])
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
    meminfo = Path("/proc/meminfo")
    lines = meminfo.read_text().splitlines() if meminfo.exists() else []
    found = [int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")]
    return 1024 * found[0] if found else total_bytes()
