"""The five unknowns of one tumour: origin (x, y, z), mu_D and mu_rho."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gliofit.grid import Grid

__all__ = ["DURATION_DAYS", "THETA_COLUMNS", "THETA_NAMES", "Bounds", "Theta"]

#: Growth time every re-simulation uses; only D T and rho T matter, so the choice is free (the paper uses 100 days).
DURATION_DAYS = 100.0

THETA_NAMES = ("origin_x", "origin_y", "origin_z", "mu_d", "mu_rho")

#: Columns of theta in tables of results, in the order of ``Theta.to_array``.
THETA_COLUMNS = ("origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho")


@dataclass(frozen=True)
class Theta:
    """Parameters of a Fisher-Kolmogorov tumour seen at one time point.

    Parameters
    ----------
    origin_mm
        Centre of the initial tumour in world coordinates (RAS, mm), so that it holds on every grid of the case.
    mu_d_mm
        sqrt(D_WM T), in mm.
    mu_rho
        sqrt(rho T), no unit.
    """

    origin_mm: tuple[float, float, float]
    mu_d_mm: float
    mu_rho: float

    def __post_init__(self) -> None:
        x, y, z = (float(v) for v in self.origin_mm)
        object.__setattr__(self, "origin_mm", (x, y, z))
        object.__setattr__(self, "mu_d_mm", float(self.mu_d_mm))
        object.__setattr__(self, "mu_rho", float(self.mu_rho))
        if not np.isfinite([x, y, z, self.mu_d_mm, self.mu_rho]).all() or min(self.mu_d_mm, self.mu_rho) < 0:
            raise ValueError(f"not a valid theta: {self.origin_mm}, {self.mu_d_mm}, {self.mu_rho}")

    @classmethod
    def from_growth(
        cls,
        origin_mm: Sequence[float],
        diffusivity_mm2_per_day: float,
        proliferation_per_day: float,
        duration_days: float,
    ) -> Theta:
        """From the diffusivity in white matter, the proliferation rate and the growth time."""
        x, y, z = origin_mm
        mu_d = np.sqrt(diffusivity_mm2_per_day * duration_days)
        return cls((x, y, z), float(mu_d), float(np.sqrt(proliferation_per_day * duration_days)))

    @classmethod
    def from_array(cls, values: Sequence[float] | NDArray[Any]) -> Theta:
        """From (x, y, z, mu_D, mu_rho) with the origin in world mm."""
        x, y, z, mu_d, mu_rho = (float(v) for v in values)
        return cls((x, y, z), mu_d, mu_rho)

    @classmethod
    def from_voxel(
        cls, origin_voxel: Sequence[float] | NDArray[Any], mu_d_mm: float, mu_rho: float, grid: Grid
    ) -> Theta:
        """With the origin given in fractional voxel indices of ``grid``.

        Parameters
        ----------
        origin_voxel
            Shape (3,), voxel centres at whole numbers.
        mu_d_mm, mu_rho
            As in ``Theta``.
        grid
            Grid of the indices.
        """
        x, y, z = grid.voxel_to_world(np.asarray(origin_voxel, dtype=float))
        return cls((x, y, z), mu_d_mm, mu_rho)

    def to_array(self) -> NDArray[np.float64]:
        """As (x, y, z, mu_D, mu_rho), shape (5,), with the origin in world mm."""
        return np.array([*self.origin_mm, self.mu_d_mm, self.mu_rho])

    def origin_voxel(self, grid: Grid) -> NDArray[np.float64]:
        """Origin in fractional voxel indices of ``grid``, shape (3,)."""
        return grid.world_to_voxel(self.origin_mm)

    def diffusivity_mm2_per_day(self, duration_days: float = DURATION_DAYS) -> float:
        """D in white matter for the given growth time."""
        return self.mu_d_mm**2 / duration_days

    def proliferation_per_day(self, duration_days: float = DURATION_DAYS) -> float:
        """Proliferation rate rho for the given growth time."""
        return self.mu_rho**2 / duration_days

    def at_fraction(self, fraction: float) -> Theta:
        """The same D and rho grown for ``fraction`` of the time: both mu scale with its square root."""
        root = float(np.sqrt(fraction))
        return Theta(self.origin_mm, self.mu_d_mm * root, self.mu_rho * root)


@dataclass(frozen=True, eq=False)
class Bounds:
    """Box for (x, y, z, mu_D, mu_rho); the origin in world mm. Arrays of shape (5,)."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def __post_init__(self) -> None:
        lower, upper = np.array(self.lower, dtype=np.float64), np.array(self.upper, dtype=np.float64)
        if lower.shape != (5,) or upper.shape != (5,) or not (lower < upper).all():
            raise ValueError("bounds need five lower values, each below its upper value")
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    @classmethod
    def around(
        cls,
        centre_mm: Sequence[float] | NDArray[Any],
        origin_reach_mm: Sequence[float] = (48.0, 48.0, 31.0),
        mu_d_mm: tuple[float, float] = (0.1, 40.0),
        mu_rho: tuple[float, float] = (0.1, 15.0),
    ) -> Bounds:
        """The paper's box: 20 % of 240 x 240 x 155 mm about the centre of mass; mu_D 0.1 to 40 mm, mu_rho 0.1 to 15.

        Parameters
        ----------
        centre_mm
            Centre of mass in world mm, shape (3,).
        """
        centre, reach = np.asarray(centre_mm, dtype=float), np.asarray(origin_reach_mm, dtype=float)
        lower = np.array([*(centre - reach), mu_d_mm[0], mu_rho[0]])
        return cls(lower, np.array([*(centre + reach), mu_d_mm[1], mu_rho[1]]))

    def to_unit(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 5) parameters to the unit box."""
        return (np.asarray(theta, dtype=float) - self.lower) / (self.upper - self.lower)

    def from_unit(self, unit: NDArray[Any]) -> NDArray[np.float64]:
        """Map (..., 5) points of the unit box to parameters."""
        return self.lower + np.asarray(unit, dtype=float) * (self.upper - self.lower)

    def clip(self, theta: NDArray[Any]) -> NDArray[np.float64]:
        """Nearest point of the box.

        Parameters
        ----------
        theta
            Shape (..., 5), origin in world mm.

        Returns
        -------
        Of the same shape.
        """
        return np.clip(np.asarray(theta, dtype=float), self.lower, self.upper)
