"""Inversion of the targets of a study and scores of the estimates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.forward.run import simulate_estimate
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.model import COLUMN, find_growth_model
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.run import fit
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import Trace
from gliofit.metrics.fields import compare_fields
from gliofit.metrics.parameters import parameter_errors
from gliofit.observation.observation import ConcentrationObservation, EmptyObservationError
from gliofit.study.settings import StudySettings
from gliofit.study.target import Target, make_targets
from gliofit.study.tissue import StudyTissue

#: Probability of the intervals.
COVERAGE_LEVEL = 0.9

_TRACE_COLUMNS = ["preset", "scenario", "case", "method", "evaluation", "loss", "seconds", "level"]


@dataclass(frozen=True, eq=False)
class _Case:
    """Target and tissue of a fit."""

    target: Target
    tissue: Tissue
    inside: np.ndarray
    forward: ForwardSettings

    def field_errors(self, theta: Theta) -> tuple[dict[str, float], str]:
        """Compute errors of ``theta`` relative to the noise-free target, and the reason for a failure."""
        result, names = simulate_estimate(self.tissue, theta, self.forward), ("mse_volume", "ncc_volume")
        if result.row["status"] == "failed":
            return dict.fromkeys(names, np.nan), str(result.row["message"])
        scores = compare_fields(result.concentration, self.target.clean, self.inside)
        return {name: scores[name] for name in names}, ""


def run_cases(
    atlas_dir: Path,
    preset: str,
    indices: Sequence[int],
    settings: StudySettings,
    invert_settings: InvertSettings,
    forward_settings: ForwardSettings,
    seed: int,
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    networks: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Simulate targets of tumours under every scenario, invert them with every method, and score the estimates.

    Parameters
    ----------
    atlas_dir
        Folder of stage atlas.
    preset, indices
        Preset of parameter ranges, and numbers of the tumours.
    settings, invert_settings, forward_settings, seed
        Settings of the stages, and seed of the run.
    progress
        Called with finished and total inversions.
    networks, device
        Trained networks or their folders by name, and their device.

    Returns
    -------
    cases, traces
        Tables with the columns of docs/study.md: one row per tumour, scenario and method, and one per evaluation.
    """
    tissue = StudyTissue(atlas_dir, settings)
    loaded = {}
    for method in settings.methods_in_use:
        roles = invert_settings.methods[method].networks.items()
        given = {role: (networks or {}).get(name) for role, name in roles}
        loaded[method] = Networks(device=device, **given)
    inside = tissue.own.visible
    total = sum(len(settings.runs_of(index)) for index in indices)
    rows, traces = [], []
    for index in indices:
        targets = make_targets(tissue, preset, index, seed)
        for name, runs in groupby(settings.runs_of(index), key=lambda run: run[0]):
            target, scenario = targets[name], settings.scenarios[name]
            case = _Case(target, tissue.of_fit(scenario), inside, forward_settings)
            oracle, _ = case.field_errors(target.theta)
            for _, method in runs:
                own_seed = derive_seed(seed, "study", preset, index, method)
                noisy = scenario.noise > 0
                inversion = _invert(case, noisy, method, invert_settings, loaded[method], own_seed, threads)
                who = {"preset": preset, "scenario": name, "case": index, "method": method}
                space = find_growth_model(invert_settings.methods[method].growth_model).space
                rows.append(who | _row(case, inversion, space, oracle["mse_volume"]))
                traces.append(inversion.trace.assign(**who)[_TRACE_COLUMNS])
                progress(len(rows), total)
    cases = pd.DataFrame(rows)
    cases = cases.astype({name: "boolean" for name in cases if str(name).startswith("inside_")})
    # Failed inversions have empty traces with untyped columns.
    filled = [trace for trace in traces if len(trace)] or traces[:1]
    return cases, pd.concat(filled, ignore_index=True)


def _invert(
    case: _Case, noisy: bool, method: str, settings: InvertSettings, networks: Networks, seed: int, threads: int
) -> Inversion:
    model = settings.methods[method].growth_model
    try:
        observation = ConcentrationObservation(case.target.observed, case.tissue, "target", noisy=noisy)
    except EmptyObservationError as error:
        return Trace(find_growth_model(model).space).fail(str(error))
    problem = Problem(observation, settings, networks, seed=seed, threads=threads, model=model)
    return fit(problem, method, settings)


def _row(case: _Case, inversion: Inversion, space: ParameterSpace, oracle_mse: float) -> dict[str, Any]:
    """Everything but who it is about; ``space`` is that of the method."""
    truth, estimate = case.target.theta, inversion.theta
    status, message = str(inversion.status), inversion.message
    names = [f"{p.name}_{kind}" for p in space.others for kind in ("relative_error", "bias")]
    errors = dict.fromkeys(("mse_volume", "ncc_volume", *names, "origin_error_mm"), np.nan)
    if estimate is not None:
        fields, problem = case.field_errors(estimate)
        if problem:
            status, message = "failed", "; ".join(part for part in (message, f"forward simulation: {problem}") if part)
        else:
            scores = parameter_errors(estimate, truth)
            errors |= fields | {name: scores[name] for name in errors if name in scores}
    true = truth.space.row(truth.to_array())
    return {
        "status": status, "message": message, COLUMN: truth.space.model, **true,
        **space.row(None if estimate is None else estimate.to_array(), prefix="estimate_"),
        "volume_mm3": float(case.target.row["volume_mm3"]),
        **{quantity.column: float(quantity.of(true)) for quantity in truth.space.derived},
        **errors, "oracle_mse_volume": oracle_mse, "loss": inversion.loss, "evaluations": inversion.evaluations,
        "wall_seconds": inversion.wall_seconds, **_coverage(inversion, space, true),
    }  # fmt: skip


def _coverage(inversion: Inversion, space: ParameterSpace, true: Mapping[str, float]) -> dict[str, Any]:
    """Whether intervals contain the true parameters; missing without interval or true parameter."""
    if inversion.uncertainty is None or inversion.theta is None:
        return {f"inside_{column}": pd.NA for column in space.columns}
    lower, upper = (space.row(end) for end in inversion.uncertainty.interval(inversion.theta, COVERAGE_LEVEL))
    return {
        f"inside_{column}": lower[column] <= true[column] <= upper[column] if column in true else pd.NA
        for column in space.columns
    }
