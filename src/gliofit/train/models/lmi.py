"""Network of Learn-Morph-Infer, from a segmentation in the atlas to theta (Ezhov et al., arXiv:2111.04090)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from gliofit.train.architecture import AbstractAtlasNetwork, AtlasNetworkSettings, Frame


class Settings(AtlasNetworkSettings):
    """Settings of the network of Learn-Morph-Infer; the defaults are as published."""

    channels: int = Field(64, ge=1, description="Channels of every convolution.")
    blocks: int = Field(4, ge=1, description="Number of blocks; each except the first halves the resolution.")
    convolutions: int = Field(4, ge=1, description="Convolutions per block.")
    first_kernel: Literal[3, 5, 7] = Field(7, description="Edge of the first kernel in voxels; its stride is 2.")


class _Block(nn.Module):
    """Residual block of convolutions with ReLU."""

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
        out: Tensor = pooled + self.layers(pooled)
        return out


class Network(AbstractAtlasNetwork):
    """Strided convolution, residual blocks, mean over voxels, and one linear layer, without normalisation."""

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        step = 2**settings.blocks
        if frame.size % step:
            raise ValueError(f"crop.size: {frame.size} is not a multiple of {step} for {settings.blocks} blocks")
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
        """Compute theta, shape (batch, n)."""
        theta: Tensor = self.readout(self.blocks(self.first(image)).mean(dim=(2, 3, 4)))
        return theta
