"""Many runs one after the other or side by side, for as long as there is time; and how long they will take.

A run counts with the multiply-adds of the steps that it has left, so the time left is that of all runs together.
"""

import multiprocessing
import os
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from itertools import pairwise
from multiprocessing.sharedctypes import Synchronized

import torch
from tqdm.auto import tqdm

from pixelnet_edu.experiments.design import vary
from pixelnet_edu.experiments.plan import Run, is_finished, unfinished
from pixelnet_edu.experiments.runner import fit_recipe, on_threads, perform, step_macs
from pixelnet_edu.stopping import listen, unheard
from pixelnet_edu.training.evaluation import evaluate
from pixelnet_edu.training.recipes import build_data, build_model, build_task
from pixelnet_edu.training.runs import keep_freed_memory

_WARM_UP, _MEASURED, _SCORED = 3, 6, 3  # steps, steps, test images
_BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


def execute(runs: Sequence[Run], jobs: int = 1, minutes: float | None = None, progress: bool = True) -> list[Run]:
    """Perform the runs that have no record yet.

    Parameters
    ----------
    runs : sequence of Run
    jobs : int
        Processes; each has its share of the threads.
    minutes : float, optional
        After this time no run is begun.
    progress : bool
        Whether to draw a progress bar with the time left.

    Returns
    -------
    list of Run
        Those that were not begun.

    Raises
    ------
    ValueError, OSError
        What a run raises; the others are left as they are, to be continued.
    """
    left = unfinished(runs)
    check_networks(left)
    deadline = time.monotonic() + (float("inf") if minutes is None else 60 * minutes)
    threads = _share(jobs)
    prices = {run.arm: step_macs(run.recipe) for run in left}
    total = sum(run.steps_left * prices[run.arm] for run in left)
    with tqdm(total=total, disable=not progress, bar_format=_BAR, dynamic_ncols=True) as bar:
        if jobs > 1:
            return _side_by_side(left, prices, jobs, threads, deadline, bar)
        while left and time.monotonic() < deadline:
            bar.set_description(left[0].name)
            perform(left[0], threads, partial(bar.update, prices[left.pop(0).arm]))
    return left


def check_networks(runs: Sequence[Run]) -> None:
    """Build the network of each arm once, without memory: missing weights show before hours of other arms.

    Raises
    ------
    FileNotFoundError, OSError
        If weights are missing, or cannot be downloaded.
    """
    with torch.device("meta"):
        for recipe in {run.arm: run.recipe for run in runs}.values():
            build_model(recipe)


def _side_by_side(
    left: list[Run], prices: dict[str, int], jobs: int, threads: int, deadline: float, bar: tqdm
) -> list[Run]:
    """Keep ``jobs`` processes busy; return the runs that were not begun."""
    context = multiprocessing.get_context("spawn")  # a forked process would inherit locks that torch's threads hold
    spent, busy = context.Value("d", 0), set()
    try:
        with ProcessPoolExecutor(jobs, context, _join, (spent,)) as pool:
            while busy or (left and time.monotonic() < deadline):
                while left and len(busy) < jobs and time.monotonic() < deadline:
                    with unheard():  # they listen themselves, once they can
                        busy.add(pool.submit(_perform_counted, left[0], threads, prices[left.pop(0).arm]))
                done, busy = wait(busy, timeout=1, return_when=FIRST_COMPLETED)
                bar.update(spent.value - bar.n)
                for future in done:
                    future.result()  # raises what its run raised
    except BrokenProcessPool as error:
        raise OSError(
            "jobs: a process was killed, perhaps for memory; run the same command again, with fewer"
        ) from error
    return left


def _join(spent: Synchronized) -> None:
    """Take over, in a new process, the counter of work that all share; and end when the command is killed."""
    global _spent
    listen()
    keep_freed_memory()
    _spent = spent
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent has ended: nobody waits for its run, whose lock it would go on to hold."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _perform_counted(run: Run, threads: int, price: int) -> None:
    """Perform one run in a process of its own."""
    perform(run, threads, partial(_count, price))


def _count(price: int) -> None:
    """Count a step of this price."""
    with _spent.get_lock():
        _spent.value += price


def measure(run: Run) -> tuple[float, float]:
    """Measure a few steps and a few test images of a run, without writing anything but the data set's cache.

    Returns
    -------
    (float, float)
        Seconds of a step, and of the whole run.
    """
    clock = []
    short = vary(run.recipe, steps=_WARM_UP + _MEASURED)
    model, _ = fit_recipe(short, run.root, on_step=lambda step, seconds, model: clock.append(seconds))
    step = statistics.median(after - before for before, after in pairwise(clock[_WARM_UP - 1 :]))
    test = build_data(run.recipe, run.root, "test")
    few = [test[index] for index in range(min(_SCORED, len(test)))]
    began = time.perf_counter()
    evaluate(model, build_task(run.recipe), few)
    image = (time.perf_counter() - began) / len(few)
    return step, run.recipe.training.steps * step + len(run.readings) * len(test) * image


def forecast(runs: Sequence[Run], jobs: int = 1) -> str:
    """Say how long the runs that are left will take on this machine, arm by arm and together.

    Raises
    ------
    ValueError
        If a record that is there cannot be read or is of another recipe.
    FileNotFoundError, OSError
        If weights are missing, or cannot be downloaded.
    """
    left = [run for run in runs if not is_finished(run)]
    check_networks(left)
    lines, minutes = [f"{'arm':<22} {'ms/step':>8} {'min/run':>8} {'runs left':>10}"], 0
    for arm, one in {run.arm: run for run in runs}.items():
        with on_threads(_share(jobs)):
            (step, whole), number = measure(one), sum(run.arm == arm for run in left)
        lines.append(f"{arm:<22} {1000 * step:>8.0f} {whole / 60:>8.1f} {number:>10}")
        minutes += number * whole / 60
    lines.append(f"{len(left)} runs left: about {minutes / jobs:.0f} minutes on {jobs} process{'es' * (jobs > 1)}")
    if jobs > 1:
        lines.append("measured one at a time; side by side they may take somewhat longer")
    return "\n".join(lines)


def _share(jobs: int) -> int:
    """Return the threads of one of several processes."""
    return max(1, torch.get_num_threads() // jobs)
