"""Where a number comes from: versions, date, commit and processor, for every record and configuration."""

import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from pixelnet_edu import __version__


def provenance() -> dict:
    """Return the versions, the commit where git knows it, and the date."""
    return {"versions": versions(), "commit": commit(), "date": datetime.now(UTC).isoformat(timespec="seconds")}


def versions() -> dict:
    """Return the versions of the package, torch and Python."""
    return {"pixelnet_edu": __version__, "torch": torch.__version__, "python": platform.python_version()}


def commit() -> str | None:
    """Name the commit of the package's own repository, "-dirty" where its code was changed since; None without one."""
    package = Path(__file__).parents[1]
    if not (package.parent / ".git").exists():
        return None
    commands = (["rev-parse", "--short=12", "HEAD"], ["status", "--porcelain", "--", "*.py"])
    try:
        head, changes = (
            subprocess.run(["git", "-C", str(package), *c], capture_output=True, text=True, check=True).stdout.strip()
            for c in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{head}-dirty" if changes else head


def processor_name() -> str:
    """Return the processor's name as the system tells it, or the kind of machine."""
    if sys.platform == "darwin":
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
