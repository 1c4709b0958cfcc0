"""Plain torch back end: the formulas of the method on the whole box, to read and to check the other back ends by."""

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

__all__ = ["TorchStepper"]


class TorchStepper(AbstractStepper):
    """Steps of a batch of tumours, one after the other, on every voxel of the box; see ``AbstractStepper``.

    Parameters
    ----------
    domain
        Where. Its floating type is that of the fields.
    seeds
        Initial fields per tumour, shape (B, F, nx, ny, nz) on the padded box; F is 1, or 1 + n with the
        tangents of n parameters.
    growths
        Growth of each tumour.
    device
        Any torch device.
    extrapolate_tangents
        Whether tangents are those of the extrapolated c, or of the fine one.
    """

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
        for index, (yes, tried) in enumerate(zip(which, self.tried, strict=True)):
            if yes and tried is not None:
                self.states[index] = tried

    def totals(self) -> list[Attempt]:
        """See ``AbstractStepper.totals``."""
        return [_outcome(0.0, state[0], growth) for state, growth in zip(self.states, self.growths, strict=True)]

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
        # Where c is clipped, so are its tangents.
        tried = self.tried[index] = torch.where(better[0] < 0, 0, better)
        error = torch.linalg.vector_norm((fine[0] - coarse[0]).double()) / torch.linalg.vector_norm(fine[0].double())
        return _outcome(float(error) / 3, tried[0], growth)

    def strang(self, fields: torch.Tensor, growth: Growth, step: float) -> torch.Tensor:
        """React for half the step, diffuse for the whole, react for half."""
        fields = reaction(fields, growth, step / 2)
        fields = self.diffusion(fields, growth, step)
        return reaction(fields, growth, step / 2)

    def diffusion(self, fields: torch.Tensor, growth: Growth, step: float) -> torch.Tensor:
        """RKL2 step of c and its tangents; see ``Rkl2`` for the recurrence.

        The tangent of mu_D is that of the recurrence itself: every L p is multiplied by k = w mu_D^2 step / h^2, whose
        derivative 2 k / mu_D brings in L p of c. That of the grey share brings in the derivative of L, applied to c.
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
    """L: sum over faces of relative diffusivity times difference, for voxels of 1 mm and D_WM = 1 mm^2.

    The box ends in closed faces, so that rolling around its ends moves nothing.
    """
    total = torch.zeros_like(fields)
    for axis, face in zip((-3, -2, -1), faces, strict=True):
        flux = face * (fields.roll(-1, axis) - fields)
        total += flux - flux.roll(1, axis)
    return total


def reaction(fields: torch.Tensor, growth: Growth, step: float) -> torch.Tensor:
    """Exact logistic growth, c <- c e / (1 + c (e - 1)) with e = exp(rho step), and its tangents."""
    factor, slope = reaction_factors(growth, step)
    c = fields[:1]
    below = 1 + c * (factor - 1)
    tangents = fields[1:] * factor / below**2
    if len(fields) > 1:
        tangents[MU_RHO - 1] += slope * (c * (1 - c) / below**2)[0]
    return torch.cat([c * factor / below, tangents])


def _outcome(error: float, c: torch.Tensor, growth: Growth) -> Attempt:
    c = c.double()
    return Attempt(error, float(c.sum()), growth.mu_rho**2 * float((c * (1 - c)).sum()))
