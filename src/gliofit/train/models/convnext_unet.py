"""ConvNeXt U-Net: the paper's surrogate. Tissue goes through a U-Net, theta is added at its neck."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame
from gliofit.train.layers.coefficients import Coefficients
from gliofit.train.layers.convnext import ConvNeXtBlock, ConvNeXtEncoder, UpSampling

__all__ = ["Network", "Settings"]


class Settings(BaseSettings):
    """Settings of the ConvNeXt U-Net; the defaults suit a CPU, the paper's widths are 32, 64, 128, 256, 512."""

    widths: tuple[int, ...] = Field(
        (16, 32, 64, 128),
        min_length=2,
        description="Channels per resolution, the full one first; every further one halves the resolution.",
    )
    blocks: int = Field(1, ge=1, description="ConvNeXt blocks per resolution, on the way down and on the way up.")
    kernel_size: Literal[3, 5, 7] = Field(7, description="Edge of the depth-wise kernels, in voxels.")
    expansion: int = Field(4, ge=1, description="Width of a block's MLP relative to its channels.")
    layer_scale: float = Field(1e-6, gt=0, description="Initial gain on the residual branch of each block.")
    full_resolution_skip: bool = Field(
        False, description="Also use the features of the full resolution on the way up, which the paper leaves out."
    )


class Network(AbstractSurrogateNetwork):
    """Encoder and neck see the tissue only; one linear map of theta is added to the neck's features."""

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        channels, size = frame.channels, frame.size
        widths, skip = settings.widths, settings.full_resolution_skip
        depth = len(widths) - 1
        if size % 2**depth:
            raise ValueError(f"{len(widths)} widths need a cube size that {2**depth} divides, not {size}")
        block = (settings.kernel_size, settings.expansion, settings.layer_scale)

        def stage(width: int) -> nn.Sequential:
            return nn.Sequential(*(ConvNeXtBlock(width, *block) for _ in range(settings.blocks)))

        self.encoder = ConvNeXtEncoder(channels, widths, settings.blocks, *block)
        self.coefficients = Coefficients(frame.parameters, widths[-1], size // 2**depth)
        # On the way up: the neck has nothing to merge, the full resolution only if its skip is used.
        merged = [*range(depth - 1, 0, -1), *([0] if skip else [])]
        self.neck = stage(widths[-1])
        self.ups = nn.ModuleList(UpSampling(widths[level + 1], widths[level]) for level in range(depth - 1, -1, -1))
        self.merges = nn.ModuleList(nn.Conv3d(2 * widths[level], widths[level], 1) for level in merged)
        self.stages = nn.ModuleList(stage(widths[level]) for level in merged)
        self.head = nn.Conv3d(widths[0], 1, 3, padding=1)
        with torch.no_grad():
            self.head.bias.sub_(2.0)  # type: ignore[union-attr]  # most of the cube is free of tumour

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Features at every resolution; those of the full resolution are dropped where they are not used."""
        features = self.encoder(tissue)
        return features if self.settings.full_resolution_skip else features[1:]

    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Logits of shape (batch, size, size, size)."""
        *skips, neck = features
        x = self.neck(neck + self.coefficients(theta))
        for index, up in enumerate(self.ups):
            x = up(x)
            if index < len(self.merges):
                skip = skips[-1 - index].expand(x.shape[0], -1, -1, -1, -1)
                x = self.stages[index](self.merges[index](torch.cat([x, skip], dim=1)))
        return self.head(x)[:, 0]
