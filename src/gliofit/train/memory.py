"""Memory management of the C library during training."""

from __future__ import annotations

import ctypes

# Parameters of mallopt in glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> bool:
    """Keep freed memory in the process for the next training step; return whether the C library is glibc.

    By default glibc maps every large block again and returns it when freed, so that the kernel clears the pages of all
    activations in every step, which takes 16 to 30 % of the processor time of a step, and more on a busy machine
    (``benchmarks/training_step.py``). The setting lasts until the process ends.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # A threshold of -1 turns trimming off.
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, -1) and mallopt(_TOP_PAD, 2**28))
