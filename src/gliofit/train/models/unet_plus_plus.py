"""U-Net++ of MONAI with theta added at its neck: a baseline of the paper's forward study (Table 5)."""

from __future__ import annotations

import torch
from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus
from torch import Tensor

from gliofit.train.architecture import Frame
from gliofit.train.layers.coefficients import BaselineNetwork
from gliofit.train.models import unet


class Settings(unet.Settings):
    """Settings of the U-Net++."""


class Network(BaselineNetwork):
    """MONAI's ``BasicUNetPlusPlus`` with nested skips, of which only the last diagonal depends on neck and theta.

    Source: Zhou et al., UNet++, IEEE Transactions on Medical Imaging 39 (2020).
    """

    title = "U-Net++ of five resolutions"
    ups = ("upcat_3_1", "upcat_2_2", "upcat_1_3", "upcat_0_4")
    head, bias = "final_conv_0_4", "final_conv_0_4.bias"

    def __init__(self, settings: Settings, frame: Frame) -> None:
        widths = settings.widths
        net = BasicUNetPlusPlus(3, frame.channels, 1, (*widths, widths[0]))
        # Outputs for deep supervision, which is not used.
        for name in ("final_conv_0_1", "final_conv_0_2", "final_conv_0_3"):
            delattr(net, name)
        super().__init__(settings, frame, net, widths[-1])

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute the dense skips of each resolution, concatenated along channels, and the neck."""
        column = tissue
        rows: list[list[Tensor]] = []
        for level in range(len(self.ups)):
            column = self.net.get_submodule(f"conv_{level}_0")(column)
            rows.append([column])
            for row in range(level - 1, -1, -1):
                up = self.net.get_submodule(f"upcat_{row}_{level - row}")
                rows[row].append(up(rows[row + 1][-1], torch.cat(rows[row], dim=1)))
        return (*(torch.cat(row, dim=1) for row in rows), self.net.get_submodule("conv_4_0")(column))
