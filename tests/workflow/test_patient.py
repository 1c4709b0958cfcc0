"""Patient pages in the workflow: a job per patient, with what there is of images, uncertainties and plans."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import DryRun, Snakemake

METHODS = (
    '{"gauss-newton": {"inverter": "gauss-newton"}, "cmaes-solver": {"inverter": "cmaes-solver"}, '
    '"direct": {"inverter": "direct", "cohorts": ["synthetic"]}}'
)


def inputs_of_pages(output: str, rule: str = "write_patient_page") -> dict[str, list[str]]:
    """Inputs of the pages by case."""
    pages = re.findall(rf"^rule {rule}:\n    input: (.*)\n    output: (\S+)\.html", output, re.MULTILINE)
    return {Path(page).name: files.split(", ") for files, page in pages}


def folders(files: list[str], name: str) -> set[str]:
    """Names of the folders of files with a name."""
    return {Path(file).parent.name for file in files if Path(file).name == name}


@pytest.fixture
def page_run(dry_run: DryRun, patients: Path) -> DryRun:
    """Dry run of the pages of the two patients."""
    source = ("--config", f'patients={{"source": "{patients}"}}', 'cohorts=["patients"]')
    return lambda *settings: dry_run("patient_pages", *source, f'invert={{"methods": {METHODS}}}', *settings)


def test_a_page_per_patient_and_their_list(page_run: DryRun, patients: Path) -> None:
    for path in (patients / "BraTS-GLI-00002-000").glob("*-t1c.nii.gz"):
        path.unlink()
    output = page_run('plan={"methods": []}')
    pages = inputs_of_pages(output)
    assert set(pages) == {"BraTS2021_00001", "BraTS-GLI-00002-000"}
    files = pages["BraTS2021_00001"]
    for name in ("t1ce", "flair"):
        assert str(patients / f"BraTS2021_00001/BraTS2021_00001_{name}.nii.gz") in files
    # The other patient has no contrast-enhanced T1, and not every method gives an uncertainty.
    assert not [file for file in pages["BraTS-GLI-00002-000"] if "t1c" in file]
    uncertain = folders(files, "uncertainty.nii.gz")
    assert "gauss-newton" in uncertain
    assert "cmaes-solver" not in uncertain
    shown = folders(files, "concentration.nii.gz")
    assert {"gauss-newton", "cmaes-solver"} <= shown
    # Which is for synthetic cases.
    assert "direct" not in shown
    assert not [file for file in files if "/plan/" in file]
    assert "results/demo/publish/patients/index.html" in output


def test_plans_are_on_the_pages_where_there_are_any(page_run: DryRun) -> None:
    pages = inputs_of_pages(page_run('plan={"methods": ["cmaes-solver"]}'))
    folder = "results/demo/plan/patients/BraTS2021_00001/cmaes-solver"
    names = ("plan.parquet", "clinical-15mm.nii.gz", "personalised-15mm.nii.gz")
    assert [file for file in pages["BraTS2021_00001"] if "/plan/" in file] == [f"{folder}/{name}" for name in names]


def test_synthetic_cases_have_pages_where_asked_for(dry_run: DryRun, snakemake: Snakemake) -> None:
    methods = '{"static-field": {"inverter": "static-field", "cohorts": ["patients"]}}'
    config = ("--config", f'invert={{"methods": {methods}}}')
    output = dry_run("case_pages", *config, 'publish={"cases": ["synthetic-00002"]}')
    pages = inputs_of_pages(output, "write_case_page")
    assert list(pages) == ["synthetic-00002"]
    shown = folders(pages["synthetic-00002"], "concentration.nii.gz")
    # The truth is shown as well.
    assert {"synthetic-00002", "gauss-newton", "cmaes-solver"} <= shown
    # Which is for patients.
    assert "static-field" not in shown
    # One that the configuration does not name.
    output = dry_run("results/demo/publish/cases/synthetic-00004.html", *config)
    assert list(inputs_of_pages(output, "write_case_page")) == ["synthetic-00004"]
    result = snakemake("case_pages", "--dry-run", *config, 'publish={"cases": ["synthetic-99999"]}')
    assert result.returncode != 0
    assert "'publish.cases'" in result.stdout
    assert "synthetic-99999" in result.stdout
