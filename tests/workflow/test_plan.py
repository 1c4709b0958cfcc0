"""Plans in the workflow: none unless asked for; a job per patient and method."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, read_volume, write_table, write_volume
from job_table import count_jobs

from .conftest import DryRun, JobCounts, Snakemake, without_choices

METHODS = '{"gauss-newton": {"inverter": "gauss-newton"}, "cmaes-solver": {"inverter": "cmaes-solver"}}'


def configuration(patients: Path, **plan: object) -> list[str]:
    """Two patients and two methods without networks."""
    return [
        *without_choices(patients), "--config", f'patients={{"source": "{patients}"}}', 'cohorts=["patients"]',
        f'invert={{"methods": {METHODS}}}', f"plan={json.dumps(plan)}", 'cases_per_job={"patients": 1}',
    ]  # fmt: skip


def inputs(output: str, rule: str) -> list[str]:
    return re.findall(rf"^rule {rule}:\n    input: (.*)$", output, flags=re.MULTILINE)


def test_no_plans_unless_asked_for(job_counts: JobCounts, patients: Path) -> None:
    counts = job_counts(*configuration(patients))
    assert counts["register_patient"] == 2
    assert not [name for name in counts if name.startswith("plan")]


def test_a_job_per_patient_and_method(dry_run: DryRun, patients: Path, tmp_path: Path) -> None:
    falx = tmp_path / "masks/BraTS2021_00001.nii.gz"
    falx.parent.mkdir()
    falx.touch()
    settings = {"methods": ["gauss-newton"], "margins_mm": [15, 20], "barriers": f"{falx.parent}/{{case}}.nii.gz"}
    output = dry_run("plan", *configuration(patients, **settings))
    counts = count_jobs(output)
    assert counts["plan_patient"] == counts["plan_picture"] == 2
    # The method itself, and the reference that it observes.
    assert counts["run_forward"] == 4
    assert counts["plan_tables"] == 1
    assert "evaluate_case" not in counts
    for margin in ("15mm", "20mm"):
        assert f"results/demo/plan/patients/BraTS2021_00001/gauss-newton/clinical-{margin}.nii.gz" in output
    # Masks are inputs of those patients that have them.
    assert sorted(str(falx) in files for files in inputs(output, "plan_patient")) == [False, True]
    # The picture shows the contrast-enhanced T1, whatever a naming calls it.
    pictures = " ".join(inputs(output, "plan_picture"))
    assert "BraTS2021_00001_t1ce.nii.gz" in pictures
    assert "BraTS-GLI-00002-000-t1c.nii.gz" in pictures


def test_the_jobs_run(snakemake: Snakemake, patients: Path, tmp_path: Path) -> None:
    """Only this stage's jobs, on files of the stages before that were made by hand."""
    cases = ["BraTS2021_00001", "BraTS-GLI-00002-000"]
    grid = Grid((24, 26, 22), np.diag([-3.0, -3.0, 3.0, 1.0]))
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1)
    radius = np.linalg.norm((index - [11, 12, 10]) * 3, axis=-1)
    labels = np.select([radius < 6, radius < 9], [3, 2], 0).astype(np.uint8)
    follow_up = np.where(np.linalg.norm((index - [11, 16, 10]) * 3, axis=-1) < 7, 4, 0).astype(np.uint8)
    write_volume(tmp_path / "follow-up" / f"{cases[0]}.nii.gz", Volume(follow_up, grid))
    for case in cases:
        register = tmp_path / "results/demo/register/patients" / case
        forward = tmp_path / "results/demo/forward/patients" / case / "gauss-newton"
        write_volume(register / "segmentation.nii.gz", Volume(labels, grid))
        write_volume(register / "brain_mask.nii.gz", Volume(radius < 30, grid))
        shift = np.linalg.norm((index - [11, 14, 10]) * 3, axis=-1)
        write_volume(forward / "concentration.nii.gz", Volume(np.exp(-shift / 9).astype(np.float32), grid))
        write_table(forward / "forward.parquet", pd.DataFrame([{"status": "ok", "message": ""}]))
        for path in (patients / case).glob("*t1c*"):
            write_volume(path, Volume((radius < 30).astype(np.float32) * (50 + radius), grid))
    follow_ups = str(tmp_path / "follow-up/{case}.nii.gz")
    arguments = configuration(patients, methods=["gauss-newton"], margins_mm=[15, 7.5], recurrence=follow_ups)
    allowed = ["--allowed-rules", "plan_patient", "plan_picture", "plan_tables", "plan"]
    result = snakemake("plan", "--cores", "1", "--rerun-triggers", "mtime", *allowed, *arguments)
    assert result.returncode == 0, result.stdout
    folder = tmp_path / "results/demo/plan"
    plans = read_table(folder / "plan.parquet")
    assert plans["status"].tolist() == ["ok"] * 4
    assert set(plans["case"]) == set(cases)
    assert plans["margin_mm"].tolist() == [15, 7.5, 15, 7.5]
    # The follow-up is in the labels of BraTS 2021, in which 4 enhances, as its patient's files are.
    assert (plans["coverage_personalised"].notna() == (plans["case"] == cases[0])).all()
    assert (plans["recurrence_cc"].dropna() == (follow_up > 0).sum() * 27 / 1000).all()
    for case in cases:
        targets = (folder / f"patients/{case}/gauss-newton/{kind}-15mm.nii.gz" for kind in ("clinical", "personalised"))
        clinical, personalised = (np.count_nonzero(read_volume(path).data) for path in targets)
        assert clinical == personalised > 0
        assert (folder / f"patients/{case}/plan.png").stat().st_size > 10_000
    assert "## Means over patients" in (folder / "plan.md").read_text()
