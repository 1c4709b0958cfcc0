"""The number of threads that numerical libraries use."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

__all__ = ["blas_threads", "kernel_threads", "torch_threads"]


@contextmanager
def kernel_threads(count: int) -> Iterator[None]:
    """Limit numba's kernels to a number of threads; never more than numba was started with."""
    import numba

    before = numba.get_num_threads()
    numba.set_num_threads(max(1, min(count, numba.config.NUMBA_NUM_THREADS)))  # type: ignore[attr-defined]
    try:
        yield
    finally:
        numba.set_num_threads(before)


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Limit torch on the CPU to a number of threads; does nothing before torch is imported."""
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
    """Limit the BLAS of numpy and scipy to a number of threads: its sums are rounded differently by threads."""
    with _controller().limit(limits=max(1, count), user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    """The BLAS libraries of this process; looking for them takes milliseconds, so it is done once."""
    # numpy and scipy bring a library each, which must be loaded to be found.
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
