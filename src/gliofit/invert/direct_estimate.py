"""Estimate of the direct inverse network, shared by the methods that start from it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.invert.base import InversionError
from gliofit.invert.problem import Problem
from gliofit.invert.surrogate_objective import network_view

__all__ = ["direct_theta"]


@torch.no_grad()
def direct_theta(problem: Problem, origin: str = "free") -> tuple[NDArray[np.float64], bool]:
    """Theta, shape (n,), that the network estimates from the observed concentration, and whether it was clipped.

    The estimate is brought into the problem's bounds; with ``com-fixed`` its origin is replaced.

    Raises
    ------
    InversionError
        If the network gives numbers that are not finite.
    """
    network = problem.networks.direct
    crop, tissue = network_view(problem, network)
    concentration = torch.from_numpy(crop.volume(problem.observation.concentration).data)[None]
    parameter = next(iter(network.parameters()), None) if hasattr(network, "parameters") else None
    device = problem.networks.device if parameter is None else parameter.device
    raw = network(concentration.to(device), tissue.to(device))[0].double().cpu().numpy()
    if not np.isfinite(raw).all():
        raise InversionError("the direct inverse network gives numbers that are not finite")
    theta = raw + problem.space.relative_to(crop.centre_mm)
    held = problem.held_origin_mm(origin)
    if held is not None:
        theta[:3] = held
    inside = problem.bounds.clip(theta)
    return inside, bool((inside != theta).any())
