"""Compilation by numba, with a cache on disk where one can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb


def cached_njit(**options: Any) -> Any:
    """Decorate with ``numba.njit(cache=True, **options)``, or without a cache where numba cannot write one.

    Where neither the package nor the home folder is writable, as in a read-only container, every process compiles the
    kernels.
    """

    def compile_function(function: Callable[..., Any]) -> Any:
        try:
            return nb.njit(cache=True, **options)(function)
        except RuntimeError:
            return nb.njit(**options)(function)

    return compile_function
