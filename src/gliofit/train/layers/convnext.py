"""Layers of a 3-D ConvNeXt: block, down- and up-sampling, encoder."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gliofit.core.settings import Settings
from gliofit.train.layers.depthwise import DepthwiseConv3d
from gliofit.train.layers.mlp import pointwise_mlp


class ConvNeXtSettings(Settings):
    """Settings of a ConvNeXt encoder."""

    widths: tuple[int, ...] = Field(
        (16, 32, 64, 128),
        min_length=2,
        description="Channels per resolution, from fine to coarse; each is half as fine.",
    )
    blocks: int = Field(1, ge=1, description="ConvNeXt blocks per resolution, in the encoder and in a decoder.")
    kernel_size: Literal[3, 5, 7] = Field(7, description="Edge of the depth-wise kernels in voxels.")
    expansion: int = Field(4, ge=1, description="Width of a block's MLP relative to its channels.")
    layer_scale: float = Field(1e-6, gt=0, description="Initial gain of the residual branch of each block.")

    def check_size(self, size: int, patch: int = 1) -> None:
        """Raise ValueError if a cube cannot be halved for all widths."""
        step = patch * 2 ** (len(self.widths) - 1)
        if size % step:
            raise ValueError(f"crop.size: {size} is not a multiple of {step} for {len(self.widths)} widths")

    def stage(self, width: int) -> nn.Sequential:
        """Create the blocks of one resolution."""
        block = (self.kernel_size, self.expansion, self.layer_scale)
        return nn.Sequential(*(ConvNeXtBlock(width, *block) for _ in range(self.blocks)))


class ConvNeXtBlock(nn.Module):
    """Residual block: depth-wise convolution, layer norm, pointwise MLP with GELU; see ``ConvNeXtSettings``."""

    def __init__(self, width: int, kernel_size: int, expansion: int, layer_scale: float) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv3d(width, kernel_size)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.expand = nn.Linear(width, expansion * width)
        self.project = nn.Linear(expansion * width, width)
        self.gain = nn.Parameter(torch.full((width,), float(layer_scale)))

    def forward(self, x: Tensor) -> Tensor:
        """Transform (batch, width, x, y, z)."""
        branch = self.norm(self.depthwise(x).permute(0, 2, 3, 4, 1))
        branch = self.gain * pointwise_mlp(branch, self.expand, self.project)
        return x + branch.permute(0, 4, 1, 2, 3)


class DownSampling(nn.Module):
    """Normalisation of the channel vector with a gain, then a 2^3 convolution of stride 2."""

    def __init__(self, width: int, wider: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))
        self.convolution = nn.Conv3d(width, wider, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """Halve the resolution of (batch, width, x, y, z)."""
        # The backward pass of torch's normalize takes several more passes over the volume.
        scale = (x.square().sum(dim=1, keepdim=True) + 1e-12).rsqrt()
        coarse: Tensor = self.convolution(x * scale * self.gain[:, None, None, None])
        return coarse


class UpSampling(nn.ConvTranspose3d):
    """Transposed 2^3 convolution of stride 2, which doubles the resolution."""

    def __init__(self, width: int, narrower: int) -> None:
        super().__init__(width, narrower, 2, stride=2)


class ConvNeXtEncoder(nn.Module):
    """Input convolution, then blocks and down-sampling at each resolution; the last one is the neck."""

    def __init__(self, channels: int, settings: ConvNeXtSettings) -> None:
        super().__init__()
        widths = settings.widths
        self.stem = nn.Conv3d(channels, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(settings.stage(width) for width in widths)
        self.downs = nn.ModuleList(DownSampling(a, b) for a, b in pairwise(widths))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute features at every resolution, from fine to coarse."""
        features = []
        x = self.stem(x)
        for stage, down in zip(self.stages, [*self.downs, None], strict=True):
            x = stage(x)
            features.append(x)
            if down is not None:
                x = down(x)
        return tuple(features)
