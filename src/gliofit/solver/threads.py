"""How many threads a numba kernel deserves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["kernels_bear_threads", "threads_for"]

# A pass over fewer voxels takes less than about a millisecond, and threads would wait for each other longer.
_WORTH_THREADS = 500_000


@contextmanager
def threads_for(voxels: int) -> Iterator[None]:
    """Use one thread on few voxels, all granted ones (``numba.set_num_threads``) on many."""
    import numba

    granted = numba.get_num_threads()
    if voxels < _WORTH_THREADS:
        numba.set_num_threads(1)
    try:
        yield
    finally:
        numba.set_num_threads(granted)


def kernels_bear_threads() -> bool:
    """Whether kernels may be called from several threads at a time: numba's own threading layer would crash."""
    import numba

    try:
        return numba.threading_layer() in ("omp", "tbb")
    except ValueError:  # No kernel has run: the back end is another one.
        return False
