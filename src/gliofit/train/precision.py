"""Choice of the arithmetic of training."""

from __future__ import annotations

import time

import torch

# Size of the matrices, and smallest ratio of times at which bfloat16 is chosen.
_SIZE, _RATIO = 1024, 2.0


def choose_precision(device: torch.device) -> str:
    """Return the fastest floating type for training: a 16-bit type on CUDA, on the CPU the result of a measurement.

    Processors with matrix units for bfloat16 (AMX, or AVX-512 BF16) are several times faster with it; others convert
    to float32 and are slower.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    fast = device.type == "cpu" and _seconds(torch.float32) > _RATIO * _seconds(torch.bfloat16)
    return "bfloat16" if fast else "float32"


def _seconds(dtype: torch.dtype) -> float:
    """Measure the shortest time of a matrix product, after a first one that initialises libraries."""
    matrix = torch.ones(_SIZE, _SIZE, dtype=dtype)
    times = []
    for _ in range(4):
        start = time.perf_counter()
        matrix @ matrix
        times.append(time.perf_counter() - start)
    return min(times[1:])
