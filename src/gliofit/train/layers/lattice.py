"""Speed of Fisher-Kolmogorov fronts on a lattice, and mu_D for equal speed on two lattices."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor

# Decay of a front's tail per voxel, for front widths of 0.03 to 1000 voxels.
_DECAY = np.geomspace(1e-3, 12.0, 4000)


def _squared_ratio(decay: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rho h^2 / D of the slowest front, whose tail decays by exp(-decay) per voxel."""
    ratio: NDArray[np.float64] = 2 * (decay * np.sinh(decay) - (np.cosh(decay) - 1))
    return ratio


def front_speed(diffusion_mm: float, growth: float, spacing_mm: float) -> float:
    """Distance in mm that a plane front travels in the growth time along an axis of the lattice.

    Smallest v = (2 D (cosh(k h) - 1) / h^2 + rho) / k over all decays k, the linear marginal-stability speed of the
    discrete equation; 2 sqrt(D rho) in the limit h = 0.

    Source: van Saarloos, Physics Reports 386 (2003).
    """
    width = diffusion_mm / growth
    decay = np.exp(np.interp(np.log((spacing_mm / width) ** 2), np.log(_squared_ratio(_DECAY)), np.log(_DECAY)))
    return float(2 * np.sinh(decay) * diffusion_mm**2 / spacing_mm)


class EqualSpeed:
    """Diffusion parameter on a coarse lattice for which fronts are as fast as with a given one on a fine lattice.

    Coarse voxels make thin fronts too fast. With D and rho only their ratio counts: the front width on the
    coarse lattice is a function of that on the fine one, kept as a cubic spline of logarithms.
    """

    def __init__(self, fine_mm: float, coarse_mm: float) -> None:
        squared = _squared_ratio(_DECAY)
        # Width and speed / rho in mm, both increasing.
        widths = {h: h / np.sqrt(squared[::-1]) for h in (fine_mm, coarse_mm)}
        speeds = {h: h * (2 * np.sinh(_DECAY) / squared)[::-1] for h in (fine_mm, coarse_mm)}
        knots = np.linspace(np.log(0.1 * coarse_mm), np.log(100 * coarse_mm), 200)
        speed = np.interp(knots, np.log(widths[fine_mm]), np.log(speeds[fine_mm]))
        values = np.interp(speed, np.log(speeds[coarse_mm]), np.log(widths[coarse_mm])) - knots
        spline = CubicSpline(knots, values)
        self._first, self._step = float(knots[0]), float(knots[1] - knots[0])
        self._coefficients = torch.from_numpy(np.ascontiguousarray(spline.c.T))

    def __call__(self, diffusion: Tensor, growth: Tensor) -> Tensor:
        """Diffusion parameter of the coarse lattice in mm, differentiable; widths are clipped to 0.1 to 100 voxels."""
        count = len(self._coefficients)
        place = (torch.log(diffusion / growth).double() - self._first).clamp(0, count * self._step * (1 - 1e-12))
        index = (place / self._step).long().clamp(max=count - 1)
        rest = place - index * self._step
        c3, c2, c1, c0 = self._coefficients.to(place.device)[index].unbind(dim=-1)
        return diffusion * torch.exp(((c3 * rest + c2) * rest + c1) * rest + c0).to(diffusion.dtype)
