"""Pointwise MLP with GELU, computed in pieces on the CPU.

The hidden layer of a full-resolution volume takes tens of megabytes, whose transfer takes a CPU longer than computing
them. Pieces stay in the cache, and the backward pass recomputes them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

#: Voxels of a piece per thread.
_PIECE = 4096


def _plain(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return F.linear(F.gelu(F.linear(x, w1, b1)), w2, b2)


class _Pieces(torch.autograd.Function):
    """The MLP on voxels (n, width), piece by piece."""

    @staticmethod
    def forward(x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
        piece = _PIECE * torch.get_num_threads()
        return torch.cat([_plain(part, w1, b1, w2, b2) for part in torch.split(x, piece)])

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        inputs = ctx.saved_tensors
        if torch.is_grad_enabled():  # Second derivatives require differentiable operations.
            needed = [i for i, flag in enumerate(ctx.needs_input_grad) if flag]
            out = torch.autograd.grad(_plain(*inputs), [inputs[i] for i in needed], gradient, create_graph=True)
            gradients = dict(zip(needed, out, strict=True))
            return tuple(gradients.get(i) for i in range(len(inputs)))
        x, w1, b1, w2, b2 = inputs
        to_x = torch.empty_like(x)
        sums = [torch.zeros_like(parameter) for parameter in (w1, b1, w2, b2)]
        of_parameters = any(ctx.needs_input_grad[1:])
        piece = _PIECE * torch.get_num_threads()
        for part, outer, out in zip(*(torch.split(values, piece) for values in (x, gradient, to_x)), strict=True):
            hidden = F.linear(part, w1, b1)
            inner = torch.ops.aten.gelu_backward(outer @ w2, hidden)
            torch.mm(inner, w1, out=out)
            if of_parameters:
                sums[0].addmm_(inner.t(), part)
                sums[1] += inner.sum(dim=0)
                sums[2].addmm_(outer.t(), F.gelu(hidden))
                sums[3] += outer.sum(dim=0)
        return (to_x, *sums)

    @staticmethod
    def jvp(ctx: Any, *tangents: Tensor | None) -> Tensor:
        inputs = ctx.saved_tensors
        dx, dw1, db1, dw2, db2 = (
            torch.zeros_like(value) if tangent is None else tangent
            for value, tangent in zip(inputs, tangents, strict=True)
        )
        x, w1, b1, w2, _ = inputs
        hidden = F.linear(x, w1, b1)
        change = torch.ops.aten.gelu_backward(F.linear(dx, w1) + F.linear(x, dw1, db1), hidden)
        return F.linear(change, w2) + F.linear(F.gelu(hidden), dw2, db2)


def pointwise_mlp(x: Tensor, expand: nn.Linear, project: nn.Linear) -> Tensor:
    """Apply two linear layers with GELU between them to the last axis of (..., width)."""
    parameters = (expand.weight, expand.bias, project.weight, project.bias)
    voxels = x.numel() // x.shape[-1]
    in_pieces = x.device.type == "cpu" and x.dtype == expand.weight.dtype and voxels > _PIECE
    if not in_pieces or torch.is_autocast_enabled("cpu"):
        return _plain(x, *parameters)
    out: Tensor = _Pieces.apply(x.reshape(voxels, -1), *parameters)  # type: ignore[no-untyped-call]
    return out.reshape(x.shape)
