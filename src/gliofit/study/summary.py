"""Summaries of a study: errors, convergence, and comparison of methods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.io import read_table
from gliofit.growth.model import parameters_in
from gliofit.metrics.parameters import error_columns
from gliofit.metrics.statistics import describe

#: Points of the table of convergence.
EVALUATIONS = (25, 50, 100, 150, 250, 500, 1000)
SECONDS = (1, 2, 5, 10, 20, 50, 100)

_GROUP = ["preset", "scenario", "method"]


def read_batches(paths: Iterable[str | Path]) -> pd.DataFrame:
    """Read and concatenate tables of jobs."""
    tables = [read_table(path) for path in paths]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def summarise_study(cases: pd.DataFrame) -> pd.DataFrame:
    """Summarise the rows of ``run_cases`` by preset, scenario and method.

    Failed cases count only in ``failed`` and in errors of the oracle. ``coverage`` is the fraction of all parameters of
    all cases within their interval, NaN without intervals.
    """
    parameters = parameters_in(cases, "{name}_bias")
    errors = (*error_columns(parameters), *(f"{p.name}_bias" for p in parameters))
    rows = []
    for key, group in cases.groupby(_GROUP, sort=False):
        done = group[group["status"] != "failed"]
        inside = group[[name for name in group if str(name).startswith("inside_")]]
        known = int(inside.notna().to_numpy().sum())
        row: dict[str, Any] = dict(zip(_GROUP, key, strict=True))
        row |= {"cases": len(group), "failed": len(group) - len(done)}
        for name, values in (("mse", done["mse_volume"]), ("oracle_mse", group["oracle_mse_volume"])):
            row |= describe(values).columns(name, median="median", mean="mean", max="maximum")
        for name in errors:
            row |= describe(done[name]).columns(name, median="median")
        row |= {"ncc_min": done["ncc_volume"].min(), "coverage": float(inside.sum().sum()) / known if known else np.nan}
        for name, column in (("seconds", "wall_seconds"), ("evaluations", "evaluations")):
            row |= describe(done[column]).columns(name, median="median", max="maximum")
        rows.append(row)
    return pd.DataFrame(rows)


def convergence(
    cases: pd.DataFrame,
    traces: pd.DataFrame,
    evaluations: Sequence[float] = EVALUATIONS,
    seconds: Sequence[float] = SECONDS,
) -> pd.DataFrame:
    """Compute the best loss so far by evaluations and time, from the tables of ``run_cases``.

    Only losses of the finest level (the last one of a trace) are comparable; evaluations on coarser levels are included
    in the count. Searches that failed or have not reached the finest level have an infinite loss, so that every median
    is over the same cases. Finished searches keep their loss.

    Returns
    -------
    DataFrame
        Per preset, scenario and method, and point (``by`` and ``at``): median and quartiles of the loss over all cases,
        NaN if infinite; ``cases``, and the number that ``reached`` the finest level.
    """
    per_run = {
        key: _best_so_far(run.sort_values("evaluation"), evaluations, seconds)
        for key, run in traces.groupby([*_GROUP, "case"], sort=False)
    }
    points = [("evaluations", at) for at in evaluations] + [("seconds", at) for at in seconds]
    nowhere = np.full(len(points), np.inf)
    rows: list[dict[str, Any]] = []
    for key, group in cases.groupby(_GROUP, sort=False):
        failed = (group["status"] == "failed").to_numpy()
        runs = [per_run.get((*key, case), nowhere) for case in group["case"]]
        losses = np.where(failed[:, None], np.inf, np.array(runs))
        lower, upper = np.quantile(losses, (0.25, 0.75), axis=0, method="inverted_cdf")
        columns = zip(points, np.median(losses, axis=0), lower, upper, np.isfinite(losses).sum(axis=0), strict=True)
        for (by, at), median, low, high, reached in columns:
            losses_there = {"loss_median": median, "loss_lower": low, "loss_upper": high}
            row = dict(zip(_GROUP, key, strict=True)) | {"by": by, "at": at}
            row |= {name: value if np.isfinite(value) else np.nan for name, value in losses_there.items()}
            rows.append(row | {"cases": len(group), "reached": int(reached)})
    return pd.DataFrame(rows)


def _best_so_far(run: pd.DataFrame, evaluations: Sequence[float], seconds: Sequence[float]) -> NDArray[np.float64]:
    """Return the smallest loss of the finest level (initially infinite) by evaluations, then by time."""
    finest = run[run["level"] == run["level"].iloc[-1]]
    losses = finest["loss"].to_numpy(dtype=float)
    best = np.append(np.inf, np.minimum.accumulate(np.where(np.isfinite(losses), losses, np.inf)))
    points = (("evaluation", evaluations), ("seconds", seconds))
    places = [np.searchsorted(finest[column].to_numpy(dtype=float), at, side="right") for column, at in points]
    return best[np.concatenate(places)]


def comparison(cases: pd.DataFrame) -> pd.DataFrame:
    """Compare all pairs of methods of a preset and scenario by case.

    Final losses are comparable: all methods have the same observation and end at the voxel size of the study.
    ``second_above`` is the fraction of cases in which the second method has the larger final loss.
    """
    rows = []
    for key, group in cases[cases["status"] != "failed"].groupby(["preset", "scenario"], sort=False):
        losses = group.pivot(index="case", columns="method", values="loss")
        for first, second in combinations(group["method"].unique(), 2):
            both = losses[[first, second]].dropna()
            ratio = both[second] / both[first].where(both[first] > 0)
            above = float((both[second] > both[first]).mean())
            rows.append((*key, first, second, len(both), above, float(ratio.median())))
    names = ["preset", "scenario", "first", "second", "cases", "second_above", "loss_ratio_median"]
    return pd.DataFrame(rows, columns=names)
