"""Command ``plan``, and plans of a case of the workflow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_table, write_volume
from gliofit.plan.run import PLAN_COLUMNS, draw_patient, plan_patient, read_plans
from gliofit.plan.settings import PlanSettings
from gliofit.plan.tables import plan_table, summarise_plans
from gliofit.report.render import write_renderings

FILES = {"clinical.nii.gz", "personalised.nii.gz", "plan.parquet", "plan.csv", "plan.md", "plan.png", "plan.pdf"}


def arguments_of(case, out, **more: object) -> list[object]:
    """Options of the command; names of images are those of the case, and None leaves an option out."""
    options = {"tissue": "tissue.nii.gz", "seg": "seg.nii.gz", "concentration": "c.nii.gz", "labels": "brats2023"}
    options |= {"out": out, **more}
    arguments: list[object] = ["plan"]
    for name, value in options.items():
        is_file = isinstance(value, str) and value.endswith(".nii.gz")
        arguments += [] if value is None else [f"--{name.replace('_', '-')}", case / value if is_file else value]
    return arguments


def test_plan(case, tmp_path, run):
    out = tmp_path / "patient"
    assert run(*arguments_of(case, out, margin_mm=12, recurrence="recurrence.nii.gz", image="t1c.nii.gz")) == 0
    assert {path.name for path in out.iterdir()} == FILES
    clinical, personalised = (read_volume(out / f"{name}.nii.gz") for name in ("clinical", "personalised"))
    seg, cells = read_volume(case / "seg.nii.gz"), read_volume(case / "c.nii.gz")
    assert clinical.grid.matches(seg.grid)
    assert personalised.grid.matches(seg.grid)
    a, b = clinical.data > 0, personalised.data > 0
    core = np.isin(seg.data, [1, 3])
    assert a.sum() == b.sum()
    assert (a & b)[core].all()
    assert cells.data[b & ~core].min() >= cells.data[~b & (read_volume(case / "tissue.nii.gz").data > 0)].max()
    row = read_table(out / "plan.parquet").iloc[0]
    assert tuple(row.index) == PLAN_COLUMNS
    assert (row["case"], row["status"], row["margin_mm"]) == ("patient", "ok", 12)
    assert row["clinical_cc"] == pytest.approx(a.sum() * 8 / 1000)
    assert row["dice"] == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
    back = read_volume(case / "recurrence.nii.gz").data
    assert row["coverage_clinical"] == pytest.approx(a[back == 3].mean())
    assert row["coverage_personalised_all"] == pytest.approx(b[np.isin(back, [2, 3])].mean())
    # The map is shifted towards the recurrence.
    assert row["coverage_personalised"] > row["coverage_clinical"]


def test_barriers_limit_both_targets(case, tmp_path, run):
    out = tmp_path / "patient"
    assert run(*arguments_of(case, out, barriers="falx.nii.gz")) == 0
    falx = read_volume(case / "falx.nii.gz").data > 0
    core = np.isin(read_volume(case / "seg.nii.gz").data, [1, 3])
    for name in ("clinical", "personalised"):
        mask = read_volume(out / f"{name}.nii.gz").data > 0
        assert mask.any()
        assert not (mask & falx & ~core).any()
    # A complete wall: the target does not extend beyond it.
    assert not (read_volume(out / "clinical.nii.gz").data > 0)[30:].any()


@pytest.mark.parametrize(
    "change",
    [
        {"concentration": "small.nii.gz"},
        {"seg": "small.nii.gz"},
        {"seg": "oedema.nii.gz"},
        {"barriers": "small.nii.gz"},
        {"recurrence": "recurrence.nii.gz", "recurrence_labels": "mine"},
        {"region": "half"},
        {"tissue": None},
    ],
    ids=lambda change: "-".join(map(str, next(iter(change.items())))),
)
def test_errors_are_one_line_without_files(case, tmp_path, capfd, run, change):
    seg = read_volume(case / "seg.nii.gz")
    write_volume(case / "small.nii.gz", seg.extract((0, 0, 0), (40, 50, 42)))
    write_volume(case / "oedema.nii.gz", Volume(np.where(seg.data == 2, 2, 0).astype(np.uint8), seg.grid))
    assert run(*arguments_of(case, tmp_path / "patient", **change)) == 2
    (line,) = (line for line in capfd.readouterr().err.splitlines() if not line.startswith("gliofit: warning: "))
    assert line.startswith("gliofit: error: ")
    assert list(tmp_path.iterdir()) == []


def test_structure_set_of_a_dicom_series(case, tmp_path, run):
    pydicom = pytest.importorskip("pydicom", reason="DICOM export needs pydicom")
    from .test_dicom import axial_series, fill

    # The case is LPS: the axes of an axial series.
    grid = read_volume(case / "seg.nii.gz").grid
    axial_series(tmp_path / "dicom", grid.shape, grid.spacing_mm, tuple(grid.centre_mm * [-1, -1, 1]))
    out = tmp_path / "patient"
    assert run(*arguments_of(case, out, dicom=tmp_path / "dicom")) == 0
    assert {path.name for path in out.iterdir()} == FILES | {"plan.dcm"}
    names = [roi.ROIName for roi in pydicom.dcmread(out / "plan.dcm").StructureSetROISequence]
    assert names == ["CTV 15 mm", "CTV personalised"]
    for name, file in zip(names, ("clinical", "personalised"), strict=True):
        mask = read_volume(out / f"{file}.nii.gz").data > 0
        np.testing.assert_array_equal(fill(out / "plan.dcm", name, grid), mask)


@pytest.fixture
def folders(case, tmp_path):
    """A case folder and the forward simulations of two methods, one of which failed."""
    seg = read_volume(case / "seg.nii.gz", np.uint8)
    register = tmp_path / "register" / "case-1"
    # The internal labels are those of BraTS 2023 for these three.
    write_volume(register / "segmentation.nii.gz", seg)
    write_volume(register / "brain_mask.nii.gz", Volume(read_volume(case / "tissue.nii.gz").data > 0, seg.grid))
    for method, status in {"gauss-newton": "ok", "direct": "failed"}.items():
        field = read_volume(case / "c.nii.gz")
        forward = tmp_path / "forward" / method
        write_volume(forward / "concentration.nii.gz", Volume(field.data * (status == "ok"), field.grid))
        message = "" if status == "ok" else "no estimate"
        write_table(forward / "forward.parquet", pd.DataFrame([{"status": status, "message": message}]))
    return tmp_path


def plan_both(folders, case, settings: PlanSettings) -> pd.DataFrame:
    for method in ("gauss-newton", "direct"):
        identity = {"run": "test", "cohort": "patients", "case": "case-1", "method": method, "seed": 3}
        plan_patient(
            folders / "register/case-1", folders / "forward" / method, folders / "plan/case-1" / method, settings,
            identity, label_scheme="brats2023", recurrence=case / "recurrence.nii.gz",
        )  # fmt: skip
    return read_plans([folders / "plan/case-1" / method / "plan.parquet" for method in ("gauss-newton", "direct")])


def test_case_of_the_workflow(folders, case):
    settings = PlanSettings(methods=("gauss-newton", "direct"), margins_mm=(15.0, 7.5))
    plans = plan_both(folders, case, settings)
    assert tuple(plans.columns) == PLAN_COLUMNS
    assert plans["status"].tolist() == ["ok", "ok", "failed", "failed"]
    assert plans["margin_mm"].tolist() == [15, 7.5, 15, 7.5]
    assert plans.loc[2:, "clinical_cc"].isna().all()
    for name, row in zip(("15mm", "7.5mm"), plans[:2].itertuples(), strict=True):
        for kind in ("clinical", "personalised"):
            mask = read_volume(folders / f"plan/case-1/gauss-newton/{kind}-{name}.nii.gz").data
            assert mask.sum() * 8 / 1000 == pytest.approx(getattr(row, f"{kind}_cc"))
    assert not read_volume(folders / "plan/case-1/direct/clinical-15mm.nii.gz").data.any()
    draw_patient(
        folders / "register/case-1",
        {method: folders / "plan/case-1" / method for method in settings.methods},
        case / "t1c.nii.gz", folders / "plan/case-1", settings,
    )  # fmt: skip
    assert (folders / "plan/case-1/plan.png").stat().st_size > 20_000


def test_tables_have_means_over_patients(folders, case, tmp_path):
    plans = plan_both(folders, case, PlanSettings())
    second = plans.assign(
        case="case-2", dice=plans["dice"] - 0.1, coverage_clinical=np.nan, coverage_clinical_all=np.nan
    )
    both = pd.concat([plans, second], ignore_index=True)
    means = summarise_plans(both).set_index("method")
    assert means.loc["gauss-newton", ["cases", "failed", "with_recurrence"]].tolist() == [2, 0, 1]
    assert means.loc["gauss-newton", "dice"] == pytest.approx(plans["dice"][0] - 0.05)
    assert means.loc["gauss-newton", "coverage_clinical"] == pytest.approx(plans["coverage_clinical"][0])
    assert means.loc["direct", ["cases", "failed", "with_recurrence"]].tolist() == [2, 2, 0]
    write_renderings(plan_table(both, {"direct": "Straight"}), tmp_path, "plan")
    table = pd.read_csv(tmp_path / "plan.csv")
    assert tuple(table.columns) == PLAN_COLUMNS
    assert table["dice"][0] == pytest.approx(plans["dice"][0], rel=1e-5)
