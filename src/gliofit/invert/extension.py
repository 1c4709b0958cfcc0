"""Initial guesses for a growth model from the fit of a simpler one, which lacks an origin or another parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter

if TYPE_CHECKING:
    from gliofit.invert.expansion import Expansion, ExpansionObjective

# Standard deviation of the filter of residuals, distance of their maxima, and number of maxima of each region.
_BLUR_MM, _APART_MM, _MAXIMA = 4.0, 8.0, 5
# Fractions of the range of the last parameter, such as the start of a further origin.
_FRACTIONS = (0.1, 0.3, 0.5, 0.7, 0.9)


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


def extended(
    objective: ExpansionObjective, theta: NDArray[np.float64], places: list[NDArray[np.float64]]
) -> list[NDArray[np.float64]]:
    """Return parameters with further ones that lower the loss most, sorted by loss.

    Parameters
    ----------
    objective
        Loss of the model with further parameters.
    theta
        Parameters of the simpler model.
    places
        Positions to try for a further origin, world mm, one guess for each; ignored if the model has no further origin.
    """
    further = objective.space.parameters[len(theta) :]
    guesses: list[tuple[float, NDArray[np.float64]]] = []
    for place in places if further[0].axis is not None else [np.zeros(0)]:
        (last,) = further[len(place) :]
        low, high = last.to_coordinate(np.array(last.bounds))
        values = last.from_coordinate(low + (high - low) * np.array(_FRACTIONS))
        expansions = (objective.expand(np.concatenate([theta, place, [value]])) for value in values)
        best = min((e for e in expansions if e is not None), key=lambda e: e.loss, default=None)
        if best is not None:
            guesses.append((best.loss, best.theta))
    return [values for _, values in sorted(guesses, key=lambda pair: pair[0])]
