"""Settings of the register stage: source of patients, registration, and phantom patients."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gliofit.core.settings import Settings


class PatientsSettings(Settings):
    """Source and selection of patients."""

    source: Path | None = Field(
        None,
        description="Folder tree in BraTS 2021 or BraTS 2023 naming, BIDS dataset, or table (.tsv or .csv) with the "
        "columns case, folder or t1/t1c/t2/flair/seg, brain_mask, labels, as written by `gliofit check --out`. Empty: "
        "no patients.",
    )
    labels: str | None = Field(
        None,
        description="Label scheme of the segmentations (brats2021, brats2023, brats2024, brats2015, brats2024-ped, "
        "msd, gliofit). Empty: the scheme that the file names, or the lookup table of a BIDS segmentation, imply. The "
        "column `labels` of a table has priority.",
    )
    entities: dict[str, str] = Field(
        {},
        description="Preferred BIDS entities where several files could be the same image of a case, such as "
        "`{run: '1'}`.",
    )
    include: tuple[str, ...] | None = Field(None, description="Only these cases. Empty: all.")
    exclude: tuple[str, ...] = Field((), description="Cases to exclude.")
    sample: int | None = Field(
        None,
        ge=1,
        description="Number of usable cases to draw at random, by the run's seed and the cases' names; an additional "
        "case replaces at most one drawn case. Empty, or more than available: all.",
    )


class RegisterSettings(Settings):
    """Registration of the atlas to a patient's T1 image."""

    tumour_fill: Literal["atlas", "white", "keep-if-brain"] = Field(
        "atlas",
        description="Tissue inside the tumour: `atlas` keeps the warped atlas (the paper), `white` sets white matter, "
        "`keep-if-brain` changes only CSF and background, to grey matter.",
    )
    resolution_mm: float = Field(
        2.0, gt=0, le=8, description="Voxel size of the deformable step in mm; results are on the patient's grid."
    )
    affine_resolution_mm: float = Field(
        2.0,
        gt=0,
        le=8,
        description="Voxel size of the rigid and affine steps in mm (never finer than `resolution_mm`).",
    )
    affine_iterations: tuple[int, ...] = Field(
        (1000, 500, 250, 0), description="Largest number of iterations per level, coarse to fine, of these steps."
    )
    affine_shrink: tuple[int, ...] = Field((8, 4, 2, 1), description="Coarsening per level of these steps.")
    deformable_iterations: tuple[int, ...] = Field(
        (60, 40, 5),
        description="Largest number of iterations per level, coarse to fine, of the deformable step (SyN); the last "
        "level has voxels of `resolution_mm`, each previous level twice the spacing. A last entry of 0 skips the "
        "finest level.",
    )
    metric_radius: int = Field(
        2, ge=1, le=8, description="Radius in voxels of the window of the cross-correlation metric."
    )
    gradient_step: float = Field(0.2, gt=0, le=1, description="Step size of the deformable step.")
    update_smoothing: float = Field(3.0, ge=0, description="Smoothing of each deformable update (variance, voxels).")
    total_smoothing: float = Field(0.0, ge=0, description="Smoothing of the whole deformation (variance, voxels).")
    tumour_margin_mm: float = Field(
        3.0, ge=0, description="Width in mm of the rim around the tumour that the deformable step also ignores."
    )
    crop_margin_mm: float = Field(10.0, ge=5, description="Margin in mm around the brain's bounding box.")
    orientation_margin: float = Field(
        0.02,
        ge=0,
        description="A case is refused if the Dice overlap of brain and atlas is larger by this in another orientation "
        "than in that of the header.",
    )
    minimum_overlap: float = Field(
        0.8, ge=0, le=1, description="Least Dice overlap of brain and atlas after centring; other cases are refused."
    )
    good_dice: float = Field(0.95, ge=0, le=1, description="Least brain-mask Dice of a good registration.")
    poor_dice: float = Field(0.90, ge=0, le=1, description="Brain-mask Dice below which a registration is poor.")

    @model_validator(mode="after")
    def _levels_agree(self) -> RegisterSettings:
        if not self.affine_iterations or len(self.affine_iterations) != len(self.affine_shrink):
            raise ValueError("affine_iterations and affine_shrink need the same number of levels, one or more")
        if not self.deformable_iterations:
            raise ValueError("deformable_iterations needs one or more levels")
        if min((*self.affine_iterations, *self.deformable_iterations)) < 0 or min(self.affine_shrink) < 1:
            raise ValueError("iterations must not be negative and coarsening must be 1 or more")
        if self.poor_dice > self.good_dice:
            raise ValueError("poor_dice must not be above good_dice")
        return self


class PhantomSettings(Settings):
    """Phantom patients: BraTS-like images of the deformed atlas with a simulated tumour."""

    count: int = Field(2, ge=0, description="Number of phantom patients.")
    spacing_mm: float = Field(1.0, gt=0, description="Voxel size in mm; the field of view is 240 x 240 x 155 mm.")
    scale: float = Field(0.9, gt=0.5, lt=1.1, description="Mean size of the phantoms' brains relative to the atlas.")
    scale_spread: float = Field(0.02, ge=0, lt=0.1, description="Standard deviation of the scale along each axis.")
    rotation_degrees: float = Field(4.0, ge=0, le=15, description="Standard deviation of the rotation about each axis.")
    deformation_mm: float = Field(3.0, ge=0, le=10, description="Root mean square length of the smooth deformation.")
    deformation_smoothness_mm: float = Field(18.0, gt=0, description="Length scale of the smooth deformation in mm.")
    tumour_volume_cc: tuple[float, float] = Field(
        (20.0, 150.0), description="Range of the whole tumour's volume in cc (concentration at least `whole_at`)."
    )
    mu_rho: tuple[float, float] = Field(
        (3.0, 6.0), description="Range of sqrt(rho T) for the full growth time T; growth stops at the tumour volume."
    )
    front_mm: tuple[float, float] = Field(
        (1.5, 4.0), description="Range of sqrt(D/rho), the width of the tumour's front in white matter, in mm."
    )
    tissue: Literal["labels", "probabilities"] = Field(
        "labels", description="Tissue of the simulation: the binary label map (the paper) or the tissue fractions."
    )
    whole_at: float = Field(0.33, gt=0, lt=1, description="Least concentration of a tumour voxel.")
    core_at: float = Field(0.6, gt=0, lt=1, description="Least concentration of a voxel of the tumour core.")
    necrosis_at: float = Field(0.9, gt=0, le=1, description="Least concentration of a necrotic voxel.")
    bias: float = Field(0.08, ge=0, lt=0.5, description="Standard deviation of the bias field, as a fraction.")
    noise: float = Field(0.03, ge=0, lt=0.5, description="Standard deviation of the noise, relative to white matter.")

    @model_validator(mode="after")
    def _ranges_ascend(self) -> PhantomSettings:
        for name in ("tumour_volume_cc", "mu_rho", "front_mm"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name} needs a positive lower value, not above its upper value")
        if not self.whole_at < self.core_at < self.necrosis_at:
            raise ValueError("thresholds must ascend: whole_at < core_at < necrosis_at")
        return self
