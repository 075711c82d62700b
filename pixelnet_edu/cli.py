"""What `pixelnet` starts: it runs a command of `commands`, and turns whatever goes wrong into one line.

It imports torch only once Ctrl-C is listened to.
"""

import os
import sys
import warnings

from pixelnet_edu.stopping import STOPPED, listen

CONTINUE = "`train` continues with --resume, `reproduce` when it is started again"
FAULT = "pixelnet: a fault of this program"


def main() -> None:
    """Run the command; a user's error is one line and exit status 2, Ctrl-C one line and 130, our own fault 1."""
    listen()
    try:
        sys.exit(_run([argument for argument in sys.argv[1:] if argument != "--debug"]))
    except KeyboardInterrupt:
        print(f"pixelnet: stopped; {CONTINUE}", file=sys.stderr)
        sys.exit(STOPPED)


def _run(arguments: list[str]) -> int | None:
    """Run a command and return its exit status."""
    from pixelnet_edu import commands
    from pixelnet_edu.training.config import processes

    warnings.showwarning = _warn
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal without the sign for a degree shows a question mark
    if not processes().is_main_process:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    try:
        status = commands.app(arguments, standalone_mode=False)  # it returns the status of an exit, also of Ctrl-C
        processes().destroy_process_group()
    except commands.UsageError as error:
        return _fail(error.format_message(), error)
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _fail(str(error), error)
    except commands.Abort:
        status = STOPPED
    except Exception as error:
        return _fail(f"{type(error).__name__}: {error}; --debug shows where, please report it", error, FAULT, 1)
    if status == STOPPED:
        raise KeyboardInterrupt
    return status


def _warn(message: Warning | str, *_: object) -> None:
    """Print a warning as one line."""
    print(f"pixelnet: {' '.join(str(message).split())}", file=sys.stderr)


def _fail(message: str, error: Exception, start: str = "pixelnet", status: int = 2) -> int:
    """Print one line and return the exit status; with --debug, show the traceback."""
    if "--debug" in sys.argv:
        raise error
    if message:  # `pixelnet` alone has printed its help and has nothing to add
        print(f"{start}: {' '.join(message.split())}", file=sys.stderr)
    return status


if __name__ == "__main__":  # how `torchrun -m` starts it
    main()
