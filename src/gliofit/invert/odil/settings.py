"""Settings of the discrete loss that are sections of their own."""

from __future__ import annotations

from pydantic import Field

from gliofit.core.settings import Settings

__all__ = ["ReleasedSettings", "WeightSettings"]


class WeightSettings(Settings):
    """Weights w of the terms of the loss, each mean((w term)^2) over all cells and slices; GliODIL's own."""

    equation: float = Field(2400.0, gt=0, description="Residual of the growth equation, per day.")
    seed: float = Field(1000.0, gt=0, description="Difference of the first slice from the initial tumour.")
    regions: float = Field(12.0, gt=0, description="Last slice beyond the thresholds of a segmentation's regions.")
    concentration: float = Field(45.0, gt=0, description="Difference of the last slice from a concentration.")
    range: float = Field(1.0, ge=0, description="Values below 0 or above 1.")
    outside: float = Field(0.01, ge=0, description="Values outside white and grey matter.")
    parameters: float = Field(1.0, ge=0, description="Sum of how far parameters leave their ranges.")


class ReleasedSettings(Settings):
    """Behaviour of GliODIL's released version that changes results and is not repeated unless asked for."""

    swapped_faces: bool = Field(
        False,
        description="Pair each face's diffusivity with the difference across the opposite face, which lets cells "
        "diffuse out of tissue.",
    )
    y_faces_for_z: bool = Field(False, description="Take the lower z faces' diffusivities from the lower y faces.")
    periodic_box: bool = Field(False, description="Join opposite ends of the box.")
    wide_seed: bool = Field(
        False,
        description="Start from GliODIL's initial tumour (peak 0.58, radius 10.3 voxels), which is not that of the "
        "final forward run (0.50, 5.7 mm).",
    )
    half_voxel_offset: bool = Field(
        False, description="Count the origin from voxel corners in the fit and from voxel centres in the result."
    )
