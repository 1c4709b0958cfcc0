"""Trained networks of an inversion, loaded on first use."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError

__all__ = ["Networks"]


class Networks:
    """Surrogate, direct inverse network and atlas network; accessing a missing one raises InputError.

    Parameters
    ----------
    surrogate, direct, lmi
        Folder of a trained network, loaded network, or None.
    device
        Device to load networks to: ``cpu`` or ``cuda``.
    """

    def __init__(self, surrogate: Any = None, direct: Any = None, device: str = "cpu", lmi: Any = None) -> None:
        self._surrogate, self._direct, self._lmi, self.device = surrogate, direct, lmi, device

    @cached_property
    def surrogate(self) -> Any:
        """Surrogate."""
        return self._load(self._surrogate, "surrogate", "load_surrogate")

    @cached_property
    def direct(self) -> Any:
        """Direct inverse network."""
        return self._load(self._direct, "direct inverse network", "load_direct_inverse")

    @cached_property
    def lmi(self) -> Any:
        """Network for segmentations in the atlas."""
        return self._load(self._lmi, "network in the atlas", "load_atlas_inverse")

    def _load(self, network: Any, kind: str, loader: str) -> Any:
        if network is None:
            raise InputError(kind, "is missing, but the method needs it", "train one or specify its folder")
        if isinstance(network, (str, Path)):
            from gliofit.train import surrogate

            return getattr(surrogate, loader)(Path(network), self.device)
        return network
