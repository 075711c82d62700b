"""What a process does with the memory that it frees: keep it for the next step.

A training step frees and asks for the same large blocks again and again. glibc gives each back to the system, which
must then clear every page anew; where pages are dear, as on virtual machines, that costs as much as the arithmetic.
Source: mallopt(3) of the GNU C library.
"""

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # numbers of mallopt's parameters
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Make this process keep the memory that it frees; tell whether the system's library can do that.

    A command that trains or measures calls it once; importing the package never does.

    Examples
    --------
    >>> keep_freed_memory() in (True, False)
    True
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER))
