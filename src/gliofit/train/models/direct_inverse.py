"""ConvNeXt encoder that reads theta from concentration and tissue: the paper's direct inverse model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from gliofit.settings import Settings as BaseSettings
from gliofit.train.architecture import AbstractInverseNetwork
from gliofit.train.layers.convnext import ConvNeXtEncoder

__all__ = ["Network", "Settings"]


class Settings(BaseSettings):
    """Settings of the direct inverse network; the defaults suit a CPU, the paper's widths are 32, 64, 128, 256, 512."""

    widths: tuple[int, ...] = Field(
        (16, 32, 64, 128),
        min_length=2,
        description="Channels per resolution, the full one first; every further one halves the resolution.",
    )
    blocks: int = Field(1, ge=1, description="ConvNeXt blocks per resolution.")
    kernel_size: Literal[3, 5, 7] = Field(7, description="Edge of the depth-wise kernels, in voxels.")
    expansion: int = Field(4, ge=1, description="Width of a block's MLP relative to its channels.")
    layer_scale: float = Field(1e-6, gt=0, description="Initial gain on the residual branch of each block.")


class Network(AbstractInverseNetwork):
    """The surrogate's encoder and neck, the mean over the neck's voxels, and one linear layer."""

    settings: Settings

    def __init__(self, settings: Settings, channels: int, size: int) -> None:
        super().__init__(settings, channels, size)
        depth = len(settings.widths) - 1
        if size % 2**depth:
            raise ValueError(f"{depth + 1} widths need a cube size that {2**depth} divides, not {size}")
        self.encoder = ConvNeXtEncoder(
            channels, settings.widths, settings.blocks, settings.kernel_size, settings.expansion, settings.layer_scale
        )
        self.readout = nn.Linear(settings.widths[-1], 5)

    def forward(self, images: Tensor) -> Tensor:
        """Theta of shape (batch, 5)."""
        return self.readout(self.encoder(images)[-1].mean(dim=(2, 3, 4)))
