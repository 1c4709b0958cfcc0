"""Scores of all methods on one case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, read_volume, write_table
from gliofit.core.labels import TissueLabel, core_mask, whole_tumour_mask
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.model import COLUMN, parameters_in, space_of, theta_in
from gliofit.growth.space import Parameter
from gliofit.growth.theta import Theta
from gliofit.metrics.fields import FIELD_METRICS, compare_fields
from gliofit.metrics.masks import CORE_THRESHOLD, WHOLE_THRESHOLD, dice_of_fields, dice_with_mask, surface_distances_mm
from gliofit.metrics.parameters import error_columns, parameter_errors

#: Forward simulation with the true parameters: the error of a perfect estimate.
ORACLE = "oracle"

#: ``{method}-other`` is the candidate that a hybrid method did not choose; it has no row.
OTHER_SUFFIX = "-other"

IDENTITY = ("run", "cohort", "case", "method", "status", "message", "seed")
#: Agreement of a method's forward simulation with that of a reference method.
AGREEMENT_METRICS = ("mse_volume", "mae_volume", "ncc_volume")
AGREEMENT_COLUMNS = ("run", "cohort", "case", "method", "reference", *AGREEMENT_METRICS)
CURVE_COLUMNS = ("run", "cohort", "case", "method", "threshold", "dice_whole", "dice_core")

_SCORES = (
    *FIELD_METRICS, "dice_whole_033", "dice_core_060", "dice_whole_best", "threshold_best", "hd95_whole_033_mm",
    "hd95_core_060_mm",
)  # fmt: skip
_RUN = (
    "role", "observation", COLUMN, "data_integrator", "final_integrator", "origin_error_fraction",
    "forward_wall_seconds", "total_wall_seconds",
)  # fmt: skip
_FIELD = (
    "volume_mm3", "chosen", "other_mse_volume", "choice_was_better", "mse_volume_truth", "ncc_volume_truth",
)  # fmt: skip


def metric_names(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """Return the metrics of a case, with the errors of parameters other than positions."""
    return (*_SCORES, *error_columns(parameters), "wall_seconds", "evaluations")


def metrics_columns(parameters: Sequence[Parameter]) -> tuple[str, ...]:
    """Return the columns of ``metrics.parquet`` for parameters other than positions."""
    origin = space_of({}).columns[:3]
    return (*IDENTITY, *metric_names(parameters), *_RUN, *(p.column for p in parameters), *origin, *_FIELD)


#: Text columns besides those of ``IDENTITY``.
_TEXT = ("role", "observation", COLUMN, "data_integrator", "final_integrator", "chosen", "reference")


@dataclass(frozen=True, eq=False)
class _Target:
    """Ground truth or reference of a case; fields are None if absent."""

    mask: NDArray[np.bool_]
    grid: Grid
    field: Volume | None = None
    whole: NDArray[np.bool_] | None = None
    core: NDArray[np.bool_] | None = None
    theta: Theta | None = None
    truth: Volume | None = None
    integrator: str | None = None
    message: str = ""

    def read(self, path: Path) -> Volume:
        """Read a concentration on the case's grid, with zeros outside grey and white matter."""
        volume = read_volume(path, np.float32)
        if not volume.grid.matches(self.grid):
            volume = volume.oriented_like(self.grid)
        if not volume.grid.matches(self.grid):
            raise InputError(path, "lies on another grid than the case", "run the forward simulation again")
        return Volume(np.where(self.mask, volume.data, np.float32(0)), self.grid)

    def compare(self, estimate: Volume, other: Volume) -> dict[str, float]:
        """Compute the errors of a concentration relative to another (``compare_fields``)."""
        return compare_fields(estimate, other, self.mask)


