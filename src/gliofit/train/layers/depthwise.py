"""Depth-wise 3-D convolution with fast gradients on the CPU.

PyTorch's backward pass of a depth-wise 7^3 convolution is some 25 times slower on a CPU than its forward pass. The
gradient with respect to the input is a convolution with the mirrored kernel, for which the fast forward code serves.
The gradient with respect to the kernel is a set of dot products of two shifted volumes; with zero padding each shift
is one offset in the flattened volume, so that all of them are long, contiguous dot products.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv3d_weight

__all__ = ["DepthwiseConv3d"]


def _kernel_gradient(image: Tensor, gradient: Tensor, size: int) -> Tensor:
    """Gradient with respect to a depth-wise kernel of shape (channels, 1, size, size, size)."""
    from gliofit.train.layers.correlate_numba import LAGS, correlate

    batch, channels, *shape = image.shape
    pad = size // 2
    # One row length for both inner axes keeps the flattened offset of a shift (dz * row + dy) * row + dx.
    row = max(shape[1], shape[2]) + 2 * pad
    planes = shape[0] + 2 * pad
    # The furthest shift of the last plane reads this far beyond the volume (times the zeros of the gradient).
    beyond = (size - 1) * row + LAGS
    padded = image.new_zeros(batch, channels, planes * row * row + beyond)
    inner = padded[:, :, : planes * row * row].view(batch, channels, planes, row, row)
    inner[:, :, pad : pad + shape[0], pad : pad + shape[1], pad : pad + shape[2]] = image
    right = image.new_zeros(batch, channels, shape[0], row, row)
    right[:, :, :, : shape[1], : shape[2]] = gradient
    out = np.zeros((channels, size, size, LAGS), np.float32)
    arguments = (right.view(batch, channels, -1).numpy(), padded.numpy(), out)
    threads = min(torch.get_num_threads(), channels)
    if threads == 1:
        correlate(*arguments, 0, channels, row, size)
    else:
        # Every channel is summed by one thread in one order: the result does not depend on their number.
        edges = np.linspace(0, channels, threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            for job in [
                pool.submit(partial(correlate, *arguments), int(first), int(last), row, size)
                for first, last in pairwise(edges)
            ]:
                job.result()
    return torch.from_numpy(np.ascontiguousarray(out[..., :size]))[:, None]


@cache
def _has_numba() -> bool:
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def _mirrored(weight: Tensor) -> Tensor:
    return weight.flip(2, 3, 4).contiguous(memory_format=torch.channels_last_3d)


class _Depthwise(torch.autograd.Function):
    """Depth-wise convolution, zero-padded to the same size, on the CPU in float32."""

    @staticmethod
    def forward(image: Tensor, weight: Tensor) -> Tensor:
        return F.conv3d(image, weight, padding=weight.shape[-1] // 2, groups=weight.shape[0])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        image, weight = ctx.saved_tensors
        to_image = to_weight = None
        if ctx.needs_input_grad[0]:
            to_image = _Depthwise.apply(gradient, _mirrored(weight))
        if ctx.needs_input_grad[1]:
            # Second derivatives need differentiable operations; without numba it is slow, but as exact.
            if torch.is_grad_enabled() or not _has_numba():
                to_weight = conv3d_weight(
                    image, weight.shape, gradient, padding=weight.shape[-1] // 2, groups=weight.shape[0]
                )
            else:
                to_weight = _kernel_gradient(image.detach(), gradient, weight.shape[-1])
        return to_image, to_weight

    @staticmethod
    def jvp(ctx: Any, image_tangent: Tensor | None, weight_tangent: Tensor | None) -> Tensor:
        image, weight = ctx.saved_tensors
        tangent = torch.zeros_like(image)
        if image_tangent is not None:
            tangent = tangent + _Depthwise.apply(image_tangent, weight)
        if weight_tangent is not None:
            tangent = tangent + _Depthwise.apply(image, weight_tangent)
        return tangent


class DepthwiseConv3d(nn.Conv3d):
    """One kernel per channel, zero-padded to the same size.

    Parameters
    ----------
    channels
        Channels of input and output.
    kernel_size
        3, 5 or 7.
    """

    def __init__(self, channels: int, kernel_size: int) -> None:
        if kernel_size not in (3, 5, 7):
            raise ValueError(f"a depth-wise kernel has 3, 5 or 7 voxels along an edge, not {kernel_size}")
        super().__init__(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (batch, channels, x, y, z)."""
        if input.device.type != "cpu" or not torch.is_grad_enabled() or self.weight.dtype != torch.float32:
            return super().forward(input)
        assert self.bias is not None
        with torch.autocast("cpu", enabled=False):
            return _Depthwise.apply(input.float(), self.weight) + self.bias[:, None, None, None]
