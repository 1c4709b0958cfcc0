"""U-Net that uses theta at every resolution and may correct a guess: a coarse simulation or a spherical front."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from gliofit.core.settings import Settings as BaseSettings
from gliofit.core.tissue import TISSUE_THRESHOLD
from gliofit.growth.model import DIFFUSIVITY_RATIO
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame
from gliofit.train.layers.coarse_growth import CoarseGrowth
from gliofit.train.layers.convnext import ConvNeXtBlock, DownSampling, UpSampling
from gliofit.train.layers.patches import gather, scatter

#: Fine voxels along each axis of a coarse voxel.
_FACTOR = 2

#: Smallest distance of guesses from 0 and 1, where the logit is infinite.
_EDGE = 1e-4

_EMBEDDING = 64


class Settings(BaseSettings):
    """Settings of the guided U-Net."""

    guide: Literal["coarse-solve", "front", "none"] = Field(
        "coarse-solve",
        description="Guess to correct: `coarse-solve`, the solver on voxels of twice the size; `front`, a logistic "
        "front about the origin, independent of anatomy; `none`, no guess: the network alone predicts the tumour.",
    )
    tolerance: float = Field(0.03, gt=0, le=0.1, description="Relative error of a time step of `coarse-solve`.")
    widths: tuple[int, ...] = Field(
        (32, 48, 96), min_length=2, description="Channels per resolution, beginning with the coarse voxels."
    )
    blocks: int = Field(1, ge=1, description="ConvNeXt blocks per resolution, in encoder and decoder.")
    kernel_size: Literal[3, 5, 7] = Field(5, description="Edge of the depth-wise kernels in coarse voxels.")
    expansion: int = Field(4, ge=1, description="Width of a block's MLP relative to its channels.")
    layer_scale: float = Field(0.1, gt=0, description="Initial gain of the residual branch of each block.")


class _Stage(nn.Module):
    """ConvNeXt blocks, each followed by a scale and shift of channels that depend on theta."""

    def __init__(self, width: int, settings: Settings) -> None:
        super().__init__()
        block = (settings.kernel_size, settings.expansion, settings.layer_scale)
        self.blocks = nn.ModuleList(ConvNeXtBlock(width, *block) for _ in range(settings.blocks))
        self.modulations = nn.ModuleList(nn.Linear(_EMBEDDING, 2 * width) for _ in range(settings.blocks))

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """Transform (batch, width, x, y, z)."""
        for block, modulation in zip(self.blocks, self.modulations, strict=True):
            scale, shift = modulation(embedding)[:, :, None, None, None].chunk(2, dim=1)
            x = block(x) * (1 + scale) + shift
        return x


class Network(AbstractSurrogateNetwork):
    """U-Net on coarse voxels whose channels contain the 2^3 fine voxels, at an eighth of the cost.

    The output, 2^3 values of each coarse voxel, is added to the logits of the guess. Theta is used at every resolution
    and in the input fields: the distance from the origin, the seed and, with a guess, also the guess, its logit and the
    front coordinate (distance behind a spherical front in front widths).
    """

    settings: Settings

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__(settings, frame)
        widths, depth = settings.widths, len(settings.widths)
        step = _FACTOR * 2 ** (depth - 1)
        if frame.size % step:
            raise ValueError(f"crop.size: {frame.size} is not a multiple of {step} for {depth} widths")
        coarse, spacing = frame.size // _FACTOR, frame.spacing_mm * _FACTOR
        self.growth = None
        if settings.guide == "coarse-solve":
            self.growth = CoarseGrowth(coarse, spacing, frame.spacing_mm, settings.tolerance)
        axis = (torch.arange(coarse) - (coarse - 1) / 2) * spacing
        places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
        self.register_buffer("places", places, persistent=False)
        if settings.guide != "none":
            # Fitted to the volume of simulated tumours as spheres.
            self.reach = nn.Parameter(torch.tensor([0.89, 0.92]))
        fields = 2 if settings.guide == "none" else 5
        self.stem = nn.Conv3d(frame.channels * _FACTOR**3 + 1 + fields, widths[0], 3, padding=1)
        self.embed = nn.Sequential(nn.Linear(7, _EMBEDDING), nn.GELU(), nn.Linear(_EMBEDDING, _EMBEDDING), nn.GELU())
        self.down_stages = nn.ModuleList(_Stage(width, settings) for width in widths)
        self.downs = nn.ModuleList(DownSampling(a, b) for a, b in pairwise(widths))
        self.ups = nn.ModuleList(UpSampling(b, a) for a, b in pairwise(widths))
        self.merges = nn.ModuleList(nn.Conv3d(2 * width, width, 1) for width in widths[:-1])
        self.up_stages = nn.ModuleList(_Stage(width, settings) for width in widths[:-1])
        self.head = nn.Conv3d(widths[0], _FACTOR**3, 3, padding=1)
        with torch.no_grad():
            # An untrained network returns the guess, or little tumour.
            self.head.weight.mul_(0.01)
            nn.init.constant_(self.head.bias, -2.0 if settings.guide == "none" else 0.0)  # type: ignore[arg-type]

    def encode(self, tissue: Tensor) -> Any:
        """Return the channels of the coarse voxels, and the tissue for the guess."""
        mean = F.avg_pool3d(tissue, _FACTOR)
        if self.frame.channels == 1:  # Label values: 3 for white, 2 for grey matter.
            wm, gm = mean[:, 0] / 3, torch.zeros_like(mean[:, 0])
        else:
            wm, gm = mean[:, 0], mean[:, 1]
        diffusivity = wm + gm / DIFFUSIVITY_RATIO
        channels = torch.cat([gather(tissue, _FACTOR), diffusivity[:, None]], dim=1)
        inside = ((wm + gm) >= TISSUE_THRESHOLD).to(tissue.dtype)
        return channels, inside, None if self.growth is None else self.growth.tissues(wm, gm)

    def decode(self, features: Any, theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        channels, inside, tissues = features
        channels, inside = (x.expand(theta.shape[0], *x.shape[1:]) for x in (channels, inside))
        physical = self.frame.physical(theta)
        diffusion, growth = (physical[:, k, None, None, None].clamp(min=1e-3) for k in (3, 4))
        offset = self.places - physical[:, :3, None, None, None]  # type: ignore[operator]
        distance = (offset.square().sum(dim=1) + 1.0).sqrt()
        fields = [distance / 50, torch.exp(-distance.square() / 200)]
        base: Tensor | float = 0.0
        if self.settings.guide != "none":
            guess, behind = self._guess(physical, distance, diffusion, growth, tissues)
            fine = _spread(guess) if self.growth is None else _spread(guess * inside) / _spread(inside).clamp(min=1e-3)
            base = _logit(fine)
            fields = [guess, _logit(guess) / 5, *fields, torch.tanh(behind / 5)]
        embedding = self.embed(torch.cat([theta, torch.log(physical[:, 3:5].clamp(min=1e-3))], dim=1))
        x = torch.cat([channels, torch.stack(fields, dim=1)], dim=1)
        # Contiguous channels are several times faster on CPUs.
        x = self.stem(x.contiguous(memory_format=torch.channels_last_3d))
        skips = []
        for index, stage in enumerate(self.down_stages):
            x = stage(x, embedding)
            if index < len(self.downs):
                skips.append(x)
                x = self.downs[index](x)
        for index in range(len(self.ups) - 1, -1, -1):
            x = self.merges[index](torch.cat([self.ups[index](x), skips[index]], dim=1))
            x = self.up_stages[index](x, embedding)
        return base + scatter(self.head(x), _FACTOR)[:, 0]

    def _guess(
        self, physical: Tensor, distance: Tensor, diffusion: Tensor, growth: Tensor, tissues: Any
    ) -> tuple[Tensor, Tensor]:
        """Compute the guess on coarse voxels and the front coordinate."""
        width = diffusion / growth
        # The front travels of order sqrt(D rho) T, minus a delay that increases with the logarithm of rho T.
        radius = self.reach[0] * diffusion * growth - self.reach[1] * width * torch.log1p(growth.square())
        behind = (radius - distance) / width
        if self.growth is None:
            return torch.sigmoid(behind.clamp(-9, 9)), behind
        with torch.autocast(physical.device.type, enabled=False):
            return self.growth(tissues, physical.float()).to(physical.dtype), behind


def _logit(concentration: Tensor) -> Tensor:
    return torch.logit(_EDGE + (1 - 2 * _EDGE) * concentration)


def _spread(x: Tensor) -> Tensor:
    """Interpolate linearly from coarse to fine voxels."""
    return F.interpolate(x[:, None], scale_factor=_FACTOR, mode="trilinear")[:, 0]
