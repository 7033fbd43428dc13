"""The machine and the versions that a result belongs to."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from threadpoolctl import threadpool_info

_PACKAGES = ("torch", "scikit-learn", "scikit-learn-intelex", "scipy", "numpy")


def describe(threads: int) -> dict[str, str]:
    """Name, processor, cores and so on, each as a short text."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _processor(),
        "cores": f"{os.cpu_count()}; threads used: {threads}",
        "memory": _memory(),
        "system": platform.platform(),
        "load": _load(),
        "Python": platform.python_version(),
        "softplex": f"{_version('softplex')}{_commit()}",
        **{name: _version(name) for name in _PACKAGES},
        "BLAS": _blas(),
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return "unknown"
    return f"{size / 2**30:.0f} GiB"


def _load() -> str:
    """How busy the machine was: with others at work the seconds mean little."""
    if not hasattr(os, "getloadavg"):
        return "unknown"
    return f"{os.getloadavg()[0]:.2f} in the minute before"


def _commit() -> str:
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return ""
    return f" at {found.stdout.strip()}"


def _blas() -> str:
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    names = {f"{pool['internal_api']} {pool['version']} {pool['architecture']}" for pool in pools}
    return ", ".join(sorted(names)) or "unknown"
