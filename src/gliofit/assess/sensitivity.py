"""Sensitivity of surrogates and solver to growth parameters, and the loss landscape (paper, figure 5)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.assess.solver_on_cube import SolverOnCube
from gliofit.assess.stability import search_settings
from gliofit.core.crop import Crop
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, write_table
from gliofit.core.tissue import Tissue
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta
from gliofit.invert.base import InversionError
from gliofit.invert.lbfgs import LbfgsInverter, minimise
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.observation.observation import ConcentrationObservation
from gliofit.simulate.grow import theta_of
from gliofit.simulate.shard import read_sample
from gliofit.solver.base import AbstractForwardSolver
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import IntegratorSettings

if TYPE_CHECKING:
    from gliofit.assess.settings import SensitivitySettings

_LOG = logging.getLogger(__name__)

#: Name of the solver among the models.
SOLVER = "solver"
#: Name of the tissue among the models of ``slices``.
TISSUE = "tissue"
#: Tables, written as ``{name}.parquet``.
TABLES = ("changes", "slices", "landscape", "paths")

#: Indices in theta of the two parameters of the landscape.
_VARIED = slice(3, 5)

#: Initial guesses of searches: fraction of the landscape's extent from the truth, in its four corners.
_CORNERS = 0.8

#: Functions from thetas (n, p) to concentrations on the cube (n, s, s, s), and to losses (n,).
_Predict = Callable[[NDArray[np.float64]], NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class _Model:
    predict: _Predict
    losses: Callable[[NDArray[np.float64]], NDArray[np.float64]]


def median_case(cases: Sequence[tuple[str, str | Path, int]]) -> tuple[str, str | Path, int]:
    """Return the case of median volume (the lower one of two) among names, images of shards and indices.

    Raises
    ------
    InputError
        If there are no cases, or a table is missing or incomplete.
    """
    if not cases:
        raise InputError("sensitivity", "there are no cases", "simulate at least one test case")
    volumes = []
    for _, path, index in cases:
        table = read_table(Path(path).with_suffix(".parquet")).set_index("index")
        if index not in table.index or "volume_mm3" not in table:
            raise InputError(path, f"has no sample {index} with a volume", "simulate the shard again")
        volumes.append(float(table.loc[index, "volume_mm3"]))
    order = np.argsort(volumes, kind="stable")
    return cases[int(order[(len(cases) - 1) // 2])]


def examine(
    concentration: Volume,
    truth: Theta,
    tissue: Tissue,
    surrogates: Mapping[str, Any],
    settings: SensitivitySettings,
    invert_settings: InvertSettings,
    solver: AbstractForwardSolver,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, pd.DataFrame]:
    """Compare surrogates, by name and with the same cube, with the solver on one tumour.

    The solver runs on the tissue's grid; its concentration is set to zero outside white and grey matter and averaged
    over the voxels of the surrogates' cube, like the training data of surrogates. ``invert_settings`` have the method
    of the searches; ``progress`` is called with finished and total parts.

    Returns
    -------
    dict
        ``TABLES`` with the columns of docs/assess.md (sensitivity). Rows of ``slices`` without a parameter contain c at
        the truth, those of model ``tissue`` the fraction of white and grey matter.

    Raises
    ------
    InputError
        If there are no surrogates, their cubes differ, or the method has no gradients.
    """
    search = search_settings(invert_settings, settings.method)
    if not surrogates:
        raise InputError("sensitivity", "there are no surrogates", "name at least one")
    if len({(s.crop.size, s.crop.spacing_mm) for s in surrogates.values()}) > 1:
        raise InputError("sensitivity", "the cubes of the surrogates differ", "compare them separately")
    observation = ConcentrationObservation(concentration, tissue)
    problems = {name: Problem(observation, invert_settings, Networks(own)) for name, own in surrogates.items()}
    crop = Crop.around(tissue.grid, observation.centre_mm, next(iter(surrogates.values())).crop)
    models = {SOLVER: _of_solver(observation, crop, solver, truth.space)}
    models |= {name: _of_surrogate(problem, search) for name, problem in problems.items()}

    done = count(1)

    def each(parts: Mapping[str, Any], work: Callable[[str, Any], Any]) -> dict[str, Any]:
        found = {}
        for name, part in parts.items():
            found[name] = work(name, part)
            progress(next(done), 2 * len(models) + len(problems))
        return found

    thetas, labels = _changed(truth, settings.change)
    fields = each(models, lambda name, model: model.predict(thetas))
    landscapes = each(models, lambda name, model: _landscape(name, model, truth, settings))
    paths = each(problems, lambda name, problem: _paths(name, problem, search, truth, settings.reach))
    visible = crop.volume(Volume(observation.visible.astype(np.float32), tissue.grid)).data
    return {
        "changes": _changes(fields, labels),
        "slices": _slices(fields, labels, visible, crop),
        "landscape": pd.concat(landscapes.values(), ignore_index=True),
        "paths": pd.concat(paths.values(), ignore_index=True),
    }


def run_sensitivity(
    cases: Sequence[tuple[str, str | Path, int]],
    tissue: Tissue,
    surrogates: Mapping[str, str | Path],
    settings: SensitivitySettings,
    invert_settings: InvertSettings,
    integrator: IntegratorSettings,
    out_dir: str | Path,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Analyse the case of median volume, and write ``TABLES``, each with a column ``case``.

    Parameters
    ----------
    cases
        Name, image of the shard and index in it, of each case.
    tissue, surrogates
        Tissue of the shards, and folders of trained surrogates by name.
    settings, invert_settings, progress
        See ``examine``.
    integrator
        Solver to compare with.
    out_dir, device
        Output folder, and device of the surrogates.

    Raises
    ------
    InputError
        See ``examine`` and ``median_case``; or if a shard or a surrogate cannot be read.
    """
    from gliofit.train.surrogate import load_surrogate

    loaded = {name: load_surrogate(folder, device) for name, folder in surrogates.items()}
    case, path, index = median_case(cases)
    concentration, row = read_sample(path, index)
    tables = examine(
        concentration, theta_of(row), tissue, loaded, settings, invert_settings, make_solver(integrator), progress
    )
    for name in TABLES:
        write_table(Path(out_dir) / f"{name}.parquet", tables[name].assign(case=case))