def evaluate_case(
    cohort: str, case: str, case_dir: str | Path, forward_dirs: Mapping[str, str | Path],
    invert_dirs: Mapping[str, str | Path], reference: str | Path | None, out_dir: str | Path,
    settings: EvaluateSettings, run: str, seed: int, *, truth_table: str | Path | None = None,
    truth_concentration: str | Path | None = None,
) -> None:  # fmt: skip
    """Score every method's forward simulation on one case: ``metrics``, ``dice_curve`` and ``agreement.parquet``.

    Parameters
    ----------
    cohort
        ``synthetic``: fields are compared with the case's true concentration, Dice cuts both of them.
        Any other: fields are compared with ``reference``, and by Dice with ``segmentation.nii.gz``.
    case, case_dir
        Name and folder of the case: ``labels.nii.gz``, and by cohort ``concentration.nii.gz`` with ``truth.parquet``,
        or ``segmentation.nii.gz``.
    forward_dirs
        Estimate to the folder with its ``concentration.nii.gz`` and ``forward.parquet``, in the order of the rows.
        ``oracle`` has no inversion; ``{method}-other`` is the candidate a hybrid method did not choose, which only
        fills the columns ``other_mse_volume`` and ``choice_was_better`` of that method's row.
    invert_dirs
        Method to the folder with its ``parameters.parquet``.
    reference
        Reference concentration of patients; without it there are only scores relative to the segmentation.
    out_dir, settings
        Output folder; reference method (scored only relative to the segmentation), and other methods of
        ``agreement.parquet``.
    run, seed
        Name and seed of the run, for the rows.
    truth_table, truth_concentration
        True parameters and concentration of a phantom, for the parameter errors, ``mse_volume_truth`` and
        ``ncc_volume_truth``; synthetic cases have them in their folder.

    Raises
    ------
    InputError
        If a file is missing, unreadable or lies on another grid than the case. Failed methods are no error; their
        scores are NaN.
    """
    case_dir, out_dir = Path(case_dir), Path(out_dir)
    synthetic = cohort == "synthetic"
    if synthetic:
        truth_table = truth_table or case_dir / "truth.parquet"
        reference = reference or case_dir / "concentration.nii.gz"
    target = _load_target(synthetic, case_dir, reference, truth_table, truth_concentration)
    thresholds = np.linspace(0.05, 0.95, settings.curve_thresholds)
    references = {} if synthetic else _references(forward_dirs, reference, target, settings)

    rows, curves, agreement = [], [], []
    for method in (name for name in forward_dirs if not name.endswith(OTHER_SUFFIX)):
        folder = Path(forward_dirs[method])
        identity = {"run": run, "cohort": cohort, "case": case, "method": method}
        row: dict[str, Any] = identity | {"seed": seed, "data_integrator": target.integrator}
        row |= _describe_run(folder, Path(invert_dirs[method]) if method in invert_dirs else None, target.grid)
        is_reference = not synthetic and method == settings.reference_method
        row["role"] = "oracle" if method == ORACLE else "reference" if is_reference else "method"
        if not is_reference:
            row["message"] = "; ".join(filter(None, (row["message"], target.message)))
        if row["status"] != "failed":
            estimate = references.get(method) or target.read(folder / "concentration.nii.gz")
            row |= _scores(row, estimate, target, is_reference)
            curve = _dice_scores(estimate.data, target, thresholds)
            row |= curve.pop("scores") | _boundary_scores(estimate, target)
            curves.append(pd.DataFrame(identity | curve))
            agreement += [
                identity | {"reference": name} | target.compare(estimate, field)
                for name, field in references.items()
                if name != method
            ]
        other = forward_dirs.get(method + OTHER_SUFFIX)
        if other is not None:
            row |= _judge_choice(row, Path(other), target)
        rows.append(row)

    metrics, curve_table = pd.DataFrame(rows), pd.concat(curves) if curves else pd.DataFrame()
    for name, table, columns in (
        ("metrics", metrics, metrics_columns(parameters_in(metrics))),
        ("dice_curve", curve_table, CURVE_COLUMNS),
        ("agreement", pd.DataFrame(agreement), AGREEMENT_COLUMNS),
    ):
        write_table(out_dir / f"{name}.parquet", _typed(table, columns))


