"""Compact record of a finished run: numbers of cohorts with provenance, without data of single patients.

The reproduction page is created from records, without the runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.errors import InputError
from gliofit.core.io import read_json, read_table, read_volume
from gliofit.metrics.statistics import describe
from gliofit.paper import EXTENT_MM

#: Bins of the MSE of forward simulations (paper, figure 3).
ERROR_BINS = (1e-5, 1e-4, 1e-3, 1e-2)

#: Metrics of the page.
_COHORT_METRICS = (
    *(f"{name}_volume" for name in ("mse", "mae", "ncc")),
    *(f"{name}_volume_normalised" for name in ("mse", "mae")),
    *(
        f"{name}{square}"
        for name in ("mu_rho_relative_error", "mu_d_relative_error", "origin_error_fraction")
        for square in ("", "_squared")
    ),
    "origin_error_mm", "dice_whole_033", "dice_core_060", "dice_whole_best", "threshold_best", "hd95_whole_033_mm",
    "wall_seconds", "total_wall_seconds", "choice_was_better",
)  # fmt: skip

#: Quantities that errors are correlated with (paper, figure 6).
_CAUSES = ("mu_d_mm", "mu_rho", "volume_mm3", "front_width_mm")

#: Methods compared by case: the hybrid method and its two parts.
_PAIRS = (("hybrid", "direct"), ("hybrid", "gradient-surrogate"), ("gradient-surrogate", "direct"))


def record_run(results: Path) -> dict[str, Any]:
    """Collect the numbers of a run that correspond to the paper.

    Parameters
    ----------
    results
        Folder of the run, ``results/{run}``.

    Returns
    -------
    Plain values, as they are written to JSON, of six digits: ``run``; ``provenance`` (versions, revision of the code,
    device as jobs recorded it); and of the stages that the run has ``cohorts`` (``synthetic``, ``patients``),
    ``study``, ``assess`` and ``pilot``. Each mean is a list of mean, standard error, median and number of cases.
    Neither dates nor names of cases are in it.

    Raises
    ------
    InputError
        If the folder does not exist or has no results.
    """
    if not results.is_dir():
        raise InputError(results, "no such folder", "use the folder of a finished run, results/{run}")
    found: dict[str, Any] = {
        "cohorts": {
            cohort: _cohort(results, cohort)
            for cohort in ("synthetic", "patients")
            if (results / f"evaluate/{cohort}/metrics.parquet").is_file()
        },
        "study": _study(results),
        "assess": _assess(results),
        "pilot": _pilot(results),
    }
    found = {name: part for name, part in found.items() if part}
    if not found.keys() - {"pilot"}:
        raise InputError(results, "contains no tables of stages evaluate, study or assess", "finish the run first")
    record: dict[str, Any] = _rounded({"run": results.name, "provenance": _provenance(results), **found})
    return record


def _provenance(results: Path) -> dict[str, Any]:
    """Summarise the sidecars of the jobs; None in a list stands for missing values."""
    sidecars = [content for path in sorted(results.rglob("*.json")) if "rule" in (content := read_json(path))]
    code = [content.get("code", {}) for content in sidecars]
    return {
        "jobs": len(sidecars),
        "gliofit": _distinct(content["versions"].get("gliofit") for content in sidecars),
        "torch": _distinct(v["torch"] for content in sidecars if "torch" in (v := content["versions"])),
        "revision": _distinct(None if (name := one.get("revision")) == "unknown" else name for one in code),
        "changed": any(one.get("dirty") for one in code),
        "device": _distinct(content.get("device") for content in sidecars),
    }


def _distinct(values: Iterable[str | None]) -> list[str | None]:
    """Return the distinct values in order, None last."""
    return sorted(set(values), key=lambda value: (value is None, value or ""))


def _mean(values: pd.Series) -> list[float]:
    """Return mean, standard error, median and number of finite values."""
    found = describe(values.to_numpy(dtype=float, na_value=float("nan")))
    return [found.mean, found.standard_error, found.median, found.n]


def _cohort(results: Path, cohort: str) -> dict[str, Any]:
    """Record stage evaluate: means by method, distribution of errors, comparison of methods."""
    folder = results / "evaluate" / cohort
    metrics = read_table(folder / "metrics.parquet")
    summary = read_table(folder / "summary.parquet")
    curve = read_table(folder / "dice_curve.parquet")
    cases = read_table(folder / "cases.parquet")
    methods = {}
    for method, group in metrics.groupby("method", sort=False):
        table = summary[summary["method"] == method].set_index("metric")
        agreement = [name for name in table.index if str(name).startswith("ncc_volume_vs_")]
        some = table.index.intersection([*_COHORT_METRICS, *agreement])
        methods[str(method)] = {
            "role": str(group["role"].iloc[0]),
            "observation": None if pd.isna(observed := group["observation"].iloc[0]) else str(observed),
            **_counts(group["status"]),
            "values": {
                str(name): [*table.loc[name, ["mean", "standard_error", "median"]], int(table.loc[name, "n"])]
                for name in some
                if table.loc[name, "n"]
            },
            **_distribution(group["mse_volume"]),
        }
    curves = curve.groupby(["method", "threshold"], sort=False)["dice_whole"].mean()
    return {
        "cases": int((cases["status"] == "used").sum()),
        "left_out": int((cases["status"] == "left out").sum()),
        "phantoms": cohort == "patients" and bool((results / "register/phantoms").is_dir()),
        "spacing_mm": _spacing(results, cohort),
        "data_integrator": sorted(metrics["data_integrator"].dropna().unique()),
        "final_integrator": sorted(metrics["final_integrator"].dropna().unique()),
        "methods": methods,
        "pairs": _pairs(metrics),
        # Threshold of the best mean Dice, and its value.
        "best_threshold": {
            method: [float(curves[method].idxmax()), float(curves[method].max())]
            for method in methods
            if method in curves.index
        },
    }


def _counts(status: pd.Series) -> dict[str, int]:
    return {
        "cases": len(status),
        "failed": int((status == "failed").sum()),
        "not_converged": int((status == "not-converged").sum()),
    }


def _distribution(errors: pd.Series) -> dict[str, Any]:
    """Count the cases in ``ERROR_BINS``, and return the largest error; empty without errors."""
    known = errors.dropna().to_numpy(dtype=float)
    if not known.size:
        return {}
    counts = np.histogram(known, [-np.inf, *ERROR_BINS, np.inf])[0]
    return {"counts": [int(count) for count in counts], "largest": float(known.max())}


def _pairs(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Count how often the first of two methods has the smaller and the larger error."""
    errors = table.pivot(index="case", columns="method", values="mse_volume")
    found = []
    for first, second in _PAIRS:
        if first in errors and second in errors:
            both = errors[[first, second]].dropna().astype(float)
            found.append(
                {
                    "first": first,
                    "second": second,
                    "cases": len(both),
                    "better": int((both[first] < both[second]).sum()),
                    "worse": int((both[first] > both[second]).sum()),
                }
            )
    return found


