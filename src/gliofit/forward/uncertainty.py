"""Standard deviation of the tumour-cell concentration, propagated from the covariance of theta."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.grid import Volume
from gliofit.core.header import DEVIATION
from gliofit.core.io import write_volume
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.invert.estimate import read_estimate
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings


def concentration_deviation(
    tissue: Tissue, theta: Theta, covariance: NDArray[np.float64], settings: AccurateSettings | None = None
) -> Volume:
    """Propagate the covariance of theta linearly to the concentration c.

    Parameters
    ----------
    tissue
        Tissue of the case.
    theta
        Estimate.
    covariance
        Covariance of the coordinates of theta, shape (n, n).
    settings
        Settings of the solver whose tangents are used.

    Returns
    -------
    Volume
        sqrt(diag(J C J')) with the solver's tangents J, zero outside grey and white matter. At most sqrt(c (1 - c)),
        the largest standard deviation of a variable in [0, 1] with mean c, which linear propagation exceeds where the
        front is steep.

    Raises
    ------
    SeedOutsideTissueError
        If the seed of the estimate lies outside tissue.
    """
    sensitivity = AccurateSolver(settings).solve_with_tangents(tissue, theta, exact=False)
    domain, tangents = sensitivity.domain, sensitivity.box_tangents
    # With C = R R' the variance is a sum of squares, which rounding cannot make negative.
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    units = theta.space.derivative(theta.to_array())
    roots = units[:, None] * vectors * np.sqrt(np.maximum(values, 0.0))
    variance = np.zeros(domain.shape, tangents.dtype)
    for root in roots.T.astype(tangents.dtype):
        if root.any():
            variance += np.square(np.tensordot(root, tangents, axes=1))
    c = np.clip(domain.from_grid(sensitivity.solution.concentration), 0, 1)
    deviation = domain.to_grid(np.sqrt(np.minimum(variance, c * (1 - c))))
    deviation[~tissue.visible] = 0
    return Volume(deviation, tissue.grid)


def tangent_settings(settings: ForwardSettings) -> AccurateSettings:
    """Return settings of the solver for tangents; ``reference`` has no tangents, ``accurate`` is used instead."""
    return settings.integrator if isinstance(settings.integrator, AccurateSettings) else AccurateSettings()


def map_uncertainty(
    case_dir: Path, parameters: Path, out_path: Path, settings: ForwardSettings, tissue_kind: TissueKind
) -> None:
    """Write the standard deviation of c for one estimate, float32.

    The map is zero if theta or its covariance is missing, or if the seed lies outside tissue.

    Parameters
    ----------
    case_dir
        Case folder with the tissue.
    parameters
        ``parameters.parquet`` of an inversion.
    out_path
        NIfTI file to write.
    settings, tissue_kind
        Integrator and kind of tissue maps.

    Raises
    ------
    InputError
        If the table does not have exactly one row with theta and ``covariance``.
    """
    row, theta = read_estimate(parameters, also=["covariance"])
    tissue = Tissue.load(case_dir, tissue_kind)
    deviation = Volume(np.zeros(tissue.grid.shape, np.float32), tissue.grid)
    covariance = row["covariance"]
    if theta is not None and isinstance(covariance, (list, np.ndarray)):
        try:
            matrix = np.asarray(covariance, dtype=float).reshape(len(theta.space), -1)
            deviation = concentration_deviation(tissue, theta, matrix, tangent_settings(settings))
        except SeedOutsideTissueError:
            pass  # The forward simulation is zero, too; forward.parquet holds the reason.
    write_volume(out_path, deviation, DEVIATION)
