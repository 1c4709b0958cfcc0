"""What an architecture is, and how it is found by its name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from gliofit.errors import InputError
from gliofit.settings import Settings
from gliofit.train.settings import architecture_names

__all__ = ["AbstractInverseNetwork", "AbstractSurrogateNetwork", "Architecture", "find_architecture"]


class AbstractSurrogateNetwork(nn.Module, ABC):
    """Maps tissue and normalised theta to logits of the concentration.

    The work is split so that what depends on the tissue alone is done once per patient; a network that mixes theta in
    from the start returns the tissue from :meth:`encode` and does everything in :meth:`decode`.

    Parameters
    ----------
    settings
        Instance of the module's ``Settings``.
    channels
        Number of input channels.
    size
        Voxels along each edge of the cube.
    """

    def __init__(self, settings: Settings, channels: int, size: int) -> None:
        super().__init__()
        self.settings, self.channels, self.size = settings, channels, size

    @abstractmethod
    def encode(self, tissue: Tensor) -> tuple[Tensor, ...]:
        """Features of the tissue, of shape (batch, channels, size, size, size)."""

    @abstractmethod
    def decode(self, features: tuple[Tensor, ...], theta: Tensor) -> Tensor:
        """Logits of shape (batch, size, size, size) for theta (batch, 5).

        The features may have a batch of one, which then serves all thetas.
        """

    def forward(self, tissue: Tensor, theta: Tensor) -> Tensor:
        """Logits of shape (batch, size, size, size)."""
        return self.decode(self.encode(tissue), theta)


class AbstractInverseNetwork(nn.Module, ABC):
    """Maps concentration and tissue to normalised theta; arguments as of a surrogate network."""

    def __init__(self, settings: Settings, channels: int, size: int) -> None:
        super().__init__()
        self.settings, self.channels, self.size = settings, channels, size

    @abstractmethod
    def forward(self, images: Tensor) -> Tensor:
        """Theta (batch, 5) for images (batch, channels, size, size, size), concentration first."""


@dataclass(frozen=True)
class Architecture:
    """A module of ``gliofit.train.models``: its ``Settings`` and ``Network`` classes."""

    name: str
    settings_class: type[Settings]
    network_class: type[nn.Module]

    @property
    def kind(self) -> Literal["surrogate", "direct-inverse"]:
        """What the network is for."""
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

    def build(self, values: dict[str, Any], tissue_channels: int, size: int, seed: int | None = None) -> nn.Module:
        """Make the network; with ``seed`` its initial weights do not depend on the global random state."""
        settings = self.parse(values)
        channels = tissue_channels + (self.kind == "direct-inverse")
        with torch.random.fork_rng(devices=[]):
            if seed is not None:
                torch.manual_seed(seed)
            try:
                return self.network_class(settings, channels, size)
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
    if not issubclass(network, AbstractSurrogateNetwork | AbstractInverseNetwork):
        raise TypeError(f"{module.__name__}.Network is neither a surrogate nor an inverse network")
    return Architecture(name, module.Settings, network)
