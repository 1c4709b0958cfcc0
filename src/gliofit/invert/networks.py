"""Trained networks of an inversion, loaded when a method first asks for them."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from gliofit.core.errors import InputError

__all__ = ["Networks"]


class Networks:
    """Surrogate, direct inverse network and network in the atlas.

    Parameters
    ----------
    surrogate, direct
        Folders of trained networks, networks already loaded, or None where there are none.
    device
        Where to load them to: ``cpu`` or ``cuda``.
    lmi
        The network that reads segmentations in the atlas, as the others.
    """

    def __init__(self, surrogate: Any = None, direct: Any = None, device: str = "cpu", lmi: Any = None) -> None:
        self._surrogate, self._direct, self._lmi, self.device = surrogate, direct, lmi, device

    @property
    def has_surrogate(self) -> bool:
        """Whether there is a surrogate."""
        return self._surrogate is not None

    @cached_property
    def surrogate(self) -> Any:
        """The surrogate; raises InputError if there is none."""
        if self._surrogate is None:
            raise InputError("surrogate", "none was given, and this method needs one", "train one, or name its folder")
        if isinstance(self._surrogate, (str, Path)):
            from gliofit.train.surrogate import load_surrogate

            return load_surrogate(Path(self._surrogate), self.device)
        return self._surrogate

    @cached_property
    def direct(self) -> Any:
        """The direct inverse network; raises InputError if there is none."""
        if self._direct is None:
            raise InputError(
                "direct inverse network", "none was given, and this method needs one", "train one, or name its folder"
            )
        if isinstance(self._direct, (str, Path)):
            from gliofit.train.surrogate import load_direct_inverse

            return load_direct_inverse(Path(self._direct), self.device)
        return self._direct

    @cached_property
    def lmi(self) -> Any:
        """The network that reads segmentations in the atlas; raises InputError if there is none."""
        if self._lmi is None:
            raise InputError(
                "network in the atlas", "none was given, and this method needs one", "train one, or name its folder"
            )
        if isinstance(self._lmi, (str, Path)):
            from gliofit.train.surrogate import load_atlas_inverse

            return load_atlas_inverse(Path(self._lmi), self.device)
        return self._lmi