def _of_solver(
    observation: ConcentrationObservation, crop: Crop, solver: AbstractForwardSolver, space: ParameterSpace
) -> _Model:
    import torch

    likelihood = observation.likelihood(crop.volume)
    on_cube = SolverOnCube(observation.tissue, crop, solver)

    def predict(thetas: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
        return np.stack([on_cube.field(Theta.from_array(theta, space)) for theta in thetas])

    def losses(thetas: NDArray[np.float64]) -> NDArray[np.float64]:
        # One at a time, to limit memory.
        fields = (torch.from_numpy(predict(theta[None]).astype(np.float32)) for theta in thetas)
        return np.array([float(likelihood(field)[0]) for field in fields])

    return _Model(predict, losses)


def _of_surrogate(problem: Problem, search: LbfgsInverter) -> _Model:
    import torch

    from gliofit.invert.surrogate_objective import SurrogateObjective, network_view

    surrogate = problem.networks["surrogate"]
    crop, tissue = network_view(problem, surrogate)
    tissue = tissue.to(surrogate.theta_mean)
    centre = problem.space.relative_to(crop.centre_mm)
    objective = SurrogateObjective(problem, problem.start_trace(), search.training_range)

    @torch.no_grad()
    def predict(thetas: NDArray[np.float64]) -> NDArray[np.floating[Any]]:
        relative = torch.from_numpy(thetas - centre).to(surrogate.theta_mean)
        return np.stack([surrogate(tissue, one[None])[0].cpu().numpy() for one in relative])

    return _Model(predict, objective.losses)


def _changed(truth: Theta, change: float) -> tuple[NDArray[np.float64], list[tuple[str, float]]]:
    """Return the true theta and its changes, shape (1 + 2 q, p) for q parameters, with parameter and change."""
    labels = [("", 0.0), *((p.name, sign * change) for p in truth.space.others for sign in (-1, 1))]
    thetas = np.tile(truth.to_array(), (len(labels), 1))
    for row, (name, by) in zip(thetas, labels, strict=True):
        if name:
            row[truth.space.names.index(name)] *= 1 + by
    return thetas, labels


def _changes(fields: Mapping[str, NDArray[Any]], labels: Sequence[tuple[str, float]]) -> pd.DataFrame:
    rows = []
    changes = {model: (values[1:] - values[0]).astype(np.float64) for model, values in fields.items()}
    scale = float(np.linalg.norm(fields[SOLVER][0]))
    for model, own in changes.items():
        for (parameter, by), change, expected in zip(labels[1:], own, changes[SOLVER], strict=True):
            size, wanted = float(np.linalg.norm(change)), float(np.linalg.norm(expected))
            cosine = float((change * expected).sum()) / (size * wanted) if size * wanted > 0 else np.nan
            error = float(np.linalg.norm(change - expected)) / wanted if wanted > 0 else np.nan
            row = {"model": model, "parameter": parameter, "change": by, "size": size / scale}
            rows.append(row | {"cosine": cosine, "error": error})
    return pd.DataFrame(rows)


def _slices(
    fields: Mapping[str, NDArray[Any]], labels: Sequence[tuple[str, float]], visible: NDArray[Any], crop: Crop
) -> pd.DataFrame:
    """Return the slice with the largest changes of the solver."""
    level = int(((fields[SOLVER][1:] - fields[SOLVER][0]) ** 2).sum(axis=(0, 1, 2)).argmax())
    side = np.arange(crop.size)
    index = np.stack(np.meshgrid(side, side, [level], indexing="ij"), axis=-1).reshape(-1, 3)
    place = pd.DataFrame(crop.grid.voxel_to_world(index), columns=["x_mm", "y_mm", "z_mm"])

    def part(model: str, parameter: str, change: float, values: NDArray[Any]) -> pd.DataFrame:
        return place.assign(
            model=model, parameter=parameter, change=change, value=values[:, :, level].ravel().astype(np.float64)
        )

    parts = [part(TISSUE, "", 0.0, visible)]
    for model, values in fields.items():
        parts.append(part(model, "", 0.0, values[0]))
        parts += [part(model, *label, values[i] - values[0]) for i, label in enumerate(labels) if i]
    return pd.concat(parts, ignore_index=True)


def _landscape(name: str, model: _Model, truth: Theta, settings: SensitivitySettings) -> pd.DataFrame:
    scale = np.linspace(1 - settings.reach, 1 + settings.reach, settings.points)
    columns, true = list(truth.space.columns[_VARIED]), truth.to_array()[_VARIED]
    grid = np.stack([axis.ravel() for axis in np.meshgrid(*(scale * value for value in true), indexing="ij")], axis=1)
    thetas = np.tile(truth.to_array(), (len(grid), 1))
    thetas[:, _VARIED] = grid
    table = pd.DataFrame({"model": name, **dict(zip(columns, grid.T, strict=True)), "loss": model.losses(thetas)})
    return table.assign(**{f"true_{column}": value for column, value in zip(columns, true, strict=True)})


def _paths(name: str, problem: Problem, search: LbfgsInverter, truth: Theta, reach: float) -> pd.DataFrame:
    from gliofit.invert.surrogate_objective import SurrogateObjective

    objective = SurrogateObjective(problem, problem.start_trace(), search.training_range)
    origin = np.array(truth.origin_mm)
    columns = ["evaluation", "loss", *truth.space.columns[_VARIED], "seconds"]
    tables = [pd.DataFrame(columns=[*columns, "start", "best"], dtype=float)]
    for number, signs in enumerate([(-1, -1), (-1, 1), (1, -1), (1, 1)]):
        start = truth.to_array()
        start[_VARIED] *= 1 + _CORNERS * reach * np.array(signs)
        objective.trace = trace = problem.start_trace()
        try:
            outcome = minimise(objective, search, start, origin, problem.observation.centre_mm)
        except InversionError as error:
            _LOG.warning("%s: no path from start %d: %s", name, number, error)
            continue
        table = trace.table()[columns]
        best = np.arange(len(table)) == int((table["loss"] - outcome.loss).abs().to_numpy().argmin())
        tables.append(table.assign(start=number, best=best))
    filled = [table for table in tables if len(table)] or tables
    return pd.concat(filled, ignore_index=True).astype({"best": bool}).assign(model=name)
