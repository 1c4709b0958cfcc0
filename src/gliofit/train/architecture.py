"""What an architecture is, and how it is found by its name."""

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

__all__ = [
    "AbstractAtlasNetwork",
    "AbstractInverseNetwork",
    "AbstractSurrogateNetwork",
    "Architecture",
    "AtlasNetworkSettings",
    "Frame",
    "ModelKind",
    "find_architecture",
]

#: Network kinds: concentration from theta; theta from a concentration; theta from a segmentation in the atlas.
ModelKind = Literal["surrogate", "direct-inverse", "atlas-inverse"]


@dataclass(frozen=True)
class Frame:
    """What a network is made for.

    Parameters
    ----------
    channels
        Channels in which the network sees tissue.
    size
        Voxels along each edge of the cube.
    spacing_mm
        Voxel size.
    theta_mean, theta_std
        Normalisation of theta.
    """

    channels: int
    size: int
    spacing_mm: float = 1.0
    theta_mean: tuple[float, ...] = (0.0,) * 5
    theta_std: tuple[float, ...] = (1.0,) * 5

    @property
    def parameters(self) -> int:
        """Number of parameters."""
        return len(self.theta_mean)

    def physical(self, theta: Tensor) -> Tensor:
        """Physical theta, positions in mm about the cube's centre, of normalised theta (batch, n)."""
        return theta * theta.new_tensor(self.theta_std) + theta.new_tensor(self.theta_mean)


class AbstractSurrogateNetwork(nn.Module, ABC):
    """Maps tissue and normalised theta to logits of the concentration.

    The work is split so that what depends on the tissue alone is done once per patient; a network that mixes theta in
    from the start returns the tissue from :meth:`encode` and does everything in :meth:`decode`.

    Parameters
    ----------
    settings
        Instance of the module's ``Settings``.
    frame
        Cube, channels and normalisation.
    """

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__()
        self.settings, self.frame = settings, frame

    @abstractmethod
    def encode(self, tissue: Tensor) -> Any:
        """What :meth:`decode` needs of the tissue, of shape (batch, channels, size, size, size)."""

    @abstractmethod
    def decode(self, features: Any, theta: Tensor) -> Tensor:
        """Logits of shape (batch, size, size, size) for theta (batch, n).

        The features may have a batch of one, which then serves all thetas.
        """

    def forward(self, tissue: Tensor, theta: Tensor) -> Tensor:
        """Logits of shape (batch, size, size, size)."""
        return self.decode(self.encode(tissue), theta)


class AbstractInverseNetwork(nn.Module, ABC):
    """Maps concentration and tissue to normalised theta; arguments as of a surrogate network."""

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__()
        self.settings, self.frame = settings, frame

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Theta (batch, n) for images (batch, 1 + channels, size, size, size), concentration first."""


class AtlasNetworkSettings(Settings):
    """Settings of all networks that read segmentations in the atlas."""

    range_whole: tuple[float, float] = Field(
        (0.05, 0.5),
        description="Range that the concentration at the border of the whole tumour is drawn from, anew for every "
        "sample and epoch; validation has the range's centre.",
    )
    range_core: tuple[float, float] = Field((0.5, 0.85), description="The same for the border of the core.")

    @model_validator(mode="after")
    def _ordered(self) -> AtlasNetworkSettings:
        for name, (low, high) in (("range_whole", self.range_whole), ("range_core", self.range_core)):
            if not 0 < low <= high < 1:
                raise ValueError(f"{name} needs two rising numbers between 0 and 1")
        if self.range_core[0] < self.range_whole[1]:
            raise ValueError("range_core must lie above range_whole: the core lies inside the whole tumour")
        return self


class AbstractAtlasNetwork(nn.Module, ABC):
    """Maps a segmentation on a cube that is fixed in the atlas to normalised theta.

    Arguments as of a surrogate network. The anatomy is always the same, so that it is not among the inputs.
    """

    def __init__(self, settings: Settings, frame: Frame) -> None:
        super().__init__()
        self.settings, self.frame = settings, frame

    @abstractmethod
    def forward(self, image: Tensor) -> Tensor:
        """Theta (batch, n) for images (batch, 1, size, size, size) of ``segmentation_image``."""


@dataclass(frozen=True)
class Architecture:
    """A module of ``gliofit.train.models``: its ``Settings`` and ``Network`` classes."""

    name: str
    settings_class: type[Settings]
    network_class: type[nn.Module]

    @property
    def kind(self) -> ModelKind:
        """What the network is for."""
        if issubclass(self.network_class, AbstractAtlasNetwork):
            return "atlas-inverse"
        return "surrogate" if issubclass(self.network_class, AbstractSurrogateNetwork) else "direct-inverse"

    def parse(self, values: dict[str, Any]) -> Settings:
        """Check the architecture's settings; raises InputError."""
        try:
            return self.settings_class.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"network settings of `{self.name}`", f"{key}: {first['msg']}", "see the architecture's settings"
            ) from error

    def build(self, values: dict[str, Any], frame: Frame, seed: int | None = None) -> nn.Module:
        """Make the network; with ``seed`` its initial weights do not depend on the global random state."""
        settings = self.parse(values)
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            try:
                return self.network_class(settings, frame)
            except ValueError as error:
                raise InputError(
                    f"network settings of `{self.name}`", str(error), "change the network or `crop.size`"
                ) from error


def find_architecture(name: str) -> Architecture:
    """Architecture of a name such as ``convnext-unet``; raises InputError if there is none."""
    if name not in architecture_names():
        raise InputError(f"architecture `{name}`", "is not known", f"choose one of {', '.join(architecture_names())}")
    module = import_module(f"gliofit.train.models.{name.replace('-', '_')}")
    network = module.Network
    if not issubclass(network, AbstractSurrogateNetwork | AbstractInverseNetwork | AbstractAtlasNetwork):
        raise TypeError(f"{module.__name__}.Network is neither a surrogate nor an inverse network")
    return Architecture(name, module.Settings, network)