def _load_target(
    synthetic: bool, case_dir: Path, reference: str | Path | None, truth_table: str | Path | None,
    truth_concentration: str | Path | None,
) -> _Target:  # fmt: skip
    """Read ground truth or reference of a case."""
    labels = read_volume(case_dir / "labels.nii.gz", np.uint8)
    # Scores use grey and white matter of the label map, also for growth on tissue probabilities.
    target = _Target(labels.data >= TissueLabel.GREY_MATTER, labels.grid)
    if truth_concentration is not None:
        target = replace(target, truth=target.read(Path(truth_concentration)))
    if truth_table is not None:
        row = read_table(truth_table).iloc[0]
        target = replace(target, theta=theta_in(row), integrator=_text(row.get("integrator")))
    if not synthetic:
        path = case_dir / "segmentation.nii.gz"
        segmentation = read_volume(path, np.uint8)
        if not segmentation.grid.matches(labels.grid):
            raise InputError(path, "lies on another grid than labels.nii.gz", "register the patient again")
        target = replace(target, whole=whole_tumour_mask(segmentation.data), core=core_mask(segmentation.data))
    if reference is None:
        return target
    field = target.read(Path(reference))
    if field.data.any():
        return replace(target, field=field)
    if synthetic:
        raise InputError(str(reference), "holds no tumour in grey or white matter", "simulate the case again")
    # The reference method failed on this patient.
    return replace(target, message="no reference concentration to compare with")


def _references(
    forward_dirs: Mapping[str, str | Path], reference: str | Path | None, target: _Target, settings: EvaluateSettings
) -> dict[str, Volume]:
    """Read the forward simulations of reference methods of a patient, without failed ones."""
    fields = {}
    for name in (settings.reference_method, *settings.other_references):
        if name in forward_dirs:
            path = Path(forward_dirs[name]) / "concentration.nii.gz"
            known = target.field if reference is not None and path == Path(reference) else None
            fields[name] = known or target.read(path)
    return {name: field for name, field in fields.items() if field.data.any()}


def _describe_run(forward_dir: Path, invert_dir: Path | None, grid: Grid) -> dict[str, Any]:
    """Read the rows of inversion and forward simulation of an estimate."""
    forward = read_table(forward_dir / "forward.parquet").iloc[0]
    seconds = float(forward.get("wall_seconds", np.nan))
    row: dict[str, Any] = {"forward_wall_seconds": seconds, "final_integrator": _text(forward.get("integrator"))}
    tables = [forward]
    if invert_dir is None:
        row["total_wall_seconds"] = seconds
    else:
        parameters = read_table(invert_dir / "parameters.parquet").iloc[0]
        tables.insert(0, parameters)
        space = space_of(parameters)
        row |= {name: _number(parameters.get(name)) for name in ("wall_seconds", "evaluations", *space.columns)}
        if not np.isfinite([row[name] for name in space.columns[:3]]).all():
            # Older tables have the origin only in voxels.
            world = grid.voxel_to_world([_number(parameters.get(f"origin_{axis}")) for axis in "ijk"])
            row |= dict(zip(space.columns[:3], map(float, world), strict=True))
        row["total_wall_seconds"] = row["wall_seconds"] + seconds
        row |= {name: _text(parameters.get(name)) for name in ("observation", "chosen")}
        row |= {COLUMN: space.model, "seed": int(parameters["seed"])}
    statuses = [str(table["status"]) for table in tables]
    row["status"] = next((s for s in ("failed", "not-converged") if s in statuses), statuses[0])
    messages = dict.fromkeys(_text(table.get("message")) for table in tables)
    row["message"] = "; ".join(message for message in messages if message)
    return row


def _number(value: Any) -> float:
    return float(value) if value is not None and not pd.isna(value) else float("nan")


def _text(value: Any) -> str | None:
    return str(value) if value is not None and not pd.isna(value) and str(value) else None


