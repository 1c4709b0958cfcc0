"""Loss of theta through the neural surrogate and the direct inverse network's estimate, on cubes about the tumour."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
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

#: Voxels per batch, which limits the memory of a population.
_VOXELS_PER_BATCH = 2**24


def network_view(problem: Problem, network: Any) -> tuple[Crop, Tensor]:
    """Return the cube of a network about the centre of mass and its tissue, shape (1, 3, n, n, n)."""
    crop = Crop.around(problem.tissue.grid, problem.observation.centre_mm, network.crop)
    return crop, torch.from_numpy(crop.channels(problem.tissue)[None])


class SurrogateObjective:
    """Loss of theta with the surrogate as forward model, optionally with ``bounds`` within its training range."""

    def __init__(self, problem: Problem, trace: Trace, training_range: bool = True) -> None:
        self.surrogate, self.trace = problem.networks["surrogate"], trace
        self._like: Tensor = self.surrogate.theta_mean
        self.crop, tissue = network_view(problem, self.surrogate)
        self._predict = self._bind(tissue.to(self._like))
        self.likelihood = problem.observation.likelihood(self.crop.volume, self._like.device)
        self.space = problem.space
        self._centre = self.space.relative_to(self.crop.centre_mm)
        self.bounds = self._trained(problem.bounds) if training_range else problem.bounds
        self.scale = max(self.likelihood.without_tumour(), 1e-12)

    @torch.no_grad()
    def _bind(self, tissue: Tensor) -> Callable[[Tensor], Tensor]:
        """Return the surrogate for a fixed tissue; ``bind`` computes features of the tissue only once."""
        return self.surrogate.bind(tissue) if hasattr(self.surrogate, "bind") else partial(self.surrogate, tissue)

    def _trained(self, bounds: Bounds) -> Bounds:
        lower = np.maximum(bounds.lower, _to_numpy(self.surrogate.theta_low) + self._centre)
        upper = np.minimum(bounds.upper, _to_numpy(self.surrogate.theta_high) + self._centre)
        if not (lower < upper).all():
            raise InversionError("the bounds and the surrogate's training range do not overlap")
        return Bounds(lower, upper)

    @property
    def training_mean(self) -> NDArray[np.float64]:
        """Mean theta of the training set, relative to the cube's centre, clipped to the bounds."""
        return self.bounds.clip(_to_numpy(self.surrogate.theta_mean) + self._centre)

    def tensor_losses(self, theta: Tensor) -> Tensor:
        """Return differentiable losses, shape (B,), of parameters of shape (B, n), without recording them."""
        # Subtract in double precision: world coordinates would lose digits in single precision.
        relative = theta - torch.as_tensor(self._centre, dtype=theta.dtype, device=theta.device)
        return self.likelihood(self._predict(relative.to(self._like)))

    @torch.no_grad()
    def losses(self, thetas: NDArray[Any]) -> NDArray[np.float64]:
        """Return losses, shape (B,), of parameters of shape (B, n), and record them."""
        batch = torch.as_tensor(np.atleast_2d(thetas), dtype=torch.float64, device=self._like.device)
        size = max(1, _VOXELS_PER_BATCH // self.crop.size**3)
        values = _to_numpy(torch.cat([self.tensor_losses(part) for part in torch.split(batch, size)]))
        for theta, loss in zip(np.atleast_2d(thetas), values, strict=True):
            self.trace.add(theta, loss)
        return values


@torch.no_grad()
def direct_theta(problem: Problem, origin: str = "free") -> tuple[NDArray[np.float64], bool]:
    """Estimate theta from the observed concentration by the direct inverse network.

    Returns theta, shape (n,), clipped to the problem's bounds and with the centre of mass as origin for ``com-fixed``,
    and whether clipping changed it. Raises InversionError if the output of the network is not finite.
    """
    network = problem.networks["direct"]
    crop, tissue = network_view(problem, network)
    concentration = torch.from_numpy(crop.volume(problem.observation.concentration).data)[None]
    parameter = next(iter(network.parameters()), None) if hasattr(network, "parameters") else None
    device = problem.networks.device if parameter is None else parameter.device
    raw = _to_numpy(network(concentration.to(device), tissue.to(device))[0])
    if not np.isfinite(raw).all():
        raise InversionError("the output of the direct inverse network is not finite")
    theta = raw + problem.space.relative_to(crop.centre_mm)
    fixed_origin = problem.held_origin_mm(origin)
    if fixed_origin is not None:
        theta[:3] = fixed_origin
    clipped = problem.bounds.clip(theta)
    return clipped, bool((clipped != theta).any())


def _to_numpy(values: Tensor) -> NDArray[np.float64]:
    return values.detach().cpu().numpy().astype(np.float64)
