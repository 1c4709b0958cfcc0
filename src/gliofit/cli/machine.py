"""Cores and threads that a command may use."""

from __future__ import annotations

import os

__all__ = ["all_cores", "set_threads"]


def all_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def set_threads(threads: int | None) -> int:
    """Tell every numerical library how many threads it may use; must run before they are imported."""
    granted = threads or all_cores()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ[name] = str(granted)
    # Threads that spin while they wait slow everybody down on a machine that is not all ours.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return granted