def _spacing(results: Path, cohort: str) -> float | None:
    """Return the voxel size of the cases in mm."""
    place = "simulate/tissue/wm.nii.gz" if cohort == "synthetic" else "register/patients/*/labels.nii.gz"
    path = next(iter(sorted(results.glob(place))), None)
    return None if path is None else float(np.mean(read_volume(path).grid.spacing_mm))


def _study(results: Path) -> list[dict[str, Any]]:
    """Record stage study like a synthetic cohort, by preset, scenario and method."""
    rows: list[dict[str, Any]] = []
    paths = [path for path in sorted(results.glob("study/batches/*.parquet")) if not path.stem.endswith("_trace")]
    if not paths:
        return rows
    settings = read_json(paths[0].with_name(f"{paths[0].name}.json"))["params"]["settings"]
    table = pd.concat([read_table(path) for path in paths], ignore_index=True)
    offset = [(table[f"estimate_origin_{axis}_mm"] - table[f"origin_{axis}_mm"]) / length
              for axis, length in zip("xyz", EXTENT_MM, strict=True)]  # fmt: skip
    table["origin_error_fraction"] = np.sqrt(sum(part**2 for part in offset))
    for name in ("mu_rho_relative_error", "mu_d_relative_error", "origin_error_fraction"):
        table[f"{name}_squared"] = table[name] ** 2
    metrics = [name for name in (*_COHORT_METRICS, "oracle_mse_volume") if name in table]
    for (preset, scenario), part in table.groupby(["preset", "scenario"], sort=False):
        how = settings["scenarios"][scenario]
        pairs = _pairs(part)
        for method, group in part.groupby("method", sort=False):
            rows.append(
                {
                    "preset": str(preset),
                    "scenario": str(scenario),
                    "method": str(method),
                    "integrator": how["integrator"]["name"],
                    # Only the integrator differs between observation and fit.
                    "undisturbed": not (how["noise"] or how["spacing_mm"] or how["fit_tissue"]),
                    "spacing_mm": settings["spacing_mm"],
                    **_counts(group["status"]),
                    "values": {name: _mean(group[name]) for name in metrics},
                    "causes": {cause: _rank_correlation(group["mse_volume"], group[cause]) for cause in _CAUSES},
                    **_distribution(group["mse_volume"]),
                    "pairs": [pair for pair in pairs if pair["first"] == method],
                }
            )
    return rows


