"""Comparison of a trained model with the configuration that uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError


@dataclass(frozen=True)
class Expectation:
    """Model settings of a configuration.

    Parameters
    ----------
    architecture
        Name, such as ``convnext-unet``.
    network
        Settings of the architecture as JSON values.
    crop
        Settings of the cube.
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
            If settings differ; the message lists all differences.
        """
        differences = []
        if info.get("architecture") != self.architecture:
            differences.append(f"architecture {info.get('architecture')}, not {self.architecture}")
        else:
            differences += _differences(info, "network", self.network)
        differences += _differences(info, "crop", self.crop.model_dump(mode="json"))
        if info.get("tissue_input") != self.tissue_input:
            differences.append(f"tissue_input {info.get('tissue_input')}, not {self.tissue_input}")
        if differences:
            raise InputError(
                folder, f"has {'; '.join(differences)}", "use a model with these settings, or change the settings"
            )


def _differences(info: Mapping[str, Any], name: str, expected: Mapping[str, Any]) -> list[str]:
    """Describe the differences of a section of ``model.json``."""
    section = info.get(name)
    stored = section if isinstance(section, dict) else {}
    return [
        f"{name}.{key} {stored.get(key)}, not {expected.get(key)}"
        for key in sorted({*stored, *expected})
        if stored.get(key) != expected.get(key)
    ]
