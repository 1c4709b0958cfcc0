"""Errors of a surrogate's derivatives of the concentration and of an inversion's loss with respect to theta."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.autograd.forward_ad as forward_ad
from numpy.typing import NDArray
from torch import Tensor

from gliofit.assess.forward import open_targets
from gliofit.assess.settings import anatomy_group
from gliofit.assess.solver_on_cube import SolverOnCube
from gliofit.core.errors import SeedOutsideTissueError
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta
from gliofit.simulate.grow import theta_of
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings
from gliofit.train.surrogate import Surrogate

#: Name of the gradient of the loss; other quantities are the parameters.
LOSS = "loss"

#: Displacement of normalised parameters for the gradient of the loss, and largest number of draws of its signs.
_DISPLACEMENT = 0.25
_ATTEMPTS = 8

#: Voxels differentiated at once, to limit memory.
_VOXELS_AT_ONCE = 2**20


def surrogate_jacobian(surrogate: Surrogate, tissue: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Compute concentration and derivatives by forward-mode differentiation.

    Parameters
    ----------
    surrogate, tissue
        Trained surrogate, and tissue on its device, shape (1, 3, n, n, n), as ``Crop.channels``.
    theta
        Parameters in physical units, shape (p,), the origin relative to the centre of the cube.

    Returns
    -------
    Concentration, shape (n, n, n), and derivatives, shape (p, n, n, n), per unit of each parameter.
    """
    size = len(theta)
    at_once = max(1, min(size, _VOXELS_AT_ONCE // surrogate.crop.size**3))
    with torch.no_grad():
        predict = surrogate.bind(tissue)
        fields, tangents = [], []
        for directions in torch.eye(size, dtype=theta.dtype, device=theta.device).split(at_once):
            with forward_ad.dual_level():
                copies = theta.expand(len(directions), size).contiguous()
                dual = forward_ad.unpack_dual(predict(forward_ad.make_dual(copies, directions)))
                fields.append(dual.primal[0])
                tangents.append(torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent)
    return fields[0], torch.cat(tangents)


def assess_gradients(
    surrogate: Surrogate,
    shard: str | Path,
    tissue_dir: str | Path,
    model: str,
    anatomy: str,
    cases: int,
    seed: int,
    solver: AccurateSettings | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Compare the derivatives of a surrogate on the first ``cases`` tumours with the exact ones of the solver.

    Dc/dtheta is compared at the true theta of each tumour, as fields on the cube. The loss is the mean squared
    difference of c and the solver's own field at the true theta over the cube; its gradient with respect to the
    normalised parameters (theta over the surrogate's ``theta_std``) is compared at a theta that is displaced by a
    quarter of a standard deviation in every parameter, with random signs that are the same for all models, since the
    solver's gradient is zero at the truth. See ``assess_forward`` for the other parameters.

    Returns
    -------
    DataFrame
        One row per tumour and quantity (each parameter, and ``LOSS``), with the columns of docs/assess.md
        (derivatives). NaN where a derivative is zero, or where no displaced theta was in tissue and positive.
    """
    names = ["model", "anatomy", "group", "case", "quantity", "cosine", "relative_norm"]
    data = open_targets(shard, tissue_dir, surrogate)
    tissue, space = Tissue.load(tissue_dir, "probabilities"), surrogate.space
    accurate = AccurateSolver(solver)
    device, std = surrogate.theta_mean.device, surrogate.theta_std.double().cpu().numpy()
    count = min(cases, len(data))
    rows = []
    for case in range(count):
        crop = data.crops[case]
        on_cube = SolverOnCube(tissue, crop, accurate)
        centre = space.relative_to(crop.centre_mm)
        cube_tissue = data.batch([case]).tissue.to(device)

        def predicted(
            point: NDArray[np.float64], centre: NDArray[np.float64] = centre, cube_tissue: Tensor = cube_tissue
        ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            relative = torch.as_tensor(point - centre, dtype=surrogate.theta_mean.dtype, device=device)
            field, tangents = surrogate_jacobian(surrogate, cube_tissue, relative)
            return field.double().cpu().numpy(), tangents.double().cpu().numpy()

        theta = theta_of(data.shards[0].table.iloc[case]).to_array()
        target, tangents = on_cube.field_and_tangents(Theta.from_array(theta, space))
        _, own_tangents = predicted(theta)
        pairs = dict(zip(space.names, zip(own_tangents, tangents, strict=True), strict=True))
        nowhere = np.full(len(space), np.nan)
        pairs[LOSS] = nowhere, nowhere
        displaced = _displaced(on_cube, space, theta, std, derive_seed(seed, "assess", "displacement", anatomy, case))
        if displaced is not None:
            point, field, at_point = displaced
            own_field, own_at_point = predicted(point)
            own = std * _loss_gradient(own_field, own_at_point, target)
            pairs[LOSS] = own, std * _loss_gradient(field, at_point, target)
        who = {"model": model, "anatomy": anatomy, "group": anatomy_group(anatomy), "case": case}
        rows += [who | {"quantity": quantity, **_compare(*pair)} for quantity, pair in pairs.items()]
        progress(case + 1, count)
    return pd.DataFrame(rows, columns=names)


def _displaced(
    on_cube: SolverOnCube, space: ParameterSpace, theta: NDArray[np.float64], std: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Find a displaced theta in tissue, with the solver's field and tangents; None if there is none."""
    rng = np.random.default_rng(seed)
    for _ in range(_ATTEMPTS):
        point = theta + _DISPLACEMENT * std * rng.choice((-1.0, 1.0), size=len(space))
        if min(point[space.log]) <= 0:
            continue
        try:
            return point, *on_cube.field_and_tangents(Theta.from_array(point, space))
        except SeedOutsideTissueError:
            continue
    return None


def _loss_gradient(
    field: NDArray[np.float64], tangents: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the gradient of the mean of (field - target)^2 with respect to theta, shape (p,)."""
    gradient: NDArray[np.float64] = 2 * (tangents * (field - target)).mean(axis=(1, 2, 3))
    return gradient


def _compare(own: NDArray[np.float64], exact: NDArray[np.float64]) -> dict[str, float]:
    """Compute the cosine of the angle and the ratio of the norms of two derivatives."""
    length, exact_length = float(np.linalg.norm(own)), float(np.linalg.norm(exact))
    if not exact_length > 0:
        return {"cosine": float("nan"), "relative_norm": float("nan")}
    cosine = float(own.ravel() @ exact.ravel()) / (length * exact_length) if length > 0 else float("nan")
    return {"cosine": cosine, "relative_norm": length / exact_length}
