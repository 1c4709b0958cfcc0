"""Threads of numba kernels."""

from __future__ import annotations

from contextlib import AbstractContextManager

from gliofit.core.threads import kernel_threads

# A pass over fewer voxels takes less than about a millisecond, so that synchronising threads would dominate.
_LEAST_VOXELS = 500_000


def threads_for(voxels: int) -> AbstractContextManager[None]:
    """Use one thread for few voxels and numba's current number of threads for many."""
    import numba

    return kernel_threads(1 if voxels < _LEAST_VOXELS else numba.get_num_threads())


def kernels_are_thread_safe() -> bool:
    """Return whether several threads may call kernels; numba's ``workqueue`` threading layer would crash."""
    from numba.np.ufunc.parallel import threading_layer

    try:
        return threading_layer() in ("omp", "tbb")  # type: ignore[no-untyped-call]
    except ValueError:  # Raised before the first kernel has run.
        return False
