"""Torch back end: the formulas of the method on the whole box, as reference for the other back ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.growth.model import Growth
from gliofit.solver.backends.base import GREY_SHARE, MU_D, MU_RHO, AbstractTumour, Attempt, reaction_factors
from gliofit.solver.domain import Domain
from gliofit.solver.rkl2 import rkl2


class TorchTumour(AbstractTumour):
    """Steps of one tumour on every voxel of the box; see ``AbstractStepper``."""

    def __init__(
        self,
        domain: Domain,
        seed: NDArray[Any],
        growth: Growth,
        extrapolate_tangents: bool = True,
        with_grey_share: bool = False,
    ) -> None:
        self.growth, self.extrapolate_tangents = growth, extrapolate_tangents
        self.faces = [torch.from_numpy(face) for face in domain.faces]
        self.grey_faces = [torch.from_numpy(face) for face in domain.grey_faces] if with_grey_share else []
        self.spacing, self.spectral_bound = domain.grid.isotropic_spacing_mm, domain.spectral_bound
        self.state = self.tried = torch.tensor(np.asarray(seed, domain.dtype))

    def attempt(self, step: float) -> Attempt:
        """See ``AbstractTumour.attempt``."""
        coarse = self.strang(self.state, step)
        fine = self.strang(self.strang(self.state, step / 2), step / 2)
        better = (4 * fine - coarse) / 3
        if not self.extrapolate_tangents:
            better[1:] = fine[1:]
        # Tangents are zero where c is clipped.
        self.tried = torch.where(better[0] < 0, 0, better)
        error = torch.linalg.vector_norm((fine[0] - coarse[0]).double()) / torch.linalg.vector_norm(fine[0].double())
        return self._summary(float(error) / 3, self.tried[0])

    def accept(self) -> None:
        """See ``AbstractTumour.accept``."""
        self.state = self.tried

    def total(self) -> Attempt:
        """See ``AbstractTumour.total``."""
        return self._summary(0.0, self.state[0])

    def fields(self, count: int | None) -> NDArray[Any]:
        """See ``AbstractTumour.fields``."""
        return self.state[:count].numpy()

    def _summary(self, error: float, c: torch.Tensor) -> Attempt:
        c = c.double()
        return Attempt(error, float(c.sum()), self.growth.mu_rho**2 * float((c * (1 - c)).sum()))

    def strang(self, fields: torch.Tensor, step: float) -> torch.Tensor:
        """Take half a reaction step, a diffusion step and half a reaction step."""
        return reaction(self.diffusion(reaction(fields, self.growth, step / 2), step), self.growth, step / 2)

    def diffusion(self, fields: torch.Tensor, step: float) -> torch.Tensor:
        """Take an RKL2 step of c and its tangents; see ``Rkl2`` for the recurrence.

        Every L p has the factor k = w mu_D^2 step / h^2, whose derivative 2 k / mu_D adds L p of c to the tangent of
        mu_D. The derivative of L by the grey share, applied to c, is added to the tangent of the grey share.
        """
        z = step * self.growth.mu_d_mm**2 / self.spacing**2
        scheme = rkl2(z * self.spectral_bound)
        k = scheme.w * z
        slope = 2 * k / self.growth.mu_d_mm
        last, now = torch.zeros_like(fields), fields
        for j in range(1, scheme.stages + 1):
            spread = divergence(now, self.faces)
            grown = now + k * spread
            if len(fields) > 1:
                grown[MU_D] += slope * spread[0]
            if len(fields) > 1 and self.grey_faces:
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
