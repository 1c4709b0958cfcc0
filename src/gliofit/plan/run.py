"""Plan from volumes, from single files, and for a case of the workflow."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.errors import InputError
from gliofit.grid import Grid, Volume
from gliofit.io import read_table, read_volume, scratch_folder, write_table, write_volume
from gliofit.labels import translate_labels
from gliofit.plan.compare import (
    COVERAGE_COLUMNS,
    OVERLAP_COLUMNS,
    Recurrence,
    compare_targets,
    coverage_columns,
    read_recurrence,
)
from gliofit.plan.dicom import dicom_problem, read_series, write_structure_set
from gliofit.plan.picture import PlanView, draw_plans
from gliofit.plan.settings import PlanSettings
from gliofit.plan.tables import plan_table
from gliofit.plan.target import (
    Region,
    Target,
    brain_of_tissue,
    bridge_gaps,
    clinical_target,
    gross_tumour,
    personalised_target,
)
from gliofit.progress import OnProgress, no_progress
from gliofit.report.render import write_renderings
from gliofit.tissue import Tissue

__all__ = ["PLAN_COLUMNS", "PlanRequest", "draw_patient", "make_plan", "plan_files", "plan_patient", "read_plans"]

PLAN_COLUMNS = (
    "run", "cohort", "case", "method", "status", "message", "seed", "region", "margin_mm", "level", *OVERLAP_COLUMNS,
    *COVERAGE_COLUMNS,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """What a plan is made from; everything on one grid.

    Parameters
    ----------
    segmentation
        ``TumourLabel`` values.
    concentration
        Tumour-cell concentration in [0, 1].
    brain
        Brain mask (bool).
    barriers
        Mask (bool) of what cells do not cross; None: no barriers.
    recurrence
        Where the tumour came back; None: no follow-up.
    region, keep_tumour
        What the margin is drawn around, and whether the personalised target must contain it.
    bridge_mm
        Reach of ``bridge_gaps``.
    """

    segmentation: Volume
    concentration: Volume
    brain: Volume
    barriers: Volume | None = None
    recurrence: Recurrence | None = None
    region: Region = "core"
    keep_tumour: bool = True
    bridge_mm: float = 3.0


def make_plan(request: PlanRequest, margin_mm: float) -> tuple[Target, Target, dict[str, Any]]:
    """The clinical target, the personalised one of equal volume, and how they compare.

    Returns
    -------
    Both targets, and the columns ``status message region margin_mm level`` with those of the comparison.

    Raises
    ------
    InputError
        As ``clinical_target`` and ``personalised_target``.
    """
    clinical = clinical_target(
        request.segmentation, request.brain, margin_mm, barriers=request.barriers, region=request.region
    )
    tumour = gross_tumour(request.segmentation, request.region)
    allowed = request.brain.data.astype(bool)
    if request.barriers is not None:
        # The same voxels are open to both targets.
        allowed = allowed & (~request.barriers.data.astype(bool) | tumour)
    allowed_volume = Volume(allowed, request.brain.grid)
    personalised = personalised_target(
        bridge_gaps(request.concentration, allowed_volume, request.bridge_mm),
        clinical.volume_mm3,
        allowed_volume,
        keep=tumour if request.keep_tumour else None,
    )
    row = {
        "status": "ok", "message": "; ".join([*clinical.notes, *personalised.notes]), "region": request.region,
        "margin_mm": float(margin_mm), "level": personalised.level,
    }  # fmt: skip
    row |= compare_targets(clinical.mask, personalised.mask)
    row |= coverage_columns(clinical.mask, personalised.mask, request.recurrence)
    return clinical, personalised, row


def _failed_row(region: str, margin_mm: float, message: str) -> dict[str, Any]:
    numbers = dict.fromkeys(("level", *OVERLAP_COLUMNS, *COVERAGE_COLUMNS), float("nan"))
    return {"status": "failed", "message": message, "region": region, "margin_mm": float(margin_mm)} | numbers


def _read_mask(path: str | Path, grid: Grid, what: str) -> Volume:
    """A mask on the patient's grid: what is above one half."""
    volume = read_volume(path, np.float32)
    if not volume.grid.matches(grid):
        raise InputError(path, f"{what} on another grid than the patient's", "resample it onto that grid")
    return Volume(volume.data > 0.5, volume.grid)


def _read_concentration(path: str | Path, grid: Grid) -> Volume:
    volume = read_volume(path, np.float32)
    if not volume.grid.matches(grid):
        raise InputError(path, "lies on another grid than the segmentation", "resample it onto that grid")
    if volume.data.min() < -1e-3 or volume.data.max() > 1 + 1e-3:
        raise InputError(path, "holds values that are not between 0 and 1", "give a tumour-cell concentration")
    return volume


