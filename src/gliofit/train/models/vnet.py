"""V-Net of MONAI with theta added at its neck: a baseline of the paper's forward study (Table 5)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from monai.networks.nets.vnet import VNet
from torch import Tensor

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame
from gliofit.train.layers.coefficients import Coefficients


class Settings(BaseSettings):
    """Settings of the V-Net, which has fixed widths: 16, 32, 64, 128 and 256."""


class Network(AbstractSurrogateNetwork):
    """MONAI's ``VNet`` without dropout.

    Source: Milletari et al., V-Net, 3DV 2016.
    """

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        channels, size = frame.channels, frame.size
        if size % 16 or size < 32:
            raise ValueError(f"crop.size: {size} is not 32, 48, 64, ... as required by a V-Net")
        # The number of channels must divide 16; channels of zeros are added.
        self.fill = next(number - channels for number in (1, 2, 4, 8, 16) if number >= channels)
        self.net = VNet(3, channels + self.fill, 1, dropout_prob_down=None, dropout_prob_up=(None, 0.0), bias=True)
        self.coefficients = Coefficients(frame.parameters, 256, size // 16)
        with torch.no_grad():
            self.net.out_tr.conv2.bias.sub_(2.0)  # type: ignore[union-attr]  # Most of the cube has no tumour.

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute features at every resolution."""
        features = [self.net.in_tr(F.pad(tissue, (0, 0, 0, 0, 0, 0, 0, self.fill)))]
        for down in (self.net.down_tr32, self.net.down_tr64, self.net.down_tr128, self.net.down_tr256):
            features.append(down(features[-1]))
        return tuple(features)

    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        *skips, neck = features
        x = neck + self.coefficients(theta)
        for up in (self.net.up_tr256, self.net.up_tr128, self.net.up_tr64, self.net.up_tr32):
            x = up(x, skips.pop().expand(x.shape[0], -1, -1, -1, -1))
        logits: Tensor = self.net.out_tr(x)[:, 0]
        return logits
