"""Whether the Triton back end can run here, without importing Triton where there is no device."""

from __future__ import annotations

import importlib.util
import os
from functools import cache

__all__ = ["interpreted", "triton_problem"]


def interpreted() -> bool:
    """Whether Triton kernels are run by its interpreter on the CPU (``TRITON_INTERPRET=1``), for checks only."""
    return os.environ.get("TRITON_INTERPRET", "0") == "1"


@cache
def triton_problem() -> str | None:
    """Why the Triton back end cannot run, None if it can."""
    if importlib.util.find_spec("triton") is None:
        return "Triton is not installed"
    if interpreted():
        return None
    import torch

    return None if torch.cuda.is_available() else "there is no CUDA device"
