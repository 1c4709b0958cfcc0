"""Depth-wise 3-D convolution with fast gradients on the CPU.

PyTorch's backward pass of a depth-wise 7^3 convolution is about 25 times slower on a CPU than its forward pass. The
gradient by the input is a convolution with the mirrored kernel, which uses the fast forward pass. The gradient by the
kernel is a set of dot products of two shifted volumes; with zero padding each shift is one offset in the flattened
volume, so that these are long, contiguous dot products.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv3d_weight


def _kernel_gradient(image: Tensor, gradient: Tensor, size: int) -> Tensor:
    """Compute the gradient by a depth-wise kernel, shape (channels, 1, size, size, size)."""
    from gliofit.train.layers.correlate_numba import LAGS, correlate

    batch, channels, *shape = image.shape
    pad = size // 2
    # With one row length for both inner axes the offset of a shift is (dz * row + dy) * row + dx.
    row = max(shape[1], shape[2]) + 2 * pad
    planes = shape[0] + 2 * pad
    # The largest shift of the last plane reads this far beyond the volume, multiplied by zeros of the gradient.
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
        # One thread sums each channel, so that the result does not depend on the number of threads.
        edges = np.linspace(0, channels, threads + 1).astype(int)
        with ThreadPoolExecutor(threads) as pool:
            for job in [
                pool.submit(partial(correlate, *arguments), int(first), int(last), row, size)
                for first, last in pairwise(edges)
            ]:
                job.result()
    return torch.from_numpy(np.ascontiguousarray(out[..., :size]))[:, None]


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
            mirrored = weight.flip(2, 3, 4).contiguous(memory_format=torch.channels_last_3d)
            to_image = _convolve(gradient, mirrored)
        if ctx.needs_input_grad[1]:
            # Second derivatives require differentiable operations.
            if torch.is_grad_enabled():
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
            tangent = tangent + _convolve(image_tangent, weight)
        if weight_tangent is not None:
            tangent = tangent + _convolve(image, weight_tangent)
        return tangent


def _convolve(image: Tensor, weight: Tensor) -> Tensor:
    convolved: Tensor = _Depthwise.apply(image, weight)  # type: ignore[no-untyped-call]
    return convolved


class DepthwiseConv3d(nn.Conv3d):
    """Depth-wise convolution, zero-padded to the same size, with kernels of 3, 5 or 7 voxels."""

    def __init__(self, channels: int, kernel_size: int) -> None:
        if kernel_size not in (3, 5, 7):
            raise ValueError(f"kernel_size: is {kernel_size}; must be 3, 5 or 7")
        super().__init__(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (batch, channels, x, y, z)."""
        if input.device.type != "cpu" or not torch.is_grad_enabled() or self.weight.dtype != torch.float32:
            return super().forward(input)
        assert self.bias is not None
        with torch.autocast("cpu", enabled=False):
            return _convolve(input.float(), self.weight) + self.bias[:, None, None, None]
