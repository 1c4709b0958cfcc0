"""Fit of a smooth front to a segmentation without a growth model (Weidner et al., arXiv:2412.13811)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from gliofit.core.work import Work
from gliofit.invert.base import AbstractInverter, Inversion, InversionError, MethodSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gliofit.invert.problem import Problem
    from gliofit.observation.observation import AbstractObservation

__all__ = ["StaticField", "StaticFieldSettings"]

# Initial concentration: whole tumour, additional in the core, and brain.
_WHOLE, _CORE, _BRAIN = 0.6, 0.2, 0.01

# Smallest sum of CSF, white and grey matter fractions in the brain.
_LEAST_BRAIN = 0.1

# Margin of the box about the tumour, larger than the fitted field spreads.
_MARGIN_MM = 30.0


class StaticFieldSettings(MethodSettings):
    """Settings of ``static-field``."""

    inverter: Literal["static-field"] = Field(description="`static-field`.")
    spacing_mm: float = Field(
        1.0, gt=0, description="Voxel size of the fit; the nearest whole multiple of the case's is used."
    )
    steps: int = Field(500, ge=1, description="Steps of Adam.")
    learning_rate: float = Field(0.01, gt=0, le=1, description="Learning rate.")
    threshold_whole: float = Field(0.2, gt=0, lt=1, description="Concentration at the border of the whole tumour.")
    threshold_core: float = Field(0.6, gt=0, lt=1, description="Concentration at the border of the core.")
    sharpness: float = Field(500.0, gt=0, description="Slope of the soft masks sigmoid(sharpness (c - threshold)).")
    front_weight: float = Field(
        1000.0, ge=0, description="Weight of the shape |grad c| = k c (1 - c) of a travelling front."
    )
    smooth_weight: float = Field(1000.0, ge=0, description="Weight of differences between neighbouring voxels.")
    first_steepness: float = Field(0.1, gt=0, description="Initial value of the fitted steepness k (1/mm).")

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Steps on all voxels of the field."""
        return Work.of("field", self.steps * max(self.spacing_mm, spacing_mm) ** -3.0)

    @property
    def most_evaluations(self) -> int:
        """One evaluation per step."""
        return self.steps

    @model_validator(mode="after")
    def _consistent(self) -> StaticFieldSettings:
        if self.origin != "free":
            raise ValueError("origin: static-field has no origin; set free")
        if self.threshold_core <= self.threshold_whole:
            raise ValueError("threshold_core must be above threshold_whole: the core lies inside the whole tumour")
        return self


class StaticField(AbstractInverter[StaticFieldSettings]):
    """Gradient descent on the voxels of the concentration, without theta and forward simulation."""

    settings_type: ClassVar[type[StaticFieldSettings]] = StaticFieldSettings
    gives_theta: ClassVar[bool] = False
    gives_concentration: ClassVar[bool] = True

    def invert(self, problem: Problem) -> Inversion:
        """Fit the field on a box about the tumour."""
        import torch

        from gliofit.core.grid import Volume, bounding_box
        from gliofit.invert.static_loss import StaticLoss

        settings = self.settings
        trace = problem.start_trace()
        tissue = problem.tissue.canonical()
        factor = max(1, round(settings.spacing_mm / tissue.grid.isotropic_spacing_mm))
        spacing = tissue.grid.isotropic_spacing_mm * factor
        brain_share = Volume(tissue.wm + tissue.gm + tissue.csf, tissue.grid).coarsen(factor)
        whole_mask, core_mask = self._masks(problem.observation)

        def coarse(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
            volume = Volume(mask.astype(np.float32), problem.tissue.grid).canonical()
            return volume.coarsen(factor).data

        whole, core = coarse(whole_mask), coarse(core_mask)
        brain = (brain_share.data >= _LEAST_BRAIN) | (whole > 0)
        box = bounding_box(whole > 0, [int(np.ceil(_MARGIN_MM / spacing))] * 3)
        fields = [torch.from_numpy(np.ascontiguousarray(data[box], np.float32)) for data in (whole, core, brain)]
        thresholds = settings.threshold_whole, settings.threshold_core
        weights = settings.front_weight, settings.smooth_weight
        loss = StaticLoss(fields[0], fields[1], fields[2], thresholds, settings.sharpness, weights, spacing)
        field = (_WHOLE * fields[0] + _CORE * fields[1] + _BRAIN * fields[2]).clamp(1e-5, 1) * fields[2]
        field.requires_grad_(True)
        steepness = torch.tensor(settings.first_steepness, requires_grad=True)
        optimiser = torch.optim.Adam([field, steepness], lr=settings.learning_rate)
        no_theta = np.full(len(problem.space), np.nan)
        for _ in range(settings.steps):
            optimiser.zero_grad(set_to_none=True)
            value = loss(field, steepness)
            value.backward()
            trace.add(no_theta, float(value.detach()), f"{spacing:g} mm")
            if not np.isfinite(float(value.detach())):
                raise InversionError(f"the loss was not finite after {len(trace)} steps; choose a smaller step size")
            optimiser.step()
            with torch.no_grad():
                field.clamp_(1e-5, 1).mul_(fields[2])
        with torch.no_grad():
            last = float(loss(field, steepness))
        coarse_field = np.zeros(whole.shape, np.float32)
        coarse_field[box] = field.detach().numpy()
        volume = Volume(coarse_field, brain_share.grid)
        if factor > 1:
            volume = volume.sample(tissue.grid)
        concentration = Volume(np.clip(volume.data, 0, 1), tissue.grid).oriented_like(problem.tissue.grid)
        message = f"fitted at {spacing:g} mm; steepness {abs(float(steepness.detach())):.2g} per mm"
        return trace.finish_field(concentration, last, message)

    def _masks(self, observation: AbstractObservation) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whole tumour and core of the segmentation, or by thresholds of the concentration."""
        from gliofit.observation.observation import SegmentationObservation

        if isinstance(observation, SegmentationObservation):
            masks = observation.masks
            return masks.whole, np.zeros_like(masks.whole) if masks.core is None else masks.core
        values = observation.concentration.data
        whole = values > self.settings.threshold_whole
        if not whole.any():
            raise InversionError(f"the concentration does not exceed threshold_whole {self.settings.threshold_whole:g}")
        return whole, values > self.settings.threshold_core
