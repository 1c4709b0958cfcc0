"""Block means of the solver's concentration on a surrogate's cube."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import Crop
from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.base import AbstractForwardSolver


@dataclass(frozen=True, eq=False)
class SolverOnCube:
    """Forward solver with output on the cube of a tumour; derivatives require the accurate solver.

    The tissue is that of the anatomy at the spacing of the simulations. Methods raise SeedOutsideTissueError if no part
    of the initial tumour lies in white or grey matter.
    """

    tissue: Tissue
    crop: Crop
    solver: AbstractForwardSolver

    def field(self, theta: Theta) -> NDArray[np.float64]:
        """Compute the concentration, shape (n, n, n)."""
        return self._on_cube(self.solver.solve(self.tissue, theta).concentration)

    def field_and_tangents(self, theta: Theta) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Compute the concentration (n, n, n) and its derivatives (p, n, n, n)."""
        assert isinstance(self.solver, AccurateSolver)
        sensitivity = self.solver.solve_with_tangents(self.tissue, theta)
        field = self._on_cube(sensitivity.solution.concentration)
        return field, np.stack([self._on_cube(tangent) for tangent in sensitivity.tangents])

    def _on_cube(self, data: NDArray[np.floating]) -> NDArray[np.float64]:
        # As in simulations: zero outside voxels labelled white or grey matter.
        kept = np.where(self.tissue.visible, data, 0)
        return self.crop.volume(Volume(kept, self.tissue.grid)).data.astype(np.float64)
