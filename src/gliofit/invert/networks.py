"""Trained networks of an inversion, loaded when a method first uses them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError
from gliofit.train.settings import NetworkRole


class Networks:
    """One network per ``NetworkRole``: the folder of a trained network, a loaded network, or None.

    Parameters
    ----------
    surrogate, direct, lmi
        Surrogate, direct inverse network, and network that reads segmentations in the atlas.
    device
        Device to load them on: ``cpu`` or ``cuda``.
    """

    def __init__(self, surrogate: Any = None, direct: Any = None, lmi: Any = None, device: str = "cpu") -> None:
        self._networks = {"surrogate": surrogate, "direct": direct, "lmi": lmi}
        self.device = device

    def __getitem__(self, role: str) -> Any:
        """Return the loaded network of a role; raise InputError if it is None."""
        network = self._networks[role]
        if network is None:
            raise InputError(
                f"network '{role}'", "was not given, and this method needs it", "train one, or name its folder"
            )
        if isinstance(network, (str, Path)):
            from gliofit.train import surrogate

            load = {
                NetworkRole.SURROGATE: surrogate.load_surrogate,
                NetworkRole.DIRECT: surrogate.load_direct_inverse,
                NetworkRole.LMI: surrogate.load_atlas_inverse,
            }[NetworkRole(role)]
            self._networks[role] = network = load(network, self.device)
        return network
