"""Initial guesses for tumours with several origins, from the fit of a model with one origin less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

if TYPE_CHECKING:
    from gliofit.invert.expansion import Expansion, ExpansionObjective

# Standard deviation of the filter of residuals, distance of their maxima, and number of maxima of each region.
_BLUR_MM, _APART_MM, _MAXIMA = 4.0, 8.0, 5
# Times at which growth from a further origin begins.
_STARTS = (0.1, 0.3, 0.5, 0.7, 0.9)


def missed_places(objective: ExpansionObjective, simpler: Expansion) -> list[NDArray[np.float64]]:
    """Return positions in tissue, world mm, about which a fit misses most of an observed region."""
    grid, domain = objective.tissue.grid, objective.domain
    spacing = grid.isotropic_spacing_mm
    places = []
    for residual in objective.likelihood.residuals(objective.prediction(simpler.c)):
        smooth = np.where(domain.inside, gaussian_filter(residual.numpy(), _BLUR_MM / spacing), 0)
        peaks = (smooth == maximum_filter(smooth, 1 + 2 * round(_APART_MM / spacing))) & (smooth > 0)
        voxels = np.argwhere(peaks)
        highest = np.argsort(-smooth[peaks], kind="stable")[:_MAXIMA]
        places += list(grid.voxel_to_world(voxels[highest] + domain.start))
    return places


def expand_with_origin(
    objective: ExpansionObjective, theta: NDArray[np.float64], places: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return parameters with a further origin at each place, each with the start of the lowest loss, sorted by loss.

    Parameters
    ----------
    objective
        Loss of the model with the further origin.
    theta
        Parameters of the simpler model, shape (n - 4,).
    places
        Positions of the origin, world mm.
    """
    guesses: list[tuple[float, NDArray[np.float64]]] = []
    for place in places:
        expansions = (objective.expand(np.concatenate([theta, place, [start]])) for start in _STARTS)
        best = min((e for e in expansions if e is not None), key=lambda e: e.loss, default=None)
        if best is not None:
            guesses.append((best.loss, best.theta))
    return [values for _, values in sorted(guesses, key=lambda pair: pair[0])]
