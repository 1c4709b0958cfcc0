"""U-Net++ of MONAI with theta added at its neck: a baseline of the paper's forward study (Table 5)."""

from __future__ import annotations

import torch
from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus
from pydantic import Field
from torch import Tensor

from gliofit.core.settings import Settings as BaseSettings
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame
from gliofit.train.layers.coefficients import Coefficients

_DEPTH = 4


class Settings(BaseSettings):
    """Settings of the U-Net++."""

    widths: tuple[int, int, int, int, int] = Field(
        (16, 32, 64, 128, 256), description="Channels per resolution, from fine to coarse; the last one is the neck."
    )


class Network(AbstractSurrogateNetwork):
    """MONAI's ``BasicUNetPlusPlus`` with nested skips, of which only the last diagonal depends on neck and theta.

    Source: Zhou et al., UNet++, IEEE Transactions on Medical Imaging 39 (2020).
    """

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        channels, size = frame.channels, frame.size
        if size % 16 or size < 32:
            raise ValueError(f"crop.size: {size} is not 32, 48, 64, ... as required by a U-Net++ of five resolutions")
        widths = settings.widths
        self.net = BasicUNetPlusPlus(3, channels, 1, (*widths, widths[0]))
        # Outputs for deep supervision, which is not used.
        for name in ("final_conv_0_1", "final_conv_0_2", "final_conv_0_3"):
            delattr(self.net, name)
        self.coefficients = Coefficients(frame.parameters, widths[-1], size // 16)
        with torch.no_grad():
            self.net.final_conv_0_4.bias.sub_(2.0)  # Most of the cube has no tumour.

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute the dense skips of each resolution, concatenated along channels, and the neck."""
        column = tissue
        rows: list[list[Tensor]] = []
        for level in range(_DEPTH + 1):
            column = getattr(self.net, f"conv_{level}_0")(column)
            if level == _DEPTH:
                break
            rows.append([column])
            for row in range(level - 1, -1, -1):
                up = getattr(self.net, f"upcat_{row}_{level - row}")
                rows[row].append(up(rows[row + 1][-1], torch.cat(rows[row], dim=1)))
        return (*(torch.cat(row, dim=1) for row in rows), column)

    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        *skips, neck = features
        x = neck + self.coefficients(theta)
        for row in range(_DEPTH - 1, -1, -1):
            up = getattr(self.net, f"upcat_{row}_{_DEPTH - row}")
            x = up(x, skips[row].expand(x.shape[0], -1, -1, -1, -1))
        logits: Tensor = self.net.final_conv_0_4(x)[:, 0]
        return logits
