"""U-Net of MONAI with theta added at its neck: a baseline of the paper's forward study (Table 5)."""

from __future__ import annotations

import torch
from monai.networks.nets.basic_unet import BasicUNet
from pydantic import Field
from torch import Tensor

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame
from gliofit.train.layers.coefficients import Coefficients


class Settings(BaseSettings):
    """Settings of the U-Net."""

    widths: tuple[int, int, int, int, int] = Field(
        (16, 32, 64, 128, 256), description="Channels per resolution, from fine to coarse; the last one is the neck."
    )


class Network(AbstractSurrogateNetwork):
    """MONAI's ``BasicUNet``: two convolutions per resolution, instance norm, four halvings, all skips.

    Source: Falk et al., Nature Methods 16 (2019).
    """

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        channels, size = frame.channels, frame.size
        if size % 16 or size < 32:
            raise ValueError(f"crop.size: {size} is not 32, 48, 64, ... as required by a U-Net of five resolutions")
        widths = settings.widths
        self.net = BasicUNet(3, channels, 1, (*widths, widths[0]))
        self.coefficients = Coefficients(frame.parameters, widths[-1], size // 16)
        with torch.no_grad():
            self.net.final_conv.bias.sub_(2.0)  # Most of the cube has no tumour.

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute features at every resolution."""
        features = [self.net.conv_0(tissue)]
        for down in (self.net.down_1, self.net.down_2, self.net.down_3, self.net.down_4):
            features.append(down(features[-1]))
        return tuple(features)

    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        *skips, neck = features
        x = neck + self.coefficients(theta)
        for up in (self.net.upcat_4, self.net.upcat_3, self.net.upcat_2, self.net.upcat_1):
            x = up(x, skips.pop().expand(x.shape[0], -1, -1, -1, -1))
        logits: Tensor = self.net.final_conv(x)[:, 0]
        return logits
