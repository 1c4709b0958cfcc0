"""Trained networks of an inversion, loaded when a method first uses them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError
from gliofit.train.roles import NetworkRole

__all__ = ["Networks"]


class Networks:
    """One network per role: a folder of a trained network, a network already loaded, or None.

    Parameters
    ----------
    surrogate, direct, lmi
        Surrogate, direct inverse network, and network that reads segmentations in the atlas.
    device
        Device to load them on: ``cpu`` or ``cuda``.
    """

    def __init__(self, surrogate: Any = None, direct: Any = None, lmi: Any = None, device: str = "cpu") -> None:
        self._given = {NetworkRole.SURROGATE: surrogate, NetworkRole.DIRECT: direct, NetworkRole.LMI: lmi}
        self.device = device

    def __getitem__(self, role: NetworkRole) -> Any:
        """The network of a role; raises InputError if there is none."""
        return getattr(self, role.value)

    @cached_property
    def surrogate(self) -> Any:
        """The surrogate; raises InputError if there is none."""
        return self._load(NetworkRole.SURROGATE)

    @cached_property
    def direct(self) -> Any:
        """The direct inverse network; raises InputError if there is none."""
        return self._load(NetworkRole.DIRECT)

    @cached_property
    def lmi(self) -> Any:
        """The network that reads segmentations in the atlas; raises InputError if there is none."""
        return self._load(NetworkRole.LMI)

    def _load(self, role: NetworkRole) -> Any:
        given = self._given[role]
        if given is None:
            raise InputError(
                f"network '{role}'", "was not given, and this method needs it", "train one, or name its folder"
            )
        if not isinstance(given, (str, Path)):
            return given
        from gliofit.train.surrogate import load_atlas_inverse, load_direct_inverse, load_surrogate

        load: dict[NetworkRole, Any] = {
            NetworkRole.SURROGATE: load_surrogate,
            NetworkRole.DIRECT: load_direct_inverse,
            NetworkRole.LMI: load_atlas_inverse,
        }
        return load[role](Path(given), self.device)
