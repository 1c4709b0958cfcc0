"""Settings of the register stage: which patients, how to register them, and how to make phantom patients."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gliofit.core.settings import Settings

__all__ = ["PatientsSettings", "PhantomSettings", "RegisterSettings"]


class PatientsSettings(Settings):
    """Which patients there are."""

    source: Path | None = Field(
        None,
        description="Folder tree in BraTS 2021 or BraTS 2023 naming, BIDS dataset, or table (.tsv or .csv) with the "
        "columns case, folder or t1/t1c/t2/flair/seg, brain_mask, labels, such as `gliofit check --out` writes. Empty: "
        "no patients.",
    )
    labels: str | None = Field(
        None,
        description="Label scheme of the segmentations (brats2021, brats2023, brats2024, brats2015, brats2024-ped, "
        "msd, gliofit) where it is not the one that the file naming, or the lookup table of a BIDS segmentation, "
        "implies. A table's own "
        "`labels` column wins over it.",
    )
    entities: dict[str, str] = Field(
        {},
        description="BIDS entities by which to choose where several files could be the same image of a case, such as "
        "`{run: '1'}`.",
    )
    include: tuple[str, ...] | None = Field(None, description="Only these cases. Empty: all that are found.")
    exclude: tuple[str, ...] = Field((), description="Cases to leave out.")
    sample: int | None = Field(
        None,
        ge=1,
        description="Draw this many of the cases that can be used, at random by the run's seed and the cases' names, "
        "so that cases which are added change the draw as little as possible. Empty, or more than there are: all.",
    )


class RegisterSettings(Settings):
    """How the atlas is brought onto a patient's T1 image."""

    tumour_fill: Literal["atlas", "white", "keep-if-brain"] = Field(
        "atlas",
        description="Tissue inside the tumour: `atlas` keeps the warped atlas (the paper), `white` makes it all white "
        "matter, `keep-if-brain` turns only CSF and background into grey matter.",
    )
    resolution_mm: float = Field(
        2.0, gt=0, le=8, description="Voxel size the deformable step works at; results are on the patient's own grid."
    )
    affine_resolution_mm: float = Field(
        2.0, gt=0, le=8, description="Voxel size of the rigid and affine steps (never finer than `resolution_mm`)."
    )
    affine_iterations: tuple[int, ...] = Field(
        (1000, 500, 250, 0), description="Most iterations per level, coarse to fine, of the rigid and affine steps."
    )
    affine_shrink: tuple[int, ...] = Field((8, 4, 2, 1), description="Coarsening per level of those steps.")
    deformable_iterations: tuple[int, ...] = Field(
        (60, 40, 5),
        description="Most iterations per level, coarse to fine, of the deformable step (SyN); the last level works at "
        "`resolution_mm`, each level before it at twice the spacing. A last entry of 0 skips the finest level.",
    )
    metric_radius: int = Field(
        2, ge=1, le=8, description="Radius in voxels of the window of the cross-correlation metric."
    )
    gradient_step: float = Field(0.2, gt=0, le=1, description="Step size of the deformable step.")
    update_smoothing: float = Field(3.0, ge=0, description="Smoothing of each deformable update (variance, voxels).")
    total_smoothing: float = Field(0.0, ge=0, description="Smoothing of the whole deformation (variance, voxels).")
    tumour_margin_mm: float = Field(
        3.0, ge=0, description="Width of the rim around the tumour that the deformable step does not look at either."
    )
    crop_margin_mm: float = Field(10.0, ge=5, description="Margin around the brain's bounding box that is kept.")
    orientation_margin: float = Field(
        0.02,
        ge=0,
        description="A turned or flipped brain that overlaps the atlas by this much more (Dice) than the brain as its "
        "header describes it stops the case.",
    )
    minimum_overlap: float = Field(
        0.8, ge=0, le=1, description="Least overlap (Dice) of brain and atlas after centring; less stops the case."
    )
    good_dice: float = Field(0.95, ge=0, le=1, description="Brain-mask Dice from which a registration counts as good.")
    poor_dice: float = Field(0.90, ge=0, le=1, description="Brain-mask Dice under which a registration counts as poor.")

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
    """Phantom patients: the atlas, deformed, with a simulated tumour, as BraTS-like images."""

    count: int = Field(2, ge=0, description="Number of phantom patients.")
    spacing_mm: float = Field(1.0, gt=0, description="Voxel size; the field of view is always 240 x 240 x 155 mm.")
    scale: float = Field(0.9, gt=0.5, lt=1.1, description="Mean size of the phantoms' brains relative to the atlas.")
    scale_spread: float = Field(0.02, ge=0, lt=0.1, description="Standard deviation of the scale along each axis.")
    rotation_degrees: float = Field(4.0, ge=0, le=15, description="Standard deviation of the rotation about each axis.")
    deformation_mm: float = Field(3.0, ge=0, le=10, description="Root mean square length of the smooth deformation.")
    deformation_smoothness_mm: float = Field(18.0, gt=0, description="Length scale of the smooth deformation.")
    tumour_volume_cc: tuple[float, float] = Field(
        (20.0, 150.0), description="Range of the whole tumour's volume (where the concentration reaches `whole_at`)."
    )
    mu_rho: tuple[float, float] = Field((3.0, 6.0), description="Range of sqrt(rho T) before the growth is stopped.")
    front_mm: tuple[float, float] = Field(
        (1.5, 4.0), description="Range of sqrt(D/rho), the width of the tumour's front in white matter, in mm."
    )
    tissue: Literal["labels", "probabilities"] = Field(
        "labels", description="What the tumour grows in: the binary label map, as the paper, or the tissue fractions."
    )
    whole_at: float = Field(0.33, gt=0, lt=1, description="Concentration from which a voxel counts as tumour.")
    core_at: float = Field(0.6, gt=0, lt=1, description="Concentration from which a voxel counts as tumour core.")
    necrosis_at: float = Field(0.9, gt=0, le=1, description="Concentration from which the core is necrotic.")
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