def _read_follow_up(path: str | Path, grid: Grid, scheme: str) -> Recurrence:
    volume = read_volume(path, np.int32)
    if not volume.grid.matches(grid):
        raise InputError(path, "lies on another grid than the patient's", "register the follow-up to the patient")
    return read_recurrence(volume.data, scheme, str(path))


def plan_files(
    tissue: Tissue,
    *,
    segmentation: Path,
    label_scheme: str,
    concentration: Path,
    out_dir: Path,
    margin_mm: float = 15.0,
    region: Region = "core",
    keep_tumour: bool = True,
    bridge_mm: float = 3.0,
    brain_mask: Path | None = None,
    barriers: Path | None = None,
    image: Path | None = None,
    dicom: Path | None = None,
    recurrence: Path | None = None,
    recurrence_labels: str | None = None,
    progress: OnProgress = no_progress,
) -> dict[str, Any]:
    """Plan one patient from files: what the ``plan`` command does.

    Writes masks on the patient's grid (``clinical.nii.gz``, ``personalised.nii.gz``), ``plan.parquet``, ``plan.csv``,
    ``plan.md``, ``plan.png`` and ``plan.pdf`` into ``out_dir``, and with a DICOM series ``plan.dcm`` (RT structure
    set). All of them or none; where pydicom is missing ``plan.dcm`` alone is left out, and the row's message says so.

    Parameters
    ----------
    tissue
        Brain of the case; its grid is the patient's.
    segmentation, label_scheme
        Tumour segmentation before treatment, and its label scheme.
    concentration
        Tumour-cell concentration.
    out_dir
        Folder to write into; its name is the case's.
    margin_mm, region, keep_tumour, bridge_mm
        As in ``PlanSettings``.
    brain_mask, barriers
        Masks; without the first, the brain is where there is tissue.
    image
        MRI behind the contours of the picture; the tissue labels without one.
    dicom
        Folder of the patient's DICOM series.
    recurrence, recurrence_labels
        Follow-up segmentation on the patient's grid, with its label scheme (that of the segmentation if not given).
    progress
        Hears of what is being done.

    Returns
    -------
    The row of ``plan.parquet``.

    Raises
    ------
    InputError
        If an input is wrong or no plan can be made of it.
    """
    progress("reading")
    labels = read_volume(segmentation, np.int32)
    if not labels.grid.matches(tissue.grid):
        raise InputError(segmentation, "lies on another grid than the tissue", "resample both onto one grid")
    internal = Volume(translate_labels(labels.data, label_scheme, str(segmentation)), labels.grid)
    grid = labels.grid
    request = PlanRequest(
        internal,
        _read_concentration(concentration, grid),
        brain_of_tissue(tissue) if brain_mask is None else _read_mask(brain_mask, grid, "brain mask"),
        None if barriers is None else _read_mask(barriers, grid, "barriers"),
        None if recurrence is None else _read_follow_up(recurrence, grid, recurrence_labels or label_scheme),
        region,
        keep_tumour,
        bridge_mm,
    )
    background = Volume(tissue.labels, tissue.grid) if image is None else read_volume(image, np.float32)
    missing = dicom_problem() if dicom is not None else None
    series = read_series(dicom) if dicom is not None and missing is None else None
    progress("drawing targets")
    try:
        clinical, personalised, columns = make_plan(request, margin_mm)
    except InputError as error:
        subject = segmentation if error.subject == "segmentation" else error.subject
        raise InputError(subject, error.problem, error.hint) from error
    if missing is not None:
        columns["message"] = "; ".join(part for part in (columns["message"], f"no plan.dcm: {missing}") if part)
    case = out_dir.resolve().name
    row = {"run": "plan", "cohort": "files", "case": case, "method": "concentration", "seed": 0} | columns
    table = pd.DataFrame([row])[list(PLAN_COLUMNS)]

    progress("writing results")
    with scratch_folder(out_dir) as temporary:
        write_volume(temporary / "clinical.nii.gz", clinical.mask)
        write_volume(temporary / "personalised.nii.gz", personalised.mask)
        write_table(temporary / "plan.parquet", table)
        write_renderings(plan_table(table), temporary, "plan", ("csv", "md"))
        view = PlanView("concentration", clinical.mask, personalised.mask)
        draw_plans([view], background, request.segmentation, temporary, "plan", f"{case}, {margin_mm:g} mm")
        if series is not None:
            names = {f"CTV {margin_mm:g} mm": clinical.mask, "CTV personalised": personalised.mask}
            write_structure_set(temporary / "plan.dcm", series, names)
        out_dir.mkdir(exist_ok=True)
        for path in temporary.iterdir():
            shutil.move(path, out_dir / path.name)
    return row


