"""Addition of theta to the features at the neck of a U-Net."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from gliofit.core.settings import Settings
from gliofit.train.architecture import AbstractSurrogateNetwork, Frame


class Coefficients(nn.Linear):
    """Linear map from theta to a field that is added to the neck's features (paper, section 2.3).

    The neck has ``width`` channels and ``edge`` voxels along each edge, which fixes the size of the cube.
    """

    def __init__(self, parameters: int, width: int, edge: int) -> None:
        super().__init__(parameters, width * edge**3)
        self.shape = (width, edge, edge, edge)

    def forward(self, theta: Tensor) -> Tensor:
        """Compute fields, shape (batch, width, edge, edge, edge), of theta, shape (batch, parameters)."""
        return super().forward(theta).reshape(-1, *self.shape)


class BaselineNetwork(AbstractSurrogateNetwork):
    """Network of MONAI with four halvings and theta added at its neck: a baseline of the paper's Table 5.

    Subclasses name its modules in the order of their use, and the bias of the last one.
    """

    title: ClassVar[str]
    downs: ClassVar[tuple[str, ...]] = ()
    ups: ClassVar[tuple[str, ...]]
    head: ClassVar[str]
    bias: ClassVar[str]

    def __init__(self, settings: Settings, frame: Frame, net: nn.Module, width: int) -> None:
        super().__init__(settings, frame)
        if frame.size % 16 or frame.size < 32:
            raise ValueError(f"crop.size: {frame.size} is not 32, 48, 64, ... as required by a {self.title}")
        self.net = net
        self.coefficients = Coefficients(frame.parameters, width, frame.size // 16)
        with torch.no_grad():
            net.get_parameter(self.bias).sub_(2.0)  # Most of the cube has no tumour.

    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Compute features at every resolution."""
        features = [tissue]
        for name in self.downs:
            features.append(self.net.get_submodule(name)(features[-1]))
        return tuple(features[1:])

    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        *skips, neck = features
        x = neck + self.coefficients(theta)
        for name, skip in zip(self.ups, reversed(skips), strict=True):
            x = self.net.get_submodule(name)(x, skip.expand(x.shape[0], -1, -1, -1, -1))
        logits: Tensor = self.net.get_submodule(self.head)(x)[:, 0]
        return logits
