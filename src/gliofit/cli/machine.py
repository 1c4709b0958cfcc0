"""Cores and threads of a command."""

from __future__ import annotations

import os


def all_cores() -> int:
    """Return the number of cores available to this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def set_threads(threads: int | None) -> int:
    """Set the number of threads of numerical libraries; call before they are imported."""
    granted = threads or all_cores()
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"):
        os.environ[name] = str(granted)
    # Spinning threads slow down other processes.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return granted
