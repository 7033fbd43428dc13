"""The peak of resident memory above what was there before."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class PeakMemory:
    """Measures from its making on: ``peak()`` is in bytes above the memory at that time.

    Linux can forget an earlier peak (proc(5), clear_refs, 5); elsewhere the earlier peak itself
    stands for the memory before, so that growth below it is not seen.
    """

    def __init__(self) -> None:
        self._exact = _forget_peak()
        self._before = _status("VmRSS") if self._exact else _highest()

    def peak(self) -> int:
        return max(0, (_status("VmHWM") if self._exact else _highest()) - self._before)


def _forget_peak() -> bool:
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _status(name: str) -> int:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"{_STATUS} has no {name}")


def _highest() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
