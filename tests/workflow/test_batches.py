"""Jobs of several cases in plans of the workflow; no job runs."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from gliofit.pipeline.case_jobs import Batch, Batches
from gliofit.pipeline.config import load_config
from gliofit.pipeline.plan import Plan
from job_table import kind_of

from .conftest import PlannedJob, planned, without_choices

METHODS = (
    '{"cmaes-solver": {"inverter": "cmaes-solver"}, "gauss-newton": {"inverter": "gauss-newton"}, '
    '"hybrid": {"inverter": "hybrid"}, "static-field": {"inverter": "static-field"}}'
)


def batches(**settings: object) -> str:
    return f"cases_per_job={json.dumps(settings)}"


def asked(folder: Path, *arguments: str) -> list[PlannedJob]:
    """Jobs of a dry run of the stages that have batches."""
    return planned(folder, "evaluate_all", "forward_all", *without_choices(folder), "--config", *arguments)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> list[PlannedJob]:
    return asked(tmp_path_factory.mktemp("single"), f'invert={{"methods": {METHODS}}}', batches(synthetic=1))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[PlannedJob]:
    settings = batches(synthetic=4, patients=2, methods={"gauss-newton": 3})
    options = ("--set-resources", "run_forward:runtime=100", "run_forward:slurm_partition=long")
    return asked(tmp_path_factory.mktemp("many"), f'invert={{"methods": {METHODS}}}', settings, *options)


def inversions(jobs: list[PlannedJob], method: str) -> list[PlannedJob]:
    return [job for job in jobs if re.search(f"/invert/synthetic/[^/]+/{method}/", job.output[0])]


def test_batches_write_the_files_of_single_cases(single: list[PlannedJob], many: list[PlannedJob]) -> None:
    many_files, single_files = (sorted(file for job in jobs for file in job.output) for jobs in (many, single))
    assert many_files == single_files
    assert len(many) < len(single)
    # Four and two of six cases, three and three where that is the most; a field method writes its field as well.
    for method, sizes, files in (("hybrid", (4, 2), 2), ("gauss-newton", (3, 3), 2), ("static-field", (4, 2), 3)):
        assert Counter(len(job.output) for job in inversions(many, method)) == Counter(files * n for n in sizes)


def test_a_job_simulates_all_estimates_of_a_case_but_the_reference(single: list[PlannedJob]) -> None:
    jobs = [job for job in single if job.kind == "run_forward" and "phantom-00000" in job.output[0]]
    estimates = [{Path(file).parent.name for file in job.output} for job in jobs]
    assert {"cmaes-solver"} in estimates
    assert {"gauss-newton", "hybrid", "hybrid-other", "static-field"} in estimates


def test_batches_read_what_their_cases_read(single: list[PlannedJob], many: list[PlannedJob]) -> None:
    batch = max(inversions(many, "hybrid"), key=lambda job: len(job.output))
    cases = {Path(file).parents[1].name for file in batch.output}
    of_cases = [job for job in inversions(single, "hybrid") if Path(job.output[0]).parents[1].name in cases]
    assert set(batch.input) == {file for job in of_cases for file in job.input}


def test_batches_ask_for_the_time_of_all_their_cases_and_the_memory_of_one(
    single: list[PlannedJob], many: list[PlannedJob]
) -> None:
    one, three = (inversions(jobs, "gauss-newton")[0].resources for jobs in (single, many))
    # All but the quarter of an hour for starting.
    assert three["runtime"] - 15 == pytest.approx(3 * (one["runtime"] - 15), abs=3)
    assert (three["mem_mb"], three["gpu"]) == (one["mem_mb"], one["gpu"])


def test_logs_and_benchmarks_are_beside_those_of_single_cases(single: list[PlannedJob], many: list[PlannedJob]) -> None:
    place = "invert/invert_case/synthetic"
    logs = [log for job in inversions(many, "hybrid") for log in job.log]
    assert f"results/demo/logs/{place}/batch-00001/hybrid.log" in logs
    (job,) = (job for job in inversions(single, "hybrid") if "synthetic-00003" in job.output[0])
    assert job.log == [f"results/demo/logs/{place}/synthetic-00003/hybrid.log"]
    assert job.benchmark == f"results/demo/benchmarks/{place}/synthetic-00003/hybrid.tsv"


def test_what_a_profile_says_of_a_kind_holds_for_its_batches(many: list[PlannedJob]) -> None:
    jobs = [job for job in many if job.kind == "run_forward"]
    assert {(job.resources["runtime"], job.resources["slurm_partition"]) for job in jobs} == {(100, "long")}
    assert not any("slurm_partition" in job.resources for job in many if job.kind != "run_forward")


def synthetic(**settings: object) -> list[Batch]:
    batches = Batches(Plan(load_config({"cohorts": ["synthetic"], **settings}))).of
    return [*batches["extract_case"], *batches["invert_case"], *batches["evaluate_case"]]


def test_full_batches_keep_their_cases_when_others_are_added() -> None:
    size = {"synthetic": 2, "methods": {"direct": 1, "hybrid": 9}}
    before, after = (
        {batch.name: batch.cases for batch in synthetic(simulate={"test_cases": n}, cases_per_job=size)} for n in (4, 5)
    )
    assert before.items() < after.items()
    assert {len(cases) for name, cases in before.items() if "_direct_" in name} == {1}
    assert {len(cases) for name, cases in before.items() if "_hybrid_" in name} == {2}


def test_names_of_batches_tell_their_kind() -> None:
    for batch in synthetic():
        assert kind_of(batch.name) == batch.rule
    assert kind_of("assess_model") == "assess_model"
