"""Initial guesses for tumours with several origins, from the fit of a model with one origin less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, label

if TYPE_CHECKING:
    from gliofit.invert.expansion import Expansion, ExpansionObjective

# Share of a voxel that the simpler fit misses, and smallest volume of a missed region.
_MISSED, _SMALLEST_MM3 = 0.3, 300.0
# Regions tried, and times at which growth from a further origin begins.
_REGIONS, _STARTS = 6, (0.2, 0.45, 0.7, 0.9)


def missed_places(objective: ExpansionObjective, simpler: Expansion) -> list[NDArray[np.float64]]:
    """Return the innermost voxels of the largest regions that a fit misses, world mm, the largest region first."""
    grid, start = objective.tissue.grid, objective.domain.start
    regions: list[tuple[float, NDArray[np.float64]]] = []
    for residual in objective.likelihood.residuals(objective.prediction(simpler)):
        numbers, count = label(residual.numpy() > _MISSED)
        sizes = np.bincount(numbers.ravel(), minlength=count + 1)[1:] * grid.voxel_volume_mm3
        for number in np.argsort(-sizes)[:_REGIONS]:
            if sizes[number] < _SMALLEST_MM3:
                break
            # Bordered, because the distance to the end of the box counts.
            depth = distance_transform_edt(np.pad(numbers == number + 1, 1))[1:-1, 1:-1, 1:-1]
            depth = np.where(objective.domain.inside, depth, 0)
            if depth.any():
                voxel = np.array(np.unravel_index(depth.argmax(), depth.shape)) + start
                regions.append((float(sizes[number]), grid.voxel_to_world(voxel)))
    return [place for _, place in sorted(regions, key=lambda region: -region[0])]


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
