"""Availability of the Triton back end, without importing Triton."""

from __future__ import annotations

import importlib.util
import os
from functools import cache

__all__ = ["interpreted", "triton_problem"]


def interpreted() -> bool:
    """Return whether Triton's interpreter runs kernels on the CPU (``TRITON_INTERPRET=1``, for tests)."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


@cache
def triton_problem() -> str | None:
    """Return why the Triton back end cannot run, None if it can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if interpreted():
        return None
    import torch

    return None if torch.cuda.is_available() else "there is no CUDA device"
