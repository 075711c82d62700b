"""Ctrl-C: a training ends after the step that it is at, whose checkpoint it writes; everything else ends at once."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOPPED = 130  # exit status after Ctrl-C: 128 and the number of its signal
_state = {"asked": False, "trainings": 0}


def listen() -> None:
    """Let Ctrl-C do that in this process; a command calls it, and each process that it starts."""
    signal.signal(signal.SIGINT, _interrupt)


@contextmanager
def unheard() -> Iterator[None]:
    """Start processes meanwhile that Ctrl-C does not reach, also while they import: this one ends them."""
    if threading.current_thread() is not threading.main_thread():  # the only one that may say so
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def asked() -> bool:
    """Tell whether Ctrl-C was pressed."""
    return _state["asked"]


@contextmanager
def between_steps() -> Iterator[None]:
    """Train meanwhile: the first Ctrl-C only asks; the second one ends the training at once."""
    _state["trainings"] += 1
    try:
        yield
    finally:
        _state["trainings"] -= 1


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Note that Ctrl-C was pressed, and raise KeyboardInterrupt unless a training will look."""
    first, _state["asked"] = not asked(), True
    if not (first and _state["trainings"]):
        raise KeyboardInterrupt
