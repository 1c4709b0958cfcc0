"""Loss of theta with its gradient and Gauss-Newton Hessian, through the solver's tangents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.growth.theta import Theta
from gliofit.invert.coarse import CoarseCase
from gliofit.invert.problem import Problem
from gliofit.invert.trace import Trace
from gliofit.observation.likelihood import ConcentrationLikelihood
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.domain import domain_of

__all__ = ["Expansion", "ExpansionObjective"]


@dataclass(frozen=True, eq=False)
class Expansion:
    """The loss about one theta.

    Parameters
    ----------
    theta
        Parameters, shape (n,), positions in world mm.
    loss
        The problem's loss.
    gradient, hessian
        Its derivatives with respect to theta, shapes (n,) and (n, n); the Hessian without second derivatives of c, so
        it is positive semidefinite (Gauss-Newton).
    tangents
        Derivatives of c from which they were computed, shape (n, N).
    c
        Concentration on the objective's box, shape (x, y, z).
    fresh
        Whether the tangents are those at ``theta``, not borrowed from another expansion.
    """

    theta: NDArray[np.float64]
    loss: float
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    tangents: NDArray[Any]
    c: NDArray[Any]
    fresh: bool = True


class ExpansionObjective:
    """The problem's loss through the accurate solver, with derivatives, at a chosen voxel size.

    Everything is computed on the bounding box of the tissue, outside of which nothing can be fitted.

    Parameters
    ----------
    problem
        The case.
    trace
        Gets every evaluation.
    solver
        The forward solver.
    spacing_mm
        Voxel size wanted; the nearest whole multiple of the case's own is taken.
    imaging_width
        Width of the imaging model where it is not the observation's own; a wide one smooths the landscape.
    """

    def __init__(
        self,
        problem: Problem,
        trace: Trace,
        solver: AccurateSolver,
        spacing_mm: float,
        imaging_width: float | None = None,
    ) -> None:
        case = CoarseCase.at(problem, spacing_mm)
        self.tissue, self.spacing_mm = case.tissue, case.spacing_mm
        self.space = problem.space
        self.solver, self.trace = solver, trace
        self.level = f"{self.spacing_mm:g} mm"
        self.domain = domain_of(self.tissue, solver.settings.precision)
        start, shape = self.domain.start.tolist(), self.domain.shape
        self.likelihood = case.likelihood(imaging_width, lambda volume: volume.extract(start, shape))
        self._scale = 1.0
        if isinstance(self.likelihood, ConcentrationLikelihood):
            # A mean over the box becomes one over the whole grid, on which nothing else is missing.
            self._scale = float(np.prod(shape) / np.prod(self.tissue.grid.shape))
        self.without_tumour = max(self._scale * self.likelihood.without_tumour(), 1e-12)

    def expand(self, theta: NDArray[Any], borrowed: Expansion | None = None) -> Expansion | None:
        """The loss about ``theta``, None if its seed lies outside tissue.

        With ``borrowed``, the tangents of that expansion serve here too, which spares most of the work.
        """
        point = Theta.from_array(theta, self.space)
        try:
            if borrowed is None:
                sensitivity = self.solver.solve_with_tangents(self.tissue, point, exact=False)
                fields = sensitivity.stepper.fields(0)
                c, tangents = fields[0], fields[1:].reshape(len(self.space), -1)
            else:
                c = self.domain.from_grid(self.solver.solve(self.tissue, point).concentration)
                tangents = borrowed.tangents
        except SeedOutsideTissueError:
            return None
        share = self.likelihood.share
        seen = torch.from_numpy(np.ascontiguousarray(c, dtype=np.float32)) * share
        value = self._scale * float(self.likelihood(seen[None])[0])
        size = len(self.space)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        for term in self.likelihood.terms(seen):
            # From the prediction, c times the tissue's share, to c itself.
            down = (self._scale * term.slope * share).flatten().numpy()
            bend = (self._scale * term.curvature * share.square()).flatten().numpy()
            gradient += tangents @ down
            hessian += (tangents * bend) @ tangents.T
            if term.floats:
                pull = (tangents @ bend).astype(np.float64)
                hessian -= np.outer(pull, pull) / max(float(bend.sum(dtype=np.float64)), 1e-300)
        self.trace.add(np.asarray(theta), value, self.level)
        return Expansion(np.array(theta, dtype=np.float64), value, gradient, hessian, tangents, c, borrowed is None)

    def seen(self, expansion: Expansion) -> torch.Tensor:
        """What the likelihood compares: concentration averaged over voxels, shape (x, y, z)."""
        return torch.from_numpy(np.ascontiguousarray(expansion.c, dtype=np.float32)) * self.likelihood.share

    def scores(self, expansion: Expansion) -> NDArray[np.float32]:
        """Each voxel's part of the gradient with respect to theta, shape (n, x, y, z)."""
        share = self.likelihood.share
        total = np.zeros_like(expansion.tangents)
        for term in self.likelihood.terms(self.seen(expansion)):
            down = (self._scale * term.slope * share).flatten().numpy()
            tangents = expansion.tangents
            if term.floats:
                bend = (term.curvature * share.square()).flatten().numpy()
                tangents = tangents - ((tangents @ bend) / max(float(bend.sum()), 1e-300))[:, None]
            total += tangents * down
        return total.reshape(-1, *self.domain.shape)
