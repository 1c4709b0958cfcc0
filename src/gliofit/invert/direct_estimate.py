"""Estimate of the direct inverse network, for methods that use it as result or initial guess."""

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
    """Estimate theta from the observed concentration.

    Returns
    -------
    theta : ndarray
        Estimate clipped to the problem's bounds, shape (n,), with the centre of mass as origin for ``com-fixed``.
    clipped : bool
        Whether clipping changed the estimate.

    Raises
    ------
    InversionError
        If the output of the network is not finite.
    """
    network = problem.networks.direct
    crop, tissue = network_view(problem, network)
    concentration = torch.from_numpy(crop.volume(problem.observation.concentration).data)[None]
    parameter = next(iter(network.parameters()), None) if hasattr(network, "parameters") else None
    device = problem.networks.device if parameter is None else parameter.device
    raw = network(concentration.to(device), tissue.to(device))[0].double().cpu().numpy()
    if not np.isfinite(raw).all():
        raise InversionError("the output of the direct inverse network is not finite")
    theta = raw + problem.space.relative_to(crop.centre_mm)
    fixed_origin = problem.held_origin_mm(origin)
    if fixed_origin is not None:
        theta[:3] = fixed_origin
    clipped = problem.bounds.clip(theta)
    return clipped, bool((clipped != theta).any())
