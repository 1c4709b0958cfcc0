"""Torch back end: the formulas of the method on the whole box, as reference for the other back ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.growth.model import Growth
from gliofit.solver.backends.base import GREY_SHARE, MU_D, MU_RHO, AbstractStepper, Attempt, reaction_factors
from gliofit.solver.domain import Domain
from gliofit.solver.rkl2 import rkl2


class TorchStepper(AbstractStepper):
    """Steps of the tumours one after the other on every voxel of the box; see ``make_stepper``."""

    def __init__(
        self,
        domain: Domain,
        seeds: Sequence[NDArray[Any]],
        growths: Sequence[Growth],
        device: str = "cpu",
        extrapolate_tangents: bool = True,
    ) -> None:
        def on_device(array: NDArray[Any]) -> torch.Tensor:
            return torch.tensor(np.asarray(array, domain.dtype), device=device)

        self.extrapolate_tangents = extrapolate_tangents
        self.faces = [on_device(face) for face in domain.faces]
        self.grey_faces = [on_device(face) for face in domain.grey_faces] if len(seeds[0]) > GREY_SHARE else []
        self.spacing, self.spectral_bound = domain.grid.isotropic_spacing_mm, domain.spectral_bound
        self.growths = list(growths)
        self.states = [on_device(seed) for seed in seeds]
        self.tried: list[torch.Tensor | None] = [None] * len(self.states)

    def attempt(self, steps: Sequence[float]) -> list[Attempt | None]:
        """See ``AbstractStepper.attempt``."""
        attempts: list[Attempt | None] = []
        for index, step in enumerate(steps):
            self.tried[index] = None
            attempts.append(self._attempt(index, step) if step > 0 else None)
        return attempts

    def accept(self, which: Sequence[bool]) -> None:
        """See ``AbstractStepper.accept``."""
        for index, (accepted, tried) in enumerate(zip(which, self.tried, strict=True)):
            if accepted and tried is not None:
                self.states[index] = tried

    def totals(self) -> list[Attempt]:
        """See ``AbstractStepper.totals``."""
        return [_summary(0.0, state[0], growth) for state, growth in zip(self.states, self.growths, strict=True)]

    def fields(self, tumour: int) -> NDArray[Any]:
        """See ``AbstractStepper.fields``."""
        return self.states[tumour].cpu().numpy()

    def _attempt(self, index: int, step: float) -> Attempt:
        state, growth = self.states[index], self.growths[index]
        coarse = self.strang(state, growth, step)
        fine = self.strang(self.strang(state, growth, step / 2), growth, step / 2)
        better = (4 * fine - coarse) / 3
        if not self.extrapolate_tangents:
            better[1:] = fine[1:]
        # Tangents are zero where c is clipped.
        tried = self.tried[index] = torch.where(better[0] < 0, 0, better)
        error = torch.linalg.vector_norm((fine[0] - coarse[0]).double()) / torch.linalg.vector_norm(fine[0].double())
        return _summary(float(error) / 3, tried[0], growth)

    def strang(self, fields: torch.Tensor, growth: Growth, step: float) -> torch.Tensor:
        """Take half a reaction step, a diffusion step and half a reaction step."""
        fields = reaction(fields, growth, step / 2)
        fields = self.diffusion(fields, growth, step)
        return reaction(fields, growth, step / 2)

    def diffusion(self, fields: torch.Tensor, growth: Growth, step: float) -> torch.Tensor:
        """Take an RKL2 step of c and its tangents; see ``Rkl2`` for the recurrence.

        Every L p has the factor k = w mu_D^2 step / h^2, whose derivative 2 k / mu_D adds L p of c to the tangent of
        mu_D. The derivative of L by the grey share, applied to c, is added to the tangent of the grey share.
        """
        z = step * growth.mu_d_mm**2 / self.spacing**2
        scheme = rkl2(z * self.spectral_bound)
        k = scheme.w * z
        slope = 2 * k / growth.mu_d_mm
        last, now = torch.zeros_like(fields), fields
        for j in range(1, scheme.stages + 1):
            spread = divergence(now, self.faces)
            grown = now + k * spread
            if len(fields) > 1:
                grown[MU_D] += slope * spread[0]
            if len(fields) > GREY_SHARE:
                grown[GREY_SHARE] += k * divergence(now[0], self.grey_faces)
            last, now = now, (2 * j - 1) / j * grown - (j - 1) / j * last
        return scheme.a * fields + scheme.b * now


def divergence(fields: torch.Tensor, faces: Sequence[torch.Tensor]) -> torch.Tensor:
    """Apply L, the sum over faces of relative diffusivity times difference, for voxels of 1 mm and D_WM = 1 mm^2.

    Faces at the ends of the box are closed, so that the periodic roll has no effect.
    """
    total = torch.zeros_like(fields)
    for axis, face in zip((-3, -2, -1), faces, strict=True):
        flux = face * (fields.roll(-1, axis) - fields)
        total += flux - flux.roll(1, axis)
    return total


def reaction(fields: torch.Tensor, growth: Growth, step: float) -> torch.Tensor:
    """Apply exact logistic growth, c <- c e / (1 + c (e - 1)) with e = exp(rho step), to c and its tangents."""
    factor, slope = reaction_factors(growth, step)
    c = fields[:1]
    below = 1 + c * (factor - 1)
    tangents = fields[1:] * factor / below**2
    if len(fields) > 1:
        tangents[MU_RHO - 1] += slope * (c * (1 - c) / below**2)[0]
    return torch.cat([c * factor / below, tangents])


def _summary(error: float, c: torch.Tensor, growth: Growth) -> Attempt:
    c = c.double()
    return Attempt(error, float(c.sum()), growth.mu_rho**2 * float((c * (1 - c)).sum()))
