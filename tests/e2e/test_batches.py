"""Jobs of several cases: the results of single ones, failures of one case, and what runs again (batches.yaml)."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from e2e.runner import Runner
from gliofit.pipeline.provenance import trace

snakemake = Runner("batches.yaml", timeout=900)
SINGLE = 'cases_per_job={"synthetic": 1, "patients": 1}'
TARGETS = ("forward_all", "evaluate_all")

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("e2e-batches")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Working folder in which the batches have run once."""
    folder = tmp_path_factory.mktemp("batches")
    snakemake.succeed(folder, *TARGETS)
    return folder


@pytest.fixture(scope="module")
def results(folder: Path) -> Path:
    return folder / "results/batches"


def timeless(table: pd.DataFrame) -> pd.DataFrame:
    """A table without what it says of seconds."""
    if "metric" in table:
        table = table[~table["metric"].str.contains("seconds")].reset_index(drop=True)
    return table[[name for name in table if "seconds" not in name]]


def test_batches_give_what_single_cases_give(folder: Path, results: Path, tmp_path: Path) -> None:
    single = shutil.copytree(folder, tmp_path / "single")
    again = snakemake.planned(single, *TARGETS, "--config", SINGLE)
    # Other jobs make the same files, so Snakemake runs them; what is not a batch stays.
    assert again.keys() == {
        "extract_case", "invert_case", "run_forward", "map_uncertainty", "evaluate_case", "evaluate_cohort"
    }  # fmt: skip
    # The batch of one case is the same job.
    assert again["extract_case"] == 2
    assert again["evaluate_case"] == 2 + 2
    snakemake.succeed(single, *TARGETS, "--config", SINGLE)

    def files(root: Path) -> set[str]:
        stages = ("simulate/synthetic", "invert", "forward", "evaluate")
        return {str(path.relative_to(root)) for stage in stages for path in (root / stage).rglob("*") if path.is_file()}

    other = single / "results/batches"
    assert files(results) == files(other)
    compared = set()
    for name in files(results):
        compared.add(Path(name).suffixes[0])
        if name.endswith(".parquet"):
            one, two = (timeless(pd.read_parquet(root / name)) for root in (results, other))
            pd.testing.assert_frame_equal(one, two)
        elif name.endswith(".nii.gz"):
            one, two = (np.asarray(nib.load(root / name).dataobj) for root in (results, other))
            np.testing.assert_array_equal(one, two)
        else:
            one, two = (json.loads((root / name).read_text()) for root in (results, other))
            for key in ("rule", "wildcards", "params", "seed", "threads"):
                assert one[key] == two[key], name
            assert [item["path"] for item in one["input"]] == [item["path"] for item in two["input"]]
    assert compared == {".parquet", ".nii"}


def test_every_file_of_a_batch_is_traced_back(results: Path) -> None:
    origin = trace(results / "evaluate/patients/phantom-00001/metrics.parquet")
    assert list(origin.notes()) == []
    assert origin.job["rule"] == "evaluate_case"
    assert origin.job["wildcards"] == {"cohort": "patients", "case": "phantom-00001"}
    assert "phantom-00000" not in json.dumps(asdict(origin))


def test_a_new_patient_reruns_its_batch_alone(folder: Path) -> None:
    assert snakemake.planned(folder, *TARGETS) == {}
    # Two methods, and a job for the reference beside that of the other one.
    expected = {"invert_case": 2, "run_forward": 2, "map_uncertainty": 1, "evaluate_case": 1}
    expected |= {"make_phantom": 1, "register_patient": 1, "evaluate_cohort": 1}
    assert snakemake.planned(folder, *TARGETS, "--config", 'phantoms={"count": 3}') == expected


def test_one_bad_case_does_not_lose_the_others(folder: Path, results: Path) -> None:
    batch = "invert_case_synthetic_cmaes_solver_00000"
    first, second = (
        results / f"invert/synthetic/synthetic-0000{number}/cmaes-solver/parameters.parquet" for number in (0, 1)
    )
    log = results / "logs/invert/invert_case/synthetic/batch-00000/cmaes-solver.log"
    spoilt = results / "simulate/synthetic/synthetic-00000/wm.nii.gz"
    kept, state = spoilt.read_bytes(), spoilt.stat()
    target = str(second.relative_to(folder))
    try:
        spoilt.write_bytes(b"no image")
        os.utime(spoilt, ns=(state.st_atime_ns, state.st_mtime_ns))
        result = snakemake(folder, target, "--forcerun", batch)
        assert result.returncode != 0
        assert "1 of 2 failed: invert_case cohort=synthetic" in result.stdout
        # Snakemake has deleted what the job wrote.
        assert not first.exists()
        assert not second.exists()
        made = json.loads(Path(f"{second}.json").read_text())["output"][0]
    finally:
        spoilt.write_bytes(kept)
        os.utime(spoilt, ns=(state.st_atime_ns, state.st_mtime_ns))
    snakemake.succeed(folder, target)
    told = log.read_text()
    assert told.count("finished in an earlier attempt") == 1
    assert told.index("case=synthetic-00000") < told.index("done in") < told.index("case=synthetic-00001")
    assert first.is_file()
    assert json.loads(Path(f"{second}.json").read_text())["output"][0] == made
    assert list(trace(second).notes()) == []
    assert not list((results / ".unfinished").iterdir())


def test_report(folder: Path) -> None:
    snakemake.succeed(folder, *TARGETS, "--report", "report.html")
    assert "invert_case_patients_gauss_newton_00000" in (folder / "report.html").read_text()
