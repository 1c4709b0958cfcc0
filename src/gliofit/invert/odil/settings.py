"""Settings of the discrete loss: weights, and behaviour of the released version."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.settings import Settings

__all__ = ["ReleasedSettings", "WeightSettings"]


class WeightSettings(Settings):
    """Weights w of the terms mean((w term)^2) over cells and slices, by default those of GliODIL."""

    equation: float = Field(2400.0, gt=0, description="Residual of the growth equation, per day.")
    seed: float = Field(1000.0, gt=0, description="Difference of the first slice from the initial tumour.")
    regions: float = Field(12.0, gt=0, description="Distance of the last slice from the segmentation's thresholds.")
    concentration: float = Field(45.0, gt=0, description="Difference of the last slice from a concentration.")
    range: float = Field(1.0, ge=0, description="Values below 0 or above 1.")
    outside: float = Field(0.01, ge=0, description="Values outside white and grey matter.")
    parameters: float = Field(1.0, ge=0, description="Sum of the distances of parameters from their ranges.")


class ReleasedSettings(Settings):
    """Optional behaviour of GliODIL's released version that changes results."""

    swapped_faces: bool = Field(
        False,
        description="Combine each face's diffusivity with the difference at the opposite face, so that cells diffuse "
        "out of tissue.",
    )
    y_faces_for_z: bool = Field(False, description="Use the diffusivities of the lower y faces for the lower z faces.")
    periodic_box: bool = Field(False, description="Use periodic boundary conditions.")
    wide_seed: bool = Field(
        False,
        description="Use GliODIL's initial tumour (peak 0.58, radius 10.3 voxels) instead of that of the forward "
        "simulation (0.50, 5.7 mm).",
    )
    half_voxel_offset: bool = Field(
        False, description="Measure the origin from voxel corners in the fit and from voxel centres in the result."
    )
