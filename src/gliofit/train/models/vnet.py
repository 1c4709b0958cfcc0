"""V-Net of MONAI with theta added at its neck: a baseline of the paper's forward study (Table 5)."""

from __future__ import annotations

import torch.nn.functional as F
from monai.networks.nets.vnet import VNet
from torch import Tensor

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import Frame
from gliofit.train.layers.coefficients import BaselineNetwork


class Settings(BaseSettings):
    """Settings of the V-Net, which has fixed widths: 16, 32, 64, 128 and 256."""


class Network(BaselineNetwork):
    """MONAI's ``VNet`` without dropout.

    Source: Milletari et al., V-Net, 3DV 2016.
    """

    title = "V-Net"
    downs = ("in_tr", "down_tr32", "down_tr64", "down_tr128", "down_tr256")
    ups = ("up_tr256", "up_tr128", "up_tr64", "up_tr32")
    head, bias = "out_tr", "out_tr.conv2.bias"

    def __init__(self, settings: Settings, frame: Frame) -> None:
        # The number of channels must divide 16; channels of zeros are added.
        channels = next(number for number in (1, 2, 4, 8, 16) if number >= frame.channels)
        net = VNet(3, channels, 1, dropout_prob_down=None, dropout_prob_up=(None, 0.0), bias=True)
        super().__init__(settings, frame, net, 256)
        self.fill = channels - frame.channels

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute features at every resolution."""
        return super().encode(F.pad(tissue, (0, 0, 0, 0, 0, 0, 0, self.fill)))
