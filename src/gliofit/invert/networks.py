"""Trained networks of an inversion, loaded when a method first uses them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError
from gliofit.train.settings import NetworkRole

__all__ = ["Networks"]


class Networks:
    """One network per role: the folder of a trained network, a loaded network, or None.

    Parameters
    ----------
    surrogate, direct, lmi
        Surrogate, direct inverse network, and network that reads segmentations in the atlas. Reading one that is None
        raises InputError.
    device
        Device to load them on: ``cpu`` or ``cuda``.
    """

    def __init__(self, surrogate: Any = None, direct: Any = None, lmi: Any = None, device: str = "cpu") -> None:
        self._given = {NetworkRole.SURROGATE: surrogate, NetworkRole.DIRECT: direct, NetworkRole.LMI: lmi}
        self.device = device

    @classmethod
    def by_role(cls, networks: Mapping[Any, Any], device: str = "cpu") -> Networks:
        """Create the networks of a mapping from roles, such as ``InvertSettings.networks_of``, with folders."""
        return cls(**{str(NetworkRole(role)): network for role, network in networks.items()}, device=device)

    def __getitem__(self, role: NetworkRole) -> Any:
        return getattr(self, role.value)

    @cached_property
    def surrogate(self) -> Any:
        """The surrogate."""
        return self._load(NetworkRole.SURROGATE)

    @cached_property
    def direct(self) -> Any:
        """The direct inverse network."""
        return self._load(NetworkRole.DIRECT)

    @cached_property
    def lmi(self) -> Any:
        """The network that reads segmentations in the atlas."""
        return self._load(NetworkRole.LMI)

    def _load(self, role: NetworkRole) -> Any:
        network = self._given[role]
        if network is None:
            raise InputError(
                f"network '{role}'", "was not given, and this method needs it", "train one, or name its folder"
            )
        if not isinstance(network, (str, Path)):
            return network
        from gliofit.train import surrogate

        load = {
            NetworkRole.SURROGATE: surrogate.load_surrogate,
            NetworkRole.DIRECT: surrogate.load_direct_inverse,
            NetworkRole.LMI: surrogate.load_atlas_inverse,
        }[role]
        return load(network, self.device)
