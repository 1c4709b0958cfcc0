"""ConvNeXt encoder that reads theta from concentration and tissue: the paper's direct inverse model."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import AbstractInverseNetwork, Frame
from gliofit.train.layers.convnext import ConvNeXtEncoder
from gliofit.train.layers.patches import gather

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
    patch: int = Field(
        1,
        ge=1,
        le=4,
        description="Voxels along each axis that are joined into the channels of one at the start: 2 makes a step on a "
        "CPU cost about an eighth. The paper has 1.",
    )


class Network(AbstractInverseNetwork):
    """The surrogate's encoder and neck, the mean over the neck's voxels, and one linear layer."""

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        channels, size = frame.channels, frame.size
        least = settings.patch * 2 ** (len(settings.widths) - 1)
        if size % least:
            raise ValueError(f"{len(settings.widths)} widths need a cube size that {least} divides, not {size}")
        block = (settings.kernel_size, settings.expansion, settings.layer_scale)
        # The concentration comes before the tissue.
        inputs = (1 + channels) * settings.patch**3
        self.encoder = ConvNeXtEncoder(inputs, settings.widths, settings.blocks, *block)
        self.readout = nn.Linear(settings.widths[-1], frame.parameters)

    def forward(self, images: Tensor) -> Tensor:
        """Theta of shape (batch, n)."""
        if self.settings.patch > 1:
            images = gather(images, self.settings.patch).contiguous(memory_format=torch.channels_last_3d)
        return self.readout(self.encoder(images)[-1].mean(dim=(2, 3, 4)))
