"""Limits of the number of threads of numerical libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# A pass over fewer voxels takes less than about a millisecond, so that synchronising threads would dominate.
_LEAST_VOXELS = 500_000


@contextmanager
def kernel_threads(count: int) -> Iterator[None]:
    """Limit numba's kernels to ``count`` threads, or to the number that numba was started with if that is lower."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(count, numba.config.NUMBA_NUM_THREADS)))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(before)


def threads_for(voxels: int) -> AbstractContextManager[None]:
    """Use one thread in kernels for few voxels and numba's current number of threads for many."""
    import numba

    return kernel_threads(1 if voxels < _LEAST_VOXELS else numba.get_num_threads())


def kernels_are_thread_safe() -> bool:
    """Return whether several threads may call kernels; numba's ``workqueue`` threading layer would crash."""
    from numba.np.ufunc.parallel import threading_layer

    try:
        return threading_layer() in ("omp", "tbb")  # type: ignore[no-untyped-call]
    except ValueError:  # Raised before the first kernel has run.
        return False


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Limit torch on the CPU to ``count`` threads, if torch has been imported."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, count))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def blas_threads(count: int) -> Iterator[None]:
    """Limit the BLAS of numpy and scipy to ``count`` threads; the rounding of its sums depends on their number."""
    with _controller().limit(limits=max(1, count), user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    """Return the controller of this process's BLAS libraries; cached, because finding them takes milliseconds."""
    # numpy and scipy each have a BLAS library, which is only found once it is loaded.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
