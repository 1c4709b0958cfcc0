"""U-Net of MONAI with theta added at its neck: a baseline of the paper's forward study (Table 5)."""

from __future__ import annotations

from monai.networks.nets.basic_unet import BasicUNet
from pydantic import Field

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import Frame
from gliofit.train.layers.coefficients import BaselineNetwork


class Settings(BaseSettings):
    """Settings of the U-Net."""

    widths: tuple[int, int, int, int, int] = Field(
        (16, 32, 64, 128, 256), description="Channels per resolution, from fine to coarse; the last one is the neck."
    )


class Network(BaselineNetwork):
    """MONAI's ``BasicUNet``: two convolutions per resolution, instance norm, four halvings, all skips.

    Source: Falk et al., Nature Methods 16 (2019).
    """

    title = "U-Net of five resolutions"
    downs = ("conv_0", "down_1", "down_2", "down_3", "down_4")
    ups = ("upcat_4", "upcat_3", "upcat_2", "upcat_1")
    head, bias = "final_conv", "final_conv.bias"

    def __init__(self, settings: Settings, frame: Frame) -> None:
        widths = settings.widths
        super().__init__(settings, frame, BasicUNet(3, frame.channels, 1, (*widths, widths[0])), widths[-1])
