"""Plans of volumes, of single files, and of a case of the workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_table, write_volume
from gliofit.core.output import PLAN_FILES, name_of_folder, output_folder
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.tissue import Tissue
from gliofit.figures.style import optional_picture
from gliofit.inputs.images import read_concentration, read_follow_up, read_image, read_mask, read_segmentation
from gliofit.plan.compare import (
    COVERAGE_COLUMNS,
    OVERLAP_COLUMNS,
    Recurrence,
    compare_targets,
    coverage_columns,
    recurrence_of,
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
from gliofit.report.render import write_renderings

PLAN_COLUMNS = (
    "run", "cohort", "case", "method", "status", "message", "seed", "region", "margin_mm", "level", *OVERLAP_COLUMNS,
    *COVERAGE_COLUMNS,
)  # fmt: skip


#: Names in messages of the image whose grid all others must have.
_TISSUE, _PATIENT = "the tissue", "the patient's segmentation"


@dataclass(frozen=True, eq=False)
class PlanRequest:
    """Input data of a plan, on one grid.

    ``segmentation`` has ``TumourLabel`` values, ``concentration`` is in [0, 1], ``brain`` and ``barriers`` are masks;
    ``region``, ``keep_tumour`` and ``bridge_mm`` are those of ``PlanSettings``.
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
    """Compute the clinical target and the personalised target of equal volume, and compare them.

    Returns
    -------
    clinical, personalised : Target
        The targets.
    row : dict
        Columns ``status message region margin_mm level`` and those of the comparison.

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
        # The same voxels as for the clinical target.
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
    """Return the columns of a failed plan."""
    numbers = dict.fromkeys(("level", *OVERLAP_COLUMNS, *COVERAGE_COLUMNS), float("nan"))
    return {"status": "failed", "message": message, "region": region, "margin_mm": float(margin_mm)} | numbers


def _read_recurrence(path: Path, scheme: str, brain: Volume, warnings: list[InputWarning]) -> Recurrence:
    labels = read_follow_up(path, scheme, brain.grid, brain=brain, warnings=warnings, reference=_PATIENT)
    return recurrence_of(labels.data)


def _with_notes(message: str, warnings: list[InputWarning]) -> str:
    return "; ".join(part for part in (message, *(warning.note for warning in warnings)) if part)


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
    warnings: list[InputWarning] | None = None,
) -> dict[str, Any]:
    """Plan one patient from files (command ``plan``).

    Writes masks on the patient's grid (``clinical.nii.gz``, ``personalised.nii.gz``), ``plan.parquet``, ``plan.csv``,
    ``plan.md``, ``plan.png`` and ``plan.pdf`` into ``out_dir``, and with a DICOM series ``plan.dcm`` (RT structure
    set). After an error nothing is written. ``plan.dcm`` without pydicom, and a picture that fails, are omitted with a
    note in the row's message. Files of an earlier plan are removed.

    Parameters
    ----------
    tissue
        Tissue of the patient; its grid is the patient's grid.
    out_dir
        Folder to write into, named after the case.
    margin_mm, region, keep_tumour, bridge_mm
        As in ``PlanSettings``.
    brain_mask, barriers
        Masks; by default the brain is the tissue, and there are no barriers.
    image
        MRI behind the contours of the picture; by default the tissue labels.
    dicom
        Folder of the patient's DICOM series.
    recurrence, recurrence_labels
        Follow-up segmentation on the patient's grid, with its label scheme (by default that of the segmentation).
    warnings
        Warnings about the images are appended to this list and written into the row's message.

    Returns
    -------
    dict
        The row of ``plan.parquet``.

    Raises
    ------
    InputError
        If an input is wrong, or targets cannot be computed.
    """
    progress("reading")
    warnings = [] if warnings is None else warnings
    grid = tissue.grid
    brain = brain_of_tissue(tissue)
    if brain_mask is not None:
        brain = read_mask(brain_mask, grid, warnings=warnings, reference=_TISSUE)
    request = PlanRequest(
        read_segmentation(segmentation, label_scheme, grid, brain=brain, warnings=warnings, reference=_TISSUE),
        read_concentration(concentration, grid, warnings=warnings),
        brain,
        None if barriers is None else read_mask(barriers, grid, warnings=warnings, reference=_TISSUE),
        None
        if recurrence is None
        else _read_recurrence(recurrence, recurrence_labels or label_scheme, brain, warnings),
        region,
        keep_tumour,
        bridge_mm,
    )
    background = Volume(tissue.labels, grid) if image is None else read_image(image, warnings=warnings)
    no_dicom = dicom_problem() if dicom is not None else None
    series = read_series(dicom, warnings=warnings) if dicom is not None and no_dicom is None else None
    progress("drawing targets")
    try:
        clinical, personalised, columns = make_plan(request, margin_mm)
    except InputError as error:
        subject = segmentation if error.subject == "segmentation" else error.subject
        raise InputError(subject, error.problem, error.hint, error.code) from error
    case = name_of_folder(out_dir)

    progress("writing results")
    with output_folder(out_dir, PLAN_FILES) as temporary:
        with optional_picture(out_dir / "plan.png", warnings):
            view = PlanView("concentration", clinical.mask, personalised.mask)
            draw_plans([view], background, request.segmentation, temporary, "plan", f"{case}, {margin_mm:g} mm")
        write_volume(temporary / "clinical.nii.gz", clinical.mask)
        write_volume(temporary / "personalised.nii.gz", personalised.mask)
        if series is not None:
            targets = {f"CTV {margin_mm:g} mm": clinical.mask, "CTV personalised": personalised.mask}
            write_structure_set(temporary / "plan.dcm", series, targets, warnings=warnings)
        notes = [] if no_dicom is None else [f"no plan.dcm: {no_dicom}"]
        columns["message"] = _with_notes("; ".join(filter(None, [columns["message"], *notes])), warnings)
        row = {"run": "plan", "cohort": "files", "case": case, "method": "concentration", "seed": 0} | columns
        table = pd.DataFrame([row])[list(PLAN_COLUMNS)]
        write_table(temporary / "plan.parquet", table)
        write_renderings(plan_table(table), temporary, "plan", ("csv", "md"))
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

    Writes ``plan.parquet`` (a row per margin) and ``clinical-{margin}.nii.gz``, ``personalised-{margin}.nii.gz``. A
    plan without forward simulation or without tumour core is a row with status ``failed`` and empty masks.

    Parameters
    ----------
    case_dir
        ``register/patients/{case}`` with ``segmentation.nii.gz`` and ``brain_mask.nii.gz``.
    forward_dir
        ``forward/patients/{case}/{method}`` with ``concentration.nii.gz`` and ``forward.parquet``.
    identity
        Columns ``run cohort case method seed``.
    label_scheme
        Label scheme of the patient's segmentation, and by default of the follow-up.

    Raises
    ------
    InputError
        If a barriers or follow-up file is not on the patient's grid or has other labels.
    """
    segmentation = read_volume(case_dir / "segmentation.nii.gz", np.uint8)
    grid = segmentation.grid
    forward = read_table(forward_dir / "forward.parquet").iloc[0]
    brain = _mask(case_dir / "brain_mask.nii.gz")
    warnings: list[InputWarning] = []
    barrier_mask = follow_up = None
    if barriers is not None:
        barrier_mask = read_mask(Path(barriers), grid, warnings=warnings, reference=_PATIENT)
    if recurrence is not None:
        scheme = settings.recurrence_labels or label_scheme
        follow_up = _read_recurrence(Path(recurrence), scheme, brain, warnings)
    request = PlanRequest(
        segmentation,
        read_volume(forward_dir / "concentration.nii.gz", np.float32),
        brain,
        barrier_mask,
        follow_up,
        settings.region,
        settings.keep_tumour,
        settings.bridge_mm,
    )
    rows = []
    for margin, name in zip(settings.margins_mm, settings.margin_names, strict=True):
        empty = Volume(np.zeros(grid.shape, bool), grid)
        masks = {"clinical": empty, "personalised": empty}
        if forward["status"] == "failed":
            row = _failed_row(settings.region, margin, f"no forward simulation: {forward['message']}")
        else:
            try:
                clinical, personalised, row = make_plan(request, margin)
                masks = {"clinical": clinical.mask, "personalised": personalised.mask}
            except InputError as error:
                row = _failed_row(settings.region, margin, str(error))
        for kind, mask in masks.items():
            write_volume(out_dir / f"{kind}-{name}.nii.gz", mask)
        rows.append({**identity, **row, "message": _with_notes(row["message"], warnings)})
    write_table(out_dir / "plan.parquet", pd.DataFrame(rows)[list(PLAN_COLUMNS)])


def draw_patient(
    case_dir: Path, plan_dirs: Mapping[str, Path], image: Path, out_dir: Path, settings: PlanSettings,
    names: Mapping[str, str] | None = None, dpi: int = 300,
) -> None:  # fmt: skip
    """Draw the plans of one patient by several methods, at the first margin: ``plan.png`` and ``plan.pdf``.

    ``case_dir`` is ``register/patients/{case}``, ``plan_dirs`` are folders of ``plan_patient`` by method, ``image`` is
    the MRI behind the contours, and ``names`` are printed names of methods.
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
    draw_plans(views, read_image(image, warnings=[]), segmentation, out_dir, "plan", title, dpi)


def _mask(path: Path) -> Volume:
    """Read a mask that a stage wrote."""
    volume = read_volume(path, np.uint8)
    return Volume(volume.data > 0, volume.grid)


def read_plans(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Read the tables that ``plan_patient`` wrote, as one table."""
    tables = [read_table(path) for path in paths]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=list(PLAN_COLUMNS))
