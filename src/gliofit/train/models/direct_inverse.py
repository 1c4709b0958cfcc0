"""ConvNeXt encoder from concentration and tissue to theta: the paper's direct inverse network."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from gliofit.train.architecture import AbstractInverseNetwork, Frame
from gliofit.train.layers.convnext import ConvNeXtEncoder, ConvNeXtSettings
from gliofit.train.layers.patches import gather


class Settings(ConvNeXtSettings):
    """Settings of the direct inverse network; the defaults suit a CPU, the paper's widths are 32, 64, 128, 256, 512."""

    patch: int = Field(
        1,
        ge=1,
        le=4,
        description="Voxels along each axis that are combined as channels; 2 reduces the cost of a training step on a "
        "CPU to about an eighth. The paper uses 1.",
    )


class Network(AbstractInverseNetwork):
    """Encoder of the surrogate, mean over voxels, and one linear layer."""

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        settings.check_size(frame.size, settings.patch)
        self.encoder = ConvNeXtEncoder((1 + frame.channels) * settings.patch**3, settings)
        self.readout = nn.Linear(settings.widths[-1], frame.parameters)

    def forward(self, images: Tensor) -> Tensor:
        """Compute theta, shape (batch, n)."""
        if self.settings.patch > 1:
            images = gather(images, self.settings.patch).contiguous(memory_format=torch.channels_last_3d)
        theta: Tensor = self.readout(self.encoder(images)[-1].mean(dim=(2, 3, 4)))
        return theta