def _rank_correlation(first: pd.Series, second: pd.Series) -> float:
    """Compute Spearman's correlation of two columns, NaN for fewer than three cases."""
    both = pd.DataFrame({"first": first, "second": second}).dropna().astype(float).rank()
    return float(both["first"].corr(both["second"])) if len(both) > 2 else float("nan")


def _assess(results: Path) -> dict[str, Any]:
    """Record stage assess: surrogates, stability, sensitivity."""
    from gliofit.assess.summary import forward_summary
    from gliofit.assess.tables import read_models

    paths = sorted(results.glob("assess/models/*/forward/*.parquet"))
    if not paths:
        return {}
    table = forward_summary(pd.concat([read_table(path) for path in paths], ignore_index=True))
    names = ("mse_cube", "mse_volume", "mae_cube", "ncc_cube", "dice_033")
    models = read_models({model: results / "train" / model for model in table["model"].unique()}).set_index("model")
    found: dict[str, Any] = {
        "forward": [
            {"model": row["model"], "group": row["group"], "n": row["n"], "anatomies": row["anatomies"]}
            | {name: [row[f"{name}_mean"], row[f"{name}_error"], row[f"{name}_median"], row["n"]] for name in names}
            for row in table.to_dict("records")
        ],
        "models": {str(model): row.to_dict() | _seen(results / f"train/{model}") for model, row in models.iterrows()},
    }
    stability = results / "assess/stability/stability.csv"
    if stability.is_file():
        found["stability"] = pd.read_csv(stability).to_dict("records")
    changes = results / "assess/sensitivity/changes.parquet"
    if changes.is_file():
        found["sensitivity"] = read_table(changes).drop(columns="case").to_dict("records")
    return found


def _seen(folder: Path) -> dict[str, float]:
    """Return the number of tumours of a training."""
    training = read_json(folder / "model.json")["training"]
    return {"seen": round(training["epochs"] * training["samples"])}


def _pilot(results: Path) -> dict[str, Any]:
    """Return the means of theta of the run's preset."""
    path = results / "simulate/pilot.json"
    if not path.is_file():
        return {}
    content = read_json(path)
    names = ("mu_d_mm", "mu_rho", "volume_mm3")
    return {name: content[name] for name in names} | {key: content[key] for key in ("preset", "samples", "spacing_mm")}


def _rounded(value: Any) -> Any:
    """Round numbers to six digits, with None for those that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return float(f"{value:.6g}") if np.isfinite(value) else None
    return value
