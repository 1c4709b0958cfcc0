"""Compilation by numba, with a cache on disk where there is a place for one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb

__all__ = ["cached_njit"]


def cached_njit(**options: Any) -> Any:
    """``numba.njit`` with ``cache=True``, or without a cache where numba cannot write one.

    It cannot where neither the package nor the home folder is writable, as in a read-only container; then kernels are
    compiled in every process.

    Parameters
    ----------
    options
        Options of ``numba.njit``.
    """

    def compile_function(function: Callable[..., Any]) -> Any:
        try:
            return nb.njit(cache=True, **options)(function)
        except RuntimeError:
            return nb.njit(**options)(function)

    return compile_function
