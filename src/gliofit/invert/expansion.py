"""Loss of theta with gradient and Gauss-Newton Hessian from the solver's tangents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Volume
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta
from gliofit.invert.solver_objective import LevelObjective
from gliofit.observation.likelihood import ConcentrationLikelihood
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.domain import domain_of


class Expansion(NamedTuple):
    """Expansion of the loss about theta."""

    #: Parameters, shape (n,), positions in world mm, and their loss.
    theta: NDArray[np.float64]
    loss: float
    #: Derivatives by theta, shapes (n,) and (n, n). Gauss-Newton's Hessian neglects second derivatives of c and is
    #: positive semidefinite.
    gradient: NDArray[np.float64]
    hessian: NDArray[np.float64]
    #: Derivatives of c, shape (n, N), and concentration c on the objective's box, shape (x, y, z).
    tangents: NDArray[Any]
    c: NDArray[Any]

    def in_coordinates(self, space: ParameterSpace) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return gradient and Gauss-Newton Hessian by the coordinates of a space, shapes (n,) and (n, n)."""
        units = space.derivative(self.theta)
        return self.gradient * units, self.hessian * np.outer(units, units)


class ExpansionObjective(LevelObjective[AccurateSolver]):
    """Loss with derivatives through the accurate solver, on the padded bounding box of the tissue."""

    def __init__(self, *arguments: Any, **keys: Any) -> None:
        super().__init__(*arguments, **keys)
        self.domain = domain_of(self.tissue, self.solver.settings.precision)
        self._scale = 1.0
        if isinstance(self.likelihood, ConcentrationLikelihood):
            # From the mean over the box to the mean over the grid; the error outside the box is zero.
            self._scale = float(np.prod(self.domain.shape) / np.prod(self.tissue.grid.shape))
        self.without_tumour = max(self._scale * self.likelihood.without_tumour(), 1e-12)

    def _reduce(self, volume: Volume) -> Volume:
        domain = domain_of(self.tissue, self.solver.settings.precision)
        return super()._reduce(volume).extract(domain.start.tolist(), domain.shape)

    def expand(self, theta: NDArray[Any]) -> Expansion | None:
        """Expand the loss about ``theta``; None if its seed lies outside tissue."""
        try:
            sensitivity = self.solver.solve_with_tangents(self.tissue, Theta.from_array(theta, self.space), exact=False)
        except SeedOutsideTissueError:
            return None
        c, tangents = sensitivity.fields[0], sensitivity.box_tangents.reshape(len(self.space), -1)
        prediction = self.prediction(c)
        value = self._scale * float(self.likelihood(prediction[None])[0])
        size = len(self.space)
        gradient, hessian = np.zeros(size), np.zeros((size, size))
        for slope, curvature, floats in self._terms(prediction):
            gradient += tangents @ slope
            hessian += (tangents * curvature) @ tangents.T
            if floats:
                weighted = (tangents @ curvature).astype(np.float64)
                hessian -= np.outer(weighted, weighted) / max(float(curvature.sum(dtype=np.float64)), 1e-300)
        self.trace.add(np.asarray(theta), value, self.level)
        return Expansion(np.array(theta, dtype=np.float64), value, gradient, hessian, tangents, c)

    def prediction(self, c: NDArray[Any]) -> torch.Tensor:
        """Return the prediction for the likelihood: concentration averaged over voxels, shape (x, y, z)."""
        return torch.from_numpy(np.ascontiguousarray(c, dtype=np.float32)) * self.likelihood.share

    def scores(self, expansion: Expansion) -> NDArray[np.float32]:
        """Return each voxel's part of the gradient by theta, shape (n, x, y, z)."""
        total = np.zeros_like(expansion.tangents)
        for slope, curvature, floats in self._terms(self.prediction(expansion.c)):
            tangents = expansion.tangents
            if floats:
                tangents = tangents - ((tangents @ curvature) / max(float(curvature.sum()), 1e-300))[:, None]
            total += tangents * slope
        return total.reshape(-1, *self.domain.shape)

    def _terms(self, prediction: torch.Tensor) -> Iterator[tuple[NDArray[Any], NDArray[Any], bool]]:
        """Yield slope and curvature of each term by c, shapes (N,), and whether its threshold was fitted."""
        share = self.likelihood.share
        for slope, curvature, floats in self.likelihood.terms(prediction):
            # From derivatives by the prediction, which is c times the tissue's share.
            by_c = self._scale * slope * share, self._scale * curvature * share.square()
            yield by_c[0].flatten().numpy(), by_c[1].flatten().numpy(), floats
