"""Convolutions that read theta from a segmentation in the atlas: Learn-Morph-Infer (Ezhov et al., arXiv:2111.04090)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from gliofit.train.architecture import AbstractAtlasNetwork, AtlasNetworkSettings, Frame

__all__ = ["Network", "Settings"]


class Settings(AtlasNetworkSettings):
    """Settings of the network of Learn-Morph-Infer; the defaults are as published."""

    channels: int = Field(64, ge=1, description="Channels of every convolution.")
    blocks: int = Field(4, ge=1, description="Blocks; each but the first halves the resolution before.")
    convolutions: int = Field(4, ge=1, description="Convolutions of a block.")
    first_kernel: Literal[3, 5, 7] = Field(
        7, description="Edge of the first kernel, in voxels; that convolution moves two voxels at a time."
    )


class _Block(nn.Module):
    """Convolutions, each before a ReLU, and their input added to what comes out."""

    def __init__(self, channels: int, convolutions: int, pool: bool) -> None:
        super().__init__()
        self.pool = nn.MaxPool3d(2) if pool else nn.Identity()
        self.layers = nn.Sequential(
            *(
                layer
                for _ in range(convolutions)
                for layer in (nn.Conv3d(channels, channels, 3, padding=1), nn.ReLU(inplace=True))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        pooled = self.pool(x)
        return pooled + self.layers(pooled)


class Network(AbstractAtlasNetwork):
    """A strided convolution, blocks of plain ones, the mean over voxels, and one linear layer; no normalisation."""

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        # The strided convolution halves as well as every block but the first.
        least = 2**settings.blocks
        if frame.size % least:
            raise ValueError(f"{settings.blocks} blocks need a cube size that {least} divides, not {frame.size}")
        channels, kernel = settings.channels, settings.first_kernel
        self.first = nn.Sequential(nn.Conv3d(1, channels, kernel, stride=2, padding=kernel // 2), nn.ReLU(inplace=True))
        self.blocks = nn.Sequential(
            *(_Block(channels, settings.convolutions, number > 0) for number in range(settings.blocks))
        )
        self.readout = nn.Linear(channels, frame.parameters)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, image: Tensor) -> Tensor:
        """Theta of shape (batch, n)."""
        return self.readout(self.blocks(self.first(image)).mean(dim=(2, 3, 4)))
