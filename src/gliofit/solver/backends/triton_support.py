"""Which back end a setting means, without importing Triton where there is no device."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import Literal

from gliofit.core.errors import InputError


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


def choose_backend(name: str) -> Literal["numba", "torch", "triton"]:
    """Return the back end of a setting: ``auto`` is ``triton`` where there is a CUDA device, else ``numba``.

    InputError if the name is unknown, or if ``triton`` cannot run.
    """
    if name == "auto":
        return "numba" if triton_problem() else "triton"
    if name == "triton" and (problem := triton_problem()):
        raise InputError("back end triton", problem, "use --backend numba or auto")
    if name not in ("numba", "torch", "triton"):
        raise InputError(f"back end {name}", "is not known", "use auto, numba, torch or triton")
    return name  # type: ignore[return-value]
