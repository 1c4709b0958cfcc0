"""Loss of theta through the neural surrogate, on the cube about the observation's centre of mass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.core.crop import Crop
from gliofit.growth.space import Bounds
from gliofit.invert.base import InversionError
from gliofit.invert.problem import Problem
from gliofit.invert.trace import Trace

__all__ = ["SurrogateObjective", "network_view"]

#: Voxels per prediction, which limits the memory of a population.
_VOXELS_AT_ONCE = 2**24


def network_view(problem: Problem, network: Any) -> tuple[Crop, Tensor]:
    """Return the cube of a network and its tissue, shape (1, 3, n, n, n); see ``Crop.channels``."""
    crop = Crop.around(problem.tissue.grid, problem.observation.centre_mm, network.crop)
    return crop, torch.from_numpy(crop.channels(problem.tissue)[None])


class SurrogateObjective:
    """Loss of theta with the surrogate as forward model, optionally with ``bounds`` within its training range."""

    def __init__(self, problem: Problem, trace: Trace, training_range: bool = True) -> None:
        self.surrogate, self.trace = problem.networks.surrogate, trace
        self._like: Tensor = self.surrogate.theta_mean
        self.crop, tissue = network_view(problem, self.surrogate)
        self._predict = self._bind(tissue.to(self._like))
        self.likelihood = problem.observation.likelihood(self.crop.volume, self._like.device)
        self.space = problem.space
        self._centre = self.space.relative_to(self.crop.centre_mm)
        self.bounds = self._trained(problem.bounds) if training_range else problem.bounds
        self.scale = max(self.likelihood.without_tumour(), 1e-12)

    def _bind(self, tissue: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the surrogate for a fixed tissue; ``bind`` computes features of the tissue only once."""
        if not hasattr(self.surrogate, "bind"):
            return lambda theta: self.surrogate(tissue, theta)
        with torch.no_grad():
            bound: Callable[[Tensor], Tensor] = self.surrogate.bind(tissue)
        return bound

    def _trained(self, bounds: Bounds) -> Bounds:
        lower = np.maximum(bounds.lower, self._numbers(self.surrogate.theta_low) + self._centre)
        upper = np.minimum(bounds.upper, self._numbers(self.surrogate.theta_high) + self._centre)
        if not (lower < upper).all():
            raise InversionError("the bounds and the surrogate's training range do not overlap")
        return Bounds(lower, upper)

    @staticmethod
    def _numbers(values: Tensor) -> NDArray[np.float64]:
        return values.detach().cpu().numpy().astype(np.float64)

    @property
    def training_mean(self) -> NDArray[np.float64]:
        """Mean theta of the training set, relative to the cube's centre, clipped to the bounds."""
        return self.bounds.clip(self._numbers(self.surrogate.theta_mean) + self._centre)

    def tensor_losses(self, theta: Tensor) -> Tensor:
        """Return differentiable losses, shape (B,), of parameters of shape (B, n), without recording them."""
        # Subtract in double precision: world coordinates would lose digits in single precision.
        relative = theta - torch.as_tensor(self._centre, dtype=theta.dtype, device=theta.device)
        return self.likelihood(self._predict(relative.to(self._like)))

    @torch.no_grad()
    def losses(self, thetas: NDArray[Any]) -> NDArray[np.float64]:
        """Return losses, shape (B,), of parameters of shape (B, n), and record them."""
        batch = torch.as_tensor(np.atleast_2d(thetas), dtype=torch.float64, device=self._like.device)
        size = max(1, _VOXELS_AT_ONCE // self.crop.size**3)
        values = torch.cat([self.tensor_losses(part) for part in torch.split(batch, size)]).double().cpu().numpy()
        for theta, loss in zip(np.atleast_2d(thetas), values, strict=True):
            self.trace.add(theta, loss)
        return values

    def record(self, theta: Tensor, loss: Tensor) -> None:
        """Record an evaluation of ``tensor_losses``."""
        self.trace.add(self._numbers(theta), float(loss.detach()))
