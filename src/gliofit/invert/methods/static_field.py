"""Fit of a smooth front to a segmentation without a growth model (Weidner et al., arXiv:2412.13811)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from gliofit.core.work import Work
from gliofit.invert.base import AbstractInverter, Inversion, InversionError
from gliofit.observation.imaging import check_thresholds

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from gliofit.invert.problem import Problem
    from gliofit.observation.observation import AbstractObservation

# Initial concentration: whole tumour, additional in the core, and brain.
_WHOLE, _CORE, _BRAIN = 0.6, 0.2, 0.01
# Smallest sum of CSF, white and grey matter fractions in the brain.
_MIN_BRAIN = 0.1
# Margin of the box about the tumour, larger than the fitted field spreads.
_MARGIN_MM = 30.0
# Concentration above which the field is smoothed.
_PRESENT = 1e-3


class StaticField(AbstractInverter):
    """Gradient descent on the voxels of the concentration, without theta and forward simulation."""

    has_origin: ClassVar[bool] = False
    gives_theta: ClassVar[bool] = False
    gives_concentration: ClassVar[bool] = True

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

    _ordered = model_validator(mode="after")(check_thresholds)

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Steps on all voxels of the field."""
        return Work.of("field", self.steps * max(self.spacing_mm, spacing_mm) ** -3.0)

    @property
    def most_evaluations(self) -> int:
        """One evaluation per step."""
        return self.steps

    def invert(self, problem: Problem) -> Inversion:
        """Fit the field on a box about the tumour."""
        import torch

        from gliofit.core.grid import Volume, bounding_box

        trace = problem.start_trace()
        tissue = problem.tissue.canonical()
        factor = max(1, round(self.spacing_mm / tissue.grid.isotropic_spacing_mm))
        spacing = tissue.grid.isotropic_spacing_mm * factor
        share = Volume(tissue.wm + tissue.gm + tissue.csf, tissue.grid).coarsen(factor)

        def coarse(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
            return Volume(mask.astype(np.float32), problem.tissue.grid).canonical().coarsen(factor).data

        whole, core = map(coarse, self._masks(problem.observation))
        brain = (share.data >= _MIN_BRAIN) | (whole > 0)
        box = bounding_box(whole > 0, [int(np.ceil(_MARGIN_MM / spacing))] * 3)
        parts = [torch.from_numpy(np.ascontiguousarray(data[box], np.float32)) for data in (whole, core, brain)]
        loss = StaticLoss(parts[0], parts[1], parts[2], spacing, self)
        field = (_WHOLE * parts[0] + _CORE * parts[1] + _BRAIN * parts[2]).clamp(1e-5, 1) * parts[2]
        field.requires_grad_(True)
        steepness = torch.tensor(self.first_steepness, requires_grad=True)
        optimiser = torch.optim.Adam([field, steepness], lr=self.learning_rate)
        no_theta = np.full(len(problem.space), np.nan)
        for _ in range(self.steps):
            optimiser.zero_grad(set_to_none=True)
            value = loss(field, steepness)
            value.backward()
            trace.add(no_theta, float(value.detach()), f"{spacing:g} mm")
            if not np.isfinite(float(value.detach())):
                raise InversionError(f"the loss was not finite after {len(trace)} steps; choose a smaller step size")
            optimiser.step()
            with torch.no_grad():
                field.clamp_(1e-5, 1).mul_(parts[2])
        last = float(loss(field.detach(), steepness.detach()))
        volume = Volume(np.zeros(whole.shape, np.float32), share.grid)
        volume.data[box] = field.detach().numpy()
        volume = volume.sample(tissue.grid) if factor > 1 else volume
        concentration = Volume(np.clip(volume.data, 0, 1), tissue.grid).oriented_like(problem.tissue.grid)
        message = f"fitted at {spacing:g} mm; steepness {abs(float(steepness.detach())):.2g} per mm"
        return trace.finish(None, last, True, message, concentration=concentration)

    def _masks(self, observation: AbstractObservation) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whole tumour and core of the segmentation, or by thresholds of the concentration."""
        from gliofit.observation.observation import SegmentationObservation

        if isinstance(observation, SegmentationObservation):
            return observation.masks.whole, observation.masks.core
        values = observation.concentration.data
        whole = values > self.threshold_whole
        if not whole.any():
            raise InversionError(f"the concentration does not exceed threshold_whole {self.threshold_whole:g}")
        return whole, values > self.threshold_core


class StaticLoss:
    """Overlap with the regions of a segmentation, shape of a travelling front, and smoothness.

    Sum of: 1 - Dice of whole tumour and of core; ``front_weight`` times the mean of ((k c (1 - c) - |grad c|) / k)^2
    over the eroded brain; ``smooth_weight`` times the mean, over voxels with tumour, of the squared sum of differences
    to the six neighbours. ``whole`` and ``core`` are the share of each voxel in the regions (an empty core is ignored),
    ``brain`` is 1 in the brain and 0 elsewhere, shapes (x, y, z).

    Source: Weidner et al., arXiv:2412.13811.
    """

    def __init__(self, whole: Tensor, core: Tensor, brain: Tensor, spacing_mm: float, settings: StaticField) -> None:
        regions = ((whole, settings.threshold_whole), (core, settings.threshold_core))
        self.regions = [(mask, threshold) for mask, threshold in regions if bool((mask > 0).any())]
        self.spacing_mm, self.settings, self.inner = spacing_mm, settings, _erode(brain)

    def __call__(self, field: Tensor, steepness: Tensor) -> Tensor:
        """Return the loss of a field, shape (x, y, z), and of the steepness k per mm."""
        settings, loss = self.settings, field.new_zeros(())
        for mask, threshold in self.regions:
            shown = (settings.sharpness * (field - threshold)).sigmoid()
            loss = loss + 1 - 2 * (shown * mask).sum() / (shown.sum() + mask.sum()).clamp(min=1e-6)
        squared, rough = _differences(field, self.spacing_mm)
        front = field * (1 - field) - (squared + 1e-12).sqrt() / steepness
        loss = loss + settings.front_weight * (front.square() * self.inner).sum() / self.inner.sum().clamp(min=1)
        present = (field.detach() > _PRESENT).to(field.dtype)
        return loss + settings.smooth_weight * (rough.square() * present).sum() / present.sum().clamp(min=1)


def _differences(field: Tensor, spacing_mm: float) -> tuple[Tensor, Tensor]:
    """Compute the squared gradient by central differences (mm^-2) and the sum of differences to neighbours (mm^-1).

    The field is extended by its values at the faces of the box.
    """
    import torch

    squared, rough = torch.zeros_like(field), torch.zeros_like(field)
    for axis in range(3):
        step = torch.diff(field, dim=axis) / spacing_mm
        zero = torch.zeros_like(field.narrow(axis, 0, 1))
        after, before = torch.cat([step, zero], axis), torch.cat([zero, step], axis)
        squared = squared + ((after + before) / 2).square()
        rough = rough + after.abs() + before.abs()
    return squared, rough


def _erode(mask: Tensor) -> Tensor:
    """Erode a mask by one voxel, but not at the faces of the box."""
    out = mask.clone()
    for axis in range(3):
        size = mask.shape[axis]
        out.narrow(axis, 0, size - 1).mul_(mask.narrow(axis, 1, size - 1))
        out.narrow(axis, 1, size - 1).mul_(mask.narrow(axis, 0, size - 1))
    return out
