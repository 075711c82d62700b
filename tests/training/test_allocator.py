"""A process keeps the memory that it frees."""

import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from pathlib import Path
from pixelnet_edu.training.allocator import keep_freed_memory

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

{call}
before = resident()
block = np.ones(64 << 20, dtype=np.uint8)
del block
print((resident() - before) >> 20)
"""


def left_after_freeing(call):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(call=call)], capture_output=True, text=True, check=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory a process has")
def test_freed_memory_stays_with_the_process():
    assert left_after_freeing("keep_freed_memory()") >= 60
    assert left_after_freeing("") <= 8
