"""Number of threads for a numba kernel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gliofit.core.threads import kernel_threads

__all__ = ["kernels_bear_threads", "threads_for"]

# A pass over fewer voxels takes less than about a millisecond, and threads would wait for each other longer.
_WORTH_THREADS = 500_000


@contextmanager
def threads_for(voxels: int) -> Iterator[None]:
    """Use one thread on few voxels, all granted ones (``numba.set_num_threads``) on many."""
    import numba

    with kernel_threads(1 if voxels < _WORTH_THREADS else numba.get_num_threads()):
        yield


def kernels_bear_threads() -> bool:
    """Whether kernels may be called from several threads at a time: numba's own threading layer would crash."""
    import numba

    try:
        return numba.threading_layer() in ("omp", "tbb")
    except ValueError:  # No kernel has run: the back end is another one.
        return False
