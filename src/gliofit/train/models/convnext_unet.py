"""ConvNeXt U-Net, the paper's surrogate: a U-Net of the tissue with theta added at its neck."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from gliofit.train.architecture import AbstractSurrogateNetwork, Frame
from gliofit.train.layers.coefficients import Coefficients
from gliofit.train.layers.convnext import ConvNeXtEncoder, ConvNeXtSettings, UpSampling


class Settings(ConvNeXtSettings):
    """Settings of the ConvNeXt U-Net; the defaults suit a CPU, the paper's widths are 32, 64, 128, 256, 512."""

    full_resolution_skip: bool = Field(
        False, description="Use the features of the full resolution in the decoder, in contrast to the paper."
    )


class Network(AbstractSurrogateNetwork):
    """Encoder of the tissue, a linear map of theta added to the features of the neck, and a decoder."""

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        widths, depth = settings.widths, len(settings.widths) - 1
        settings.check_size(frame.size)
        self.encoder = ConvNeXtEncoder(frame.channels, settings)
        self.coefficients = Coefficients(frame.parameters, widths[-1], frame.size // 2**depth)
        # Resolutions with skips in the decoder.
        merged = range(depth - 1, -1 if settings.full_resolution_skip else 0, -1)
        self.neck = settings.stage(widths[-1])
        self.ups = nn.ModuleList(UpSampling(widths[level + 1], widths[level]) for level in range(depth - 1, -1, -1))
        self.merges = nn.ModuleList(nn.Conv3d(2 * widths[level], widths[level], 1) for level in merged)
        self.stages = nn.ModuleList(settings.stage(widths[level]) for level in merged)
        self.head = nn.Conv3d(widths[0], 1, 3, padding=1)
        with torch.no_grad():
            self.head.bias.sub_(2.0)  # type: ignore[union-attr]  # Most of the cube has no tumour.

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute features at every resolution, or at all except the full resolution."""
        features: tuple[Tensor, ...] = self.encoder(tissue)
        return features if self.settings.full_resolution_skip else features[1:]

    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        *skips, neck = features
        x = self.neck(neck + self.coefficients(theta))
        for index, up in enumerate(self.ups):
            x = up(x)
            if index < len(self.merges):
                skip = skips[-1 - index].expand(x.shape[0], -1, -1, -1, -1)
                x = self.stages[index](self.merges[index](torch.cat([x, skip], dim=1)))
        logits: Tensor = self.head(x)[:, 0]
        return logits
