"""Patient pages in the workflow: a job per patient, with what there is of images, uncertainties and plans."""

from __future__ import annotations

import re
from pathlib import Path

from .conftest import Snakemake

METHODS = (
    '{"gauss-newton": {"inverter": "gauss-newton"}, "cmaes-solver": {"inverter": "cmaes-solver"}, '
    '"direct": {"inverter": "direct", "cohorts": ["synthetic"]}}'
)


def inputs(output: str) -> dict[str, list[str]]:
    """Inputs of the pages by patient."""
    found = re.findall(r"^rule write_patient_page:\n    input: (.*)\n    output: (\S+)\.html", output, re.MULTILINE)
    return {Path(page).name: files.split(", ") for files, page in found}


def dry_run(snakemake: Snakemake, patients: Path, *arguments: str) -> str:
    result = snakemake(
        "patient_pages", "--dry-run",
        "--config", f'patients={{"source": "{patients}"}}', 'cohorts=["patients"]', f'invert={{"methods": {METHODS}}}',
        *arguments,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout
    return result.stdout


def test_a_page_per_patient_and_their_list(snakemake: Snakemake, patients: Path) -> None:
    for path in (patients / "BraTS-GLI-00002-000").glob("*-t1c.nii.gz"):
        path.unlink()
    output = dry_run(snakemake, patients, 'plan={"methods": []}')
    found = inputs(output)
    assert set(found) == {"BraTS2021_00001", "BraTS-GLI-00002-000"}
    files = found["BraTS2021_00001"]
    assert str(patients / "BraTS2021_00001/BraTS2021_00001_t1ce.nii.gz") in files
    assert str(patients / "BraTS2021_00001/BraTS2021_00001_flair.nii.gz") in files
    # The other patient has no contrast-enhanced T1, and not every method gives an uncertainty.
    assert not [file for file in found["BraTS-GLI-00002-000"] if "t1c" in file]
    uncertain = [Path(file).parent.name for file in files if file.endswith("uncertainty.nii.gz")]
    assert "gauss-newton" in uncertain
    assert "cmaes-solver" not in uncertain
    shown = [Path(file).parent.name for file in files if file.endswith("concentration.nii.gz")]
    assert {"gauss-newton", "cmaes-solver"} <= set(shown)
    # Which is for synthetic cases.
    assert "direct" not in shown
    assert not [file for file in files if "/plan/" in file]
    assert "results/demo/publish/patients/index.html" in output


def test_plans_are_on_the_pages_where_there_are_any(snakemake: Snakemake, patients: Path) -> None:
    found = inputs(dry_run(snakemake, patients, 'plan={"methods": ["cmaes-solver"]}'))
    plans = [file for file in found["BraTS2021_00001"] if "/plan/" in file]
    folder = "results/demo/plan/patients/BraTS2021_00001/cmaes-solver"
    assert plans == [
        f"{folder}/{name}" for name in ("plan.parquet", "clinical-15mm.nii.gz", "personalised-15mm.nii.gz")
    ]


def test_synthetic_cases_have_pages_where_asked_for(snakemake: Snakemake) -> None:
    methods = '{"static-field": {"inverter": "static-field", "cohorts": ["patients"]}}'
    config = ["--config", f'invert={{"methods": {methods}}}']

    def pages(target: str, *arguments: str) -> dict[str, list[str]]:
        result = snakemake(target, "--dry-run", *config, *arguments)
        assert result.returncode == 0, result.stdout
        pattern = r"^rule write_case_page:\n    input: (.*)\n    output: (\S+)\.html"
        found = re.findall(pattern, result.stdout, re.MULTILINE)
        return {Path(page).name: files.split(", ") for files, page in found}

    found = pages("case_pages", 'publish={"cases": ["synthetic-00002"]}')
    assert list(found) == ["synthetic-00002"]
    shown = [Path(file).parent.name for file in found["synthetic-00002"] if file.endswith("/concentration.nii.gz")]
    # The truth is shown as well.
    assert {"synthetic-00002", "gauss-newton", "cmaes-solver"} <= set(shown)
    # Which is for patients.
    assert "static-field" not in shown
    # One that the configuration does not name.
    assert list(pages("results/demo/publish/cases/synthetic-00004.html")) == ["synthetic-00004"]
    result = snakemake("case_pages", "--dry-run", *config, 'publish={"cases": ["synthetic-99999"]}')
    assert result.returncode != 0
    assert "'publish.cases'" in result.stdout
    assert "synthetic-99999" in result.stdout