def _scores(row: Mapping[str, Any], estimate: Volume, target: _Target, is_reference: bool) -> dict[str, float]:
    """Compute errors of concentration and parameters, and the volume."""
    scores: dict[str, float] = {}
    if target.field is not None and not is_reference:
        scores |= target.compare(estimate, target.field)
    if target.truth is not None:
        errors = target.compare(estimate, target.truth)
        scores |= {f"{name}_volume_truth": errors[f"{name}_volume"] for name in ("mse", "ncc")}
    theta = theta_in(row)
    # Methods without parameters have no errors of parameters.
    if target.theta is not None and theta is not None:
        scores |= parameter_errors(theta, target.theta)
    return scores | {"volume_mm3": float(estimate.data.sum(dtype=np.float64)) * target.grid.voxel_volume_mm3}


def _dice_scores(estimate: NDArray[np.float32], target: _Target, thresholds: NDArray[np.float64]) -> dict[str, Any]:
    """Compute Dice at the thresholds of the tables and along the curve.

    Synthetic cases have no segmentation: both fields are thresholded alike, and core equals whole.
    """
    named = np.array([WHOLE_THRESHOLD, CORE_THRESHOLD])
    if target.whole is not None and target.core is not None:
        whole, core = (dice_with_mask(estimate, mask, thresholds) for mask in (target.whole, target.core))
        whole_033 = dice_with_mask(estimate, target.whole, named)[0]
        core_060 = dice_with_mask(estimate, target.core, named)[1]
    elif target.field is not None:
        whole = core = dice_of_fields(estimate, target.field.data, thresholds)
        whole_033, core_060 = dice_of_fields(estimate, target.field.data, named)
    else:
        whole = core = np.full(thresholds.shape, np.nan)
        whole_033 = core_060 = float("nan")
    # The best threshold includes that of the table, which lies between those of the curve.
    tried = np.append(whole, whole_033)
    scores = {"dice_whole_033": float(whole_033), "dice_core_060": float(core_060)}
    if np.isfinite(tried).any():
        best = int(np.nanargmax(tried))
        scores |= {"dice_whole_best": tried[best], "threshold_best": np.append(thresholds, WHOLE_THRESHOLD)[best]}
    return {"scores": scores, "threshold": thresholds, "dice_whole": whole, "dice_core": core}


def _boundary_scores(estimate: Volume, target: _Target) -> dict[str, float]:
    """Compute HD95 at the thresholds of the tables, relative to the masks of Dice."""
    scores = {}
    regions = (("whole_033", WHOLE_THRESHOLD, target.whole), ("core_060", CORE_THRESHOLD, target.core))
    for region, threshold, mask in regions:
        if mask is None and target.field is not None:
            mask = target.field.data >= threshold
        if mask is not None:
            distances = surface_distances_mm(estimate.data >= threshold, mask, target.grid.spacing_mm)
            scores[f"hd95_{region}_mm"] = distances[1]
    return scores


def _judge_choice(row: Mapping[str, Any], other_dir: Path, target: _Target) -> dict[str, Any]:
    """Whether the chosen candidate of a hybrid method has the lower MSE."""
    kept, other = row.get("mse_volume", float("nan")), float("nan")
    failed = str(read_table(other_dir / "forward.parquet").iloc[0]["status"]) == "failed"
    if not failed and target.field is not None:
        other = target.compare(target.read(other_dir / "concentration.nii.gz"), target.field)["mse_volume"]
    # A failed candidate is worse than a successful one; two failed ones are undecided.
    better = None if np.isnan(kept) else bool(np.isnan(other) or kept <= other)
    return {"other_mse_volume": other, "choice_was_better": better}


def _typed(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Order the columns and convert them to fixed types."""
    table = table.reindex(columns=list(columns)).reset_index(drop=True)
    for name in columns:
        if name in (*IDENTITY, *_TEXT) and name != "seed":
            table[name] = table[name].where(table[name].notna(), None).astype("string")
        else:
            table[name] = table[name].astype({"seed": "int64", "choice_was_better": "boolean"}.get(name, "float64"))
    return table
