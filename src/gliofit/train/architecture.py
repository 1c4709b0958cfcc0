"""Base classes and registry of network architectures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import torch
from pydantic import Field, ValidationError, model_validator
from torch import Tensor, nn

from gliofit.core.errors import InputError
from gliofit.core.settings import Settings
from gliofit.train.settings import architecture_names

#: Network kinds: theta to concentration; concentration to theta; segmentation in the atlas to theta.
ModelKind = Literal["surrogate", "direct-inverse", "atlas-inverse"]


@dataclass(frozen=True)
class Frame:
    """Input of a network: tissue channels, cube (voxels along each edge, voxel size) and normalisation of theta."""

    channels: int
    size: int
    spacing_mm: float = 1.0
    theta_mean: tuple[float, ...] = (0.0,) * 5
    theta_std: tuple[float, ...] = (1.0,) * 5

    @property
    def parameters(self) -> int:
        """Number n of parameters."""
        return len(self.theta_mean)

    def physical(self, theta: Tensor) -> Tensor:
        """Convert normalised theta, shape (batch, n), to physical units, positions in mm from the cube's centre."""
        return theta * theta.new_tensor(self.theta_std) + theta.new_tensor(self.theta_mean)


class _Network(nn.Module, ABC):
    """Network with the module's ``Settings`` and its input."""

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__()
        self.settings, self.frame = settings, frame


class AbstractSurrogateNetwork(_Network):
    """Network from tissue and normalised theta to logits of the concentration.

    :meth:`encode` computes what depends only on the tissue, once per patient.
    """

    @abstractmethod
    def encode(self, tissue: Tensor) -> Any:
        """Compute features of the tissue, shape (batch, channels, size, size, size), for :meth:`decode`."""

    @abstractmethod
    def decode(self, features: Any, theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size), for theta (batch, n); features may have a batch of one."""

    def forward(self, tissue: Tensor, theta: Tensor) -> Tensor:
        """Compute logits, shape (batch, size, size, size)."""
        return self.decode(self.encode(tissue), theta)


class AbstractInverseNetwork(_Network):
    """Network from concentration and tissue to normalised theta."""

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Compute theta (batch, n) of images (batch, 1 + channels, size, size, size), concentration first."""


class AtlasNetworkSettings(Settings):
    """Settings of networks for segmentations in the atlas."""

    range_whole: tuple[float, float] = Field(
        (0.05, 0.5),
        description="Range of the concentration at the border of the whole tumour, sampled for every sample and epoch; "
        "validation uses the centre of the range.",
    )
    range_core: tuple[float, float] = Field((0.5, 0.85), description="Range for the border of the core.")

    @model_validator(mode="after")
    def _ordered(self) -> AtlasNetworkSettings:
        for name, (low, high) in (("range_whole", self.range_whole), ("range_core", self.range_core)):
            if not 0 < low <= high < 1:
                raise ValueError(f"{name} must be two increasing numbers between 0 and 1")
        if self.range_core[0] < self.range_whole[1]:
            raise ValueError("range_core must lie above range_whole: the core lies inside the whole tumour")
        return self


class AbstractAtlasNetwork(_Network):
    """Network from a segmentation on a fixed cube in the atlas to normalised theta, without tissue as input."""

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Compute theta (batch, n) of images (batch, 1, size, size, size) of ``segmentation_image``."""


@dataclass(frozen=True)
class Architecture:
    """Architecture: the ``Settings`` and ``Network`` classes of a module of ``gliofit.train.models``."""

    name: str
    settings_class: type[Settings]
    network_class: type[nn.Module]

    @property
    def kind(self) -> ModelKind:
        """Kind of the network."""
        if issubclass(self.network_class, AbstractAtlasNetwork):
            return "atlas-inverse"
        return "surrogate" if issubclass(self.network_class, AbstractSurrogateNetwork) else "direct-inverse"

    @property
    def _subject(self) -> str:
        return f"network settings of `{self.name}`"

    def parse(self, values: dict[str, Any]) -> Settings:
        """Validate the settings of the architecture; raise InputError if they are invalid."""
        try:
            return self.settings_class.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            raise InputError(self._subject, problem, "see the settings of the architecture") from error

    def build(self, values: dict[str, Any], frame: Frame, seed: int | None = None) -> nn.Module:
        """Create the network; with ``seed`` its initial weights are independent of the global random state."""
        settings = self.parse(values)
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            try:
                return self.network_class(settings, frame)
            except ValueError as error:
                raise InputError(self._subject, str(error), "change the network or `crop.size`") from error


def find_architecture(name: str) -> Architecture:
    """Return an architecture by name, such as ``convnext-unet``; raise InputError if it is unknown."""
    if name not in (names := architecture_names()):
        raise InputError(f"architecture `{name}`", "is unknown", f"choose one of {', '.join(names)}")
    module = import_module(f"gliofit.train.models.{name.replace('-', '_')}")
    network = module.Network
    if not issubclass(network, AbstractSurrogateNetwork | AbstractInverseNetwork | AbstractAtlasNetwork):
        raise TypeError(f"{module.__name__}.Network: is not a subclass of one of the network base classes")
    return Architecture(name, module.Settings, network)