def plan_patient(
    case_dir: Path,
    forward_dir: Path,
    out_dir: Path,
    settings: PlanSettings,
    identity: Mapping[str, Any],
    *,
    label_scheme: str,
    barriers: str | Path | None = None,
    recurrence: str | Path | None = None,
) -> None:
    """Plan one patient with one method of a run, at every margin.

    Writes ``plan.parquet`` (a row per margin) and ``clinical-{margin}.nii.gz``, ``personalised-{margin}.nii.gz``. What
    cannot be planned, because the method has no final run or the patient no tumour core, is a row with status
    ``failed`` and empty masks.

    Parameters
    ----------
    case_dir
        ``register/patients/{case}`` with ``segmentation.nii.gz`` and ``brain_mask.nii.gz``.
    forward_dir
        ``forward/patients/{case}/{method}`` with ``concentration.nii.gz`` and ``forward.parquet``.
    out_dir
        Where to write.
    settings
        Settings of the stage.
    identity
        Columns ``run cohort case method seed``.
    label_scheme
        Label scheme of the patient's own segmentation, and of the follow-up unless the settings name another.
    barriers, recurrence
        The patient's files, where there are any.

    Raises
    ------
    InputError
        If a barriers or follow-up file is not on the patient's grid or its labels are not the scheme's.
    """
    segmentation = read_volume(case_dir / "segmentation.nii.gz", np.uint8)
    grid = segmentation.grid
    final = read_table(forward_dir / "forward.parquet").iloc[0]
    request = PlanRequest(
        segmentation,
        read_volume(forward_dir / "concentration.nii.gz", np.float32),
        _read_mask(case_dir / "brain_mask.nii.gz", grid, "brain mask"),
        None if barriers is None else _read_mask(barriers, grid, "barriers"),
        None if recurrence is None else _read_follow_up(recurrence, grid, settings.recurrence_labels or label_scheme),
        settings.region,
        settings.keep_tumour,
        settings.bridge_mm,
    )
    rows = []
    for margin, name in zip(settings.margins_mm, settings.margin_names, strict=True):
        empty = Volume(np.zeros(grid.shape, bool), grid)
        masks = {"clinical": empty, "personalised": empty}
        if final["status"] == "failed":
            row = _failed_row(settings.region, margin, f"no final run: {final['message']}")
        else:
            try:
                clinical, personalised, row = make_plan(request, margin)
                masks = {"clinical": clinical.mask, "personalised": personalised.mask}
            except InputError as error:
                row = _failed_row(settings.region, margin, str(error))
        for kind, mask in masks.items():
            write_volume(out_dir / f"{kind}-{name}.nii.gz", mask)
        rows.append({**identity, **row})
    write_table(out_dir / "plan.parquet", pd.DataFrame(rows)[list(PLAN_COLUMNS)])


def draw_patient(
    case_dir: Path, plan_dirs: Mapping[str, Path], image: Path, out_dir: Path, settings: PlanSettings,
    names: Mapping[str, str] | None = None, dpi: int = 300,
) -> None:  # fmt: skip
    """Draw the plans of one patient by several methods, at the first margin: ``plan.png`` and ``plan.pdf``.

    Parameters
    ----------
    case_dir
        ``register/patients/{case}``.
    plan_dirs
        Folders of ``plan_patient`` by method.
    image
        MRI behind the contours.
    out_dir
        Where to write.
    settings, names, dpi
        Settings of the stage, printed names of methods, and resolution.
    """
    from gliofit.report.names import method_name

    margin = settings.margin_names[0]
    views = [
        PlanView(
            method_name(method, names),
            _mask(folder / f"clinical-{margin}.nii.gz"),
            _mask(folder / f"personalised-{margin}.nii.gz"),
        )
        for method, folder in plan_dirs.items()
    ]
    segmentation = read_volume(case_dir / "segmentation.nii.gz", np.uint8)
    title = f"{case_dir.name}, {settings.margins_mm[0]:g} mm"
    draw_plans(views, read_volume(image, np.float32), segmentation, out_dir, "plan", title, dpi)


def _mask(path: Path) -> Volume:
    volume = read_volume(path, np.uint8)
    return Volume(volume.data > 0, volume.grid)


def read_plans(paths: Sequence[str | Path]) -> pd.DataFrame:
    """All rows of several tables of ``plan_patient``."""
    tables = [read_table(path) for path in paths]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PLAN_COLUMNS))
