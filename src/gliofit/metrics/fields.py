"""Errors of a predicted concentration relative to a true one.

Errors are averaged over two domains, which are part of the column names:

``volume``
    240 x 240 x 155 mm, the BraTS volume of the paper, for any grid. Both fields are zero outside the grid, so that only
    the voxel count matters.
``crop``
    The cube of 128 mm around the true tumour's centre of mass, as used by networks; zero outside the grid.

The domains differ by a factor of 8928000 / 128^3 = 4.257 in volume, and so do MSE and MAE of a tumour inside the cube.
Both fields are first set to zero outside grey and white matter.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.grid import Volume, bounding_box
from gliofit.paper import EXTENT_MM

#: The paper's image volume; MSE and MAE of the domain ``volume`` are averages over it.
VOLUME_MM3 = float(np.prod(EXTENT_MM))

#: Edge of the cube of the domain ``crop``.
CROP_MM = 128.0

#: Patterns of the columns of one domain, in the order of ``FieldErrors``.
_COLUMNS = ("mse_{}", "mae_{}", "mse_{}_normalised", "mae_{}_normalised", "ncc_{}")

FIELD_METRICS = tuple(name.format(domain) for domain in ("volume", "crop") for name in _COLUMNS)


@dataclass(frozen=True)
class FieldErrors:
    """Errors of a field in an averaging domain; NaN if the domain does not exist.

    Parameters
    ----------
    mse, mae
        Mean squared and mean absolute difference over the domain.
    mse_normalised, mae_normalised
        The same, divided by the true tumour's volume (the integral of the true concentration) in mm^3. At 1 mm this
        is the paper's division by the sum over voxels. NaN if there is no true tumour.
    ncc
        Normalised cross-correlation, with each field's mean over the whole domain removed. 0 if the prediction is
        constant (it explains nothing), NaN if the truth is.
    """

    mse: float = float("nan")
    mae: float = float("nan")
    mse_normalised: float = float("nan")
    mae_normalised: float = float("nan")
    ncc: float = float("nan")

    def columns(self, domain: str) -> dict[str, float]:
        """Return the columns of the metrics table."""
        return dict(zip((name.format(domain) for name in _COLUMNS), astuple(self), strict=True))


def field_errors(
    prediction: NDArray[np.floating], truth: NDArray[np.floating], voxel_volume_mm3: float, domain_mm3: float
) -> FieldErrors:
    """Compare two arrays of equal shape that contain all non-zero voxels of a domain of the given volume.

    Voxels of the domain outside the arrays are zero in both: they do not contribute to the sums of errors, but to the
    means that the cross-correlation subtracts.

    Raises
    ------
    ValueError
        If the shapes differ or the non-zero voxels do not fit into the domain.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"prediction of shape {prediction.shape}, truth of shape {truth.shape}")
    p = np.asarray(prediction, dtype=np.float64).ravel()
    t = np.asarray(truth, dtype=np.float64).ravel()
    count = domain_mm3 / voxel_volume_mm3
    if count < p.size and count * (1 + 1e-9) < np.count_nonzero((p != 0) | (t != 0)):
        raise ValueError(f"the tumour does not fit into an averaging domain of {domain_mm3:g} mm^3")

    difference = p - t
    mse = float(difference @ difference) / count
    mae = float(np.abs(difference).sum()) / count
    volume = float(t.sum()) * voxel_volume_mm3
    normalised = (mse / volume, mae / volume) if volume > 0 else (float("nan"), float("nan"))

    # Means include the background, whose contribution to a sum of squares is the squared mean times its voxels.
    mean_p, mean_t = float(p.sum()) / count, float(t.sum()) / count
    background = count - p.size
    dp, dt = p - mean_p, t - mean_t
    covariance = float(dp @ dt) + background * mean_p * mean_t
    variance_p = float(dp @ dp) + background * mean_p**2
    variance_t = float(dt @ dt) + background * mean_t**2
    if _is_constant(t, background):
        ncc = float("nan")
    elif _is_constant(p, background):
        ncc = 0.0
    else:
        ncc = covariance / float(np.sqrt(variance_p * variance_t))
    return FieldErrors(mse, mae, *normalised, ncc)


def _is_constant(values: NDArray[np.float64], background: float) -> bool:
    """Whether the values, including background zeros, are constant."""
    if values.size == 0:
        return True
    first = 0.0 if background > 0.5 else values[0]
    return bool((values == first).all())


def compare_fields(prediction: Volume, truth: Volume, tissue_mask: NDArray[np.bool_]) -> dict[str, float]:
    """Score a prediction against the truth, on the same grid, in both averaging domains.

    Both fields are set to zero outside grey and white matter (``tissue_mask``).

    Returns
    -------
    dict
        The ten columns of ``FIELD_METRICS``; those of the cube are NaN without a true tumour.
    """
    grid = truth.grid
    if not prediction.grid.matches(grid) or tissue_mask.shape != grid.shape:
        raise ValueError("prediction, truth and tissue must lie on one grid")
    fields = [Volume(np.where(tissue_mask, volume.data, 0), grid).canonical() for volume in (prediction, truth)]
    voxel_mm3 = grid.voxel_volume_mm3
    box = bounding_box((fields[0].data != 0) | (fields[1].data != 0))
    columns = field_errors(fields[0].data[box], fields[1].data[box], voxel_mm3, VOLUME_MM3).columns("volume")

    if not (fields[1].data > 0).any():
        return columns | FieldErrors().columns("crop")
    centre = fields[1].grid.world_to_voxel(centre_of_mass_mm(fields[1])) + 0.5
    size = np.maximum(1, np.rint(CROP_MM / np.array(fields[1].grid.spacing_mm)).astype(int))
    start = np.rint(centre - size / 2).astype(int)
    cubes = [field.extract(start, size).data for field in fields]
    domain = float(np.prod(size)) * voxel_mm3
    return columns | field_errors(cubes[0], cubes[1], voxel_mm3, domain).columns("crop")
