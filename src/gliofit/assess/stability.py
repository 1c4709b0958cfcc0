"""Stability of the gradient search with respect to the initial guess (paper, table 4).

Weidner et al., "Brain Tumor Growth Inversion via Differentiable Neural Surrogates", MIDL 2026: L-BFGS through the
surrogate starts from the direct inverse network's estimate, displaced by a random vector whose length is a fraction of
the range of the parameters, and is stable if the final parameters differ by less than 20 % from those of the search
without displacement.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.model import parameters_in
from gliofit.growth.space import Bounds
from gliofit.growth.theta import Theta
from gliofit.invert.base import DirectInverter, InversionError
from gliofit.invert.lbfgs import LbfgsInverter, minimise
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.metrics.statistics import wilson_interval
from gliofit.observation.observation import ConcentrationObservation, EmptyObservationError
from gliofit.paper import paper_table
from gliofit.report.table import Table, column
from gliofit.report.texts import notes
from gliofit.simulate.grow import theta_of
from gliofit.simulate.shard import read_sample

if TYPE_CHECKING:
    from gliofit.assess.settings import StabilitySettings
    from gliofit.invert.surrogate_objective import SurrogateObjective

_LOG = logging.getLogger(__name__)

#: Directions tried for an initial guess in the bounds; at least one in 32 is, up to half the width.
_DIRECTIONS = 1000


def search_settings(settings: InvertSettings, method: str) -> LbfgsInverter:
    """Return the settings of the gradient search of a method.

    Raises
    ------
    InputError
        If the method is not configured, or has no gradient search through a surrogate.
    """
    own = settings.methods.get(method)
    if not isinstance(own, LbfgsInverter):
        able = [name for name, other in settings.methods.items() if isinstance(other, LbfgsInverter)]
        problem = "is not configured" if own is None else "has no gradient search through a surrogate"
        raise InputError(f"method '{method}'", problem, f"name one of {', '.join(able) or 'those you add'}")
    return own


def displace(
    theta: NDArray[np.float64], radius: float, bounds: Bounds, inside: Bounds, rng: np.random.Generator,
    held_origin: bool = False,
) -> NDArray[np.float64]:  # fmt: skip
    """Displace theta, shape (n,), by a random vector whose length is a fraction of the range of the parameters.

    Parameters are in units of their range (``bounds``) and the length is from 0 to 0.5; the direction is uniform on the
    sphere, drawn again until the result lies ``inside``. If no direction does, the result is clipped.
    """
    if radius == 0:
        return theta.copy()
    directions = rng.standard_normal((_DIRECTIONS, len(theta)))
    if held_origin:
        directions[:, :3] = 0
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    moved = bounds.from_unit(bounds.to_unit(theta) + radius * directions)
    fits = ((moved >= inside.lower) & (moved <= inside.upper)).all(axis=1)
    return moved[int(fits.argmax())] if fits.any() else inside.clip(moved[0])


def examine_case(
    problem: Problem, truth: Theta, settings: StabilitySettings, search: LbfgsInverter, names: Sequence[str | int] = ()
) -> pd.DataFrame:
    """Search from the direct estimate and from displaced ones, and compare the results.

    In the paper, minima are the same if parameters differ by less than 20 %, without a definition for the origin. Here
    there are two definitions, with ``tolerance`` for the 20 %, relative to the search without displacement:

    - ``same_parameters``: growth parameters each differ by at most ``tolerance`` of their values there, and the origins
      are at most ``tolerance`` times the radius of a sphere of the observed tumour's volume apart.
    - ``same_loss``: the losses differ by at most ``tolerance`` of the loss there, or by at most the convergence
      criterion (the method's ``epsilon``, relative to the loss without tumour).

    The problem has both networks; ``names`` identify the case in the seed.

    Returns
    -------
    DataFrame
        One row per start, that of radius 0 first: ``radius start status message``; true parameters, and those of start
        and end with ``start_`` and ``end_``; ``displacement`` and ``distance`` of start and end from the search of
        radius 0, and ``theta_mse`` from the truth, in the unit box; ``{name}_change``, ``origin_change_mm`` and
        ``radius_mm`` of the sphere; ``loss loss_start evaluations converged seconds``; ``same_parameters same_loss``,
        missing if the search of radius 0 failed.
    """
    from gliofit.invert.surrogate_objective import SurrogateObjective, direct_theta

    bounds, held = problem.bounds, problem.held_origin_mm(search.origin)
    rows, epsilon = [], 0.0
    try:
        objective = SurrogateObjective(problem, problem.start_trace(), search.training_range)
        first = objective.bounds.clip(direct_theta(problem, search.origin)[0])
    except InversionError as error:
        rows.append({"radius": 0.0, "start": 0} | _failure(error))
    else:
        epsilon = search.epsilon * objective.scale
        for radius, number in [(0.0, 0), *((radius, i) for radius in settings.radii for i in range(settings.starts))]:
            rng = np.random.default_rng(derive_seed(problem.seed, "stability", *names, f"{radius:g}", number))
            start = displace(first, radius, bounds, objective.bounds, rng, held is not None)
            try:
                found = _descend(objective, search, start, held, problem)
            except InversionError as error:
                found = _failure(error)
            rows.append({"radius": radius, "start": number} | found)
    radius_mm = float((3 * problem.observation.volume_mm3 / (4 * np.pi)) ** (1 / 3))
    return _compare(rows, truth, bounds, settings.tolerance, radius_mm, epsilon)


def _failure(error: Exception) -> dict[str, Any]:
    return {"status": "failed", "message": str(error)}


def _descend(
    objective: SurrogateObjective,
    search: LbfgsInverter,
    start: NDArray[np.float64],
    held_origin_mm: NDArray[np.float64] | None,
    problem: Problem,
) -> dict[str, Any]:
    """Run one search and return its columns."""
    # One objective for all searches of a case: the tissue is encoded once, outside their times.
    objective.trace = trace = problem.start_trace()
    outcome = minimise(objective, search, start, held_origin_mm, problem.observation.centre_mm)
    space, seconds, evaluated = problem.space, trace.seconds, trace.table()
    return {
        "status": "ok" if outcome.converged else "not-converged", "message": outcome.reason,
        **space.row(evaluated[list(space.columns)].iloc[0], prefix="start_"),
        **space.row(outcome.theta, prefix="end_"),
        "loss": outcome.loss, "loss_start": float(evaluated["loss"].iloc[0]), "evaluations": len(evaluated),
        "seconds": seconds,
    }  # fmt: skip


def _compare(
    rows: Sequence[Mapping[str, Any]], truth: Theta, bounds: Bounds, tolerance: float, radius_mm: float, epsilon: float
) -> pd.DataFrame:
    """Create the table of searches: add missing columns, and those relative to the first row, without displacement."""
    space, table = truth.space, pd.DataFrame(rows)
    places = [f"{kind}_{name}" for kind in ("start", "end") for name in space.columns]
    for name in (*places, "loss", "loss_start", "seconds"):
        table[name] = table[name].astype("float64") if name in table else np.nan
    table["evaluations"] = table.get("evaluations", 0 * table["start"]).fillna(0).astype(int)
    table["converged"] = table["status"] == "ok"
    table = table.assign(**space.row(truth.to_array()))
    start, end = (table[[f"{kind}_{name}" for name in space.columns]].to_numpy() for kind in ("start", "end"))
    table["displacement"] = np.linalg.norm(bounds.to_unit(start) - bounds.to_unit(start[0]), axis=1)
    table["distance"] = np.linalg.norm(bounds.to_unit(end) - bounds.to_unit(end[0]), axis=1)
    table["theta_mse"] = ((bounds.to_unit(end) - bounds.to_unit(truth.to_array())) ** 2).mean(axis=1)
    changes = end[:, 3:] / end[0, 3:] - 1
    table[[f"{parameter.name}_change" for parameter in space.others]] = changes
    table["origin_change_mm"] = np.linalg.norm(end[:, :3] - end[0, :3], axis=1)
    table["radius_mm"] = radius_mm
    parameters = (np.abs(changes) <= tolerance).all(axis=1) & (table["origin_change_mm"] <= tolerance * radius_mm)
    reference = float(table["loss"].iloc[0])
    loss = (table["loss"] - reference).abs() <= max(tolerance * reference, epsilon)
    for name, same in (("same_parameters", parameters), ("same_loss", loss)):
        # A failed search is not in the same minimum; without a reference the value is missing.
        table[name] = pd.array(same if np.isfinite(reference) else [pd.NA] * len(table), "boolean")
    return table


def run_stability(
    cases: Sequence[tuple[str, str | Path, int]],
    tissue: Tissue,
    networks: Networks,
    settings: StabilitySettings,
    invert_settings: InvertSettings,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> pd.DataFrame:
    """Analyse synthetic cases, each given by name, image of the shard and index in it, with ``seed`` of the run.

    Returns
    -------
    One row per case, radius and start, ``case`` and the columns of ``examine_case``. A case without tumour in white and
    grey matter has one row with status ``failed``.

    Raises
    ------
    InputError
        If a shard cannot be read, a network is missing, or the method has neither gradients nor a direct estimate.
    """
    search = search_settings(invert_settings, settings.method)
    if not isinstance(search, DirectInverter):
        problem = "does not start from a direct estimate"
        raise InputError(f"method '{settings.method}'", problem, "use a method with inverter `hybrid`")
    tables = []
    for done, (name, path, index) in enumerate(cases, 1):
        concentration, row = read_sample(path, index)
        try:
            observation = ConcentrationObservation(concentration, tissue, f"{path}, sample {index}")
        except EmptyObservationError as error:
            _LOG.warning("%s", error)
            failed, truth = {"radius": 0.0, "start": 0} | _failure(error), theta_of(row)
            table = _compare([failed], truth, truth.space.bounds_about((0, 0, 0)), 0.0, np.nan, 0.0)
        else:
            case = Problem(observation, invert_settings, networks, seed)
            table = examine_case(case, theta_of(row), settings, search, (name,))
        table.insert(0, "case", name)
        tables.append(table)
        progress(done, len(cases))
    return pd.concat(tables, ignore_index=True)


def paper_stability(radius: float) -> dict[str, float]:
    """Return the paper's means of table 4 by metric; empty for a radius that the paper does not have."""
    row = paper_table(4).get(f"{100 * radius:.6g}")
    return {} if row is None else {name: value.mean for name, value in row.values.items()}


def summarise_stability(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise rows of ``run_stability`` by radius.

    Returns
    -------
    DataFrame
        One row per radius: ``cases`` and ``starts`` with a reference search, and how many ``failed`` (counted as not
        the same); ratios ``same_*`` with ``_low`` and ``_high`` of Wilson's 95 % interval; ``{name}_error`` and
        ``{name}_moved`` of every growth parameter (mean difference from the truth, and from the search of radius 0)
        with the standard error ``_se``; medians; the paper's numbers with ``paper``.
    """
    rows = []
    zero = table[table["radius"] == 0].set_index("case")
    for radius, group in table.groupby("radius"):
        known = group[group["same_parameters"].notna()]
        same = known[["same_parameters", "same_loss"]].astype(bool)
        same["same_both"] = same.all(axis=1)
        row: dict[str, Any] = {"radius": float(radius), "cases": known["case"].nunique(), "starts": len(known)}
        row["failed"] = int((known["status"] == "failed").sum())
        for name in same if row["radius"] > 0 else ():
            row[name] = float(same[name].mean()) if len(same) else np.nan
            row[f"{name}_low"], row[f"{name}_high"] = wilson_interval(int(same[name].sum()), len(same))
        paper = paper_stability(row["radius"])
        row["paper"] = paper.get("same_parameters", np.nan)
        for parameter in parameters_in(table):
            name, rate = parameter.name, parameter.column
            ends = known[f"end_{rate}"]
            for kind, other in (("error", known[rate]), ("moved", known["case"].map(zero[f"end_{rate}"]))):
                size = (ends - other).abs()
                row[f"{name}_{kind}"], row[f"{name}_{kind}_se"] = size.mean(), size.sem(ddof=1)
            row[f"paper_{name}_error"] = paper.get(f"{name}_error", np.nan)
        row["theta_mse_median"] = known["theta_mse"].median()
        row["loss_ratio_median"] = (known["loss"] / known["case"].map(zero["loss"])).median()
        row["evaluations_median"] = known.loc[known["status"] != "failed", "evaluations"].median()
        rows.append(row)
    return pd.DataFrame(rows)


def stability_table(table: pd.DataFrame, tolerance: float) -> Table:
    """Create the table of ratios and errors by radius, with the paper's table 4, from rows of ``run_stability``.

    ``tolerance`` is the largest relative difference that is the same.
    """
    zero, parameters = table[table["radius"] == 0], parameters_in(table)
    titles = {"same_parameters": "same parameters", "same_loss": "same loss", "same_both": "both"}
    columns = (
        column("radius", "radius", "% of range", factor=100, format="g"),
        *(column(name, name, format=",.0f") for name in ("cases", "starts", "failed")),
        *(
            column(name, title, "%", low=f"{name}_low", high=f"{name}_high", factor=100, format=".1f")
            for name, title in titles.items()
        ),
        column("paper", "paper", f"%, n = {paper_table(4)['0'].n}", factor=100, format=".1f"),
        *chain.from_iterable(
            (column(f"{p.name}_error", f"error of {p.text}", p.unit, f"{p.name}_error_se"),
             column(f"paper_{p.name}_error", "paper", p.unit, format=".2f"))
            for p in parameters
        ),
        *(column(f"{p.name}_moved", f"change of {p.text}", p.unit, f"{p.name}_moved_se") for p in parameters),
        column("theta_mse_median", "MSE of theta, median"),
        column("loss_ratio_median", "loss / loss of radius 0, median"),
        column("evaluations_median", "evaluations, median", format=",.0f"),
    )  # fmt: skip
    counts = zero["status"].value_counts()
    ended = {"failed": counts.get("failed", 0), "unfinished": counts.get("not-converged", 0)}
    texts = notes("stability", percent=f"{100 * tolerance:g} %", total=len(zero), **ended)
    return Table("Stability of the gradient search", summarise_stability(table), columns, footnotes=texts)
