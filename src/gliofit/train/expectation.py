"""What a configuration asks of trained weights, and how a model that has something else is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError

__all__ = ["Expectation"]


@dataclass(frozen=True)
class Expectation:
    """Architecture, its settings, the cube and the form in which tissue is seen.

    Parameters
    ----------
    architecture
        Name, such as ``convnext-unet``.
    network
        All settings of the architecture, as JSON holds them.
    crop
        Size and voxels of the cube.
    tissue_input
        ``maps`` or ``label``.
    """

    architecture: str
    network: Mapping[str, Any]
    crop: CropSettings
    tissue_input: str

    def check(self, folder: str | Path, info: Mapping[str, Any]) -> None:
        """Compare with the content of a ``model.json``.

        Raises
        ------
        InputError
            If anything differs; it names all that does, with what the model has and what is asked for.
        """
        differences = []
        if info.get("architecture") != self.architecture:
            differences.append(f"architecture {info.get('architecture')}, not {self.architecture}")
        else:
            theirs = _section(info, "network")
            differences += [
                f"network.{key} {theirs.get(key)}, not {self.network.get(key)}"
                for key in sorted({*theirs, *self.network})
                if theirs.get(key) != self.network.get(key)
            ]
        crop = _section(info, "crop")
        for key, mine in self.crop.model_dump(mode="json").items():
            if crop.get(key) != mine:
                differences.append(f"crop.{key} {crop.get(key)}, not {mine}")
        if info.get("tissue_input") != self.tissue_input:
            differences.append(f"tissue_input {info.get('tissue_input')}, not {self.tissue_input}")
        if differences:
            raise InputError(
                folder, f"has {'; '.join(differences)}", "name a model of these settings, or change the settings to its"
            )


def _section(info: Mapping[str, Any], key: str) -> dict[str, Any]:
    """A section of a ``model.json``; empty where there is none."""
    section = info.get(key)
    return section if isinstance(section, dict) else {}
