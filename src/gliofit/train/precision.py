"""Choice of the arithmetic of training, and a convolution that is right in it."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

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


class _Convolution(nn.Conv3d):
    """Convolution in float32 where the image is smaller than the kernel.

    There, oneDNN's bfloat16 gradient by the kernel is arbitrary, or writes beyond its memory (PyTorch 2.13 on
    processors with AMX; kernels of 3 on 2 voxels, of 5 on 1 to 4).
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        small = any(edge < size for edge, size in zip(input.shape[2:], self.kernel_size, strict=True))
        kind = input.device.type
        with torch.autocast(kind, enabled=torch.is_autocast_enabled(kind) and not small):
            output: Tensor = super()._conv_forward(input.float() if small else input, weight, bias)
        return output


def protect_convolutions(network: nn.Module) -> None:
    """Compute the convolutions of a network in float32 where bfloat16 gives wrong gradients on a CPU."""
    for module in network.modules():
        if type(module) is nn.Conv3d:
            module.__class__ = _Convolution
