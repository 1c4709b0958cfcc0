"""Jobs of several cases in plans of the workflow; no job runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gliofit.pipeline.batches import BatchSettings

from .conftest import Snakemake, run_snakemake, without_choices

METHODS = (
    '{"cmaes-solver": {"inverter": "cmaes-solver"}, "gauss-newton": {"inverter": "gauss-newton"}, '
    '"hybrid": {"inverter": "hybrid"}, "static-field": {"inverter": "static-field"}}'
)


def batches(**settings: object) -> str:
    return f"cases_per_job={json.dumps(settings)}"


#: Lines of every job by rule.
Jobs = dict[str, list[dict[str, str]]]


def asked(folder: Path, *arguments: str) -> Jobs:
    """Jobs of a dry run."""
    targets = ("evaluate_all", "forward_all", "--dry-run", *without_choices(folder))
    result = run_snakemake(folder, *targets, "--config", *arguments)
    assert result.returncode == 0, result.stdout
    found: Jobs = {}
    for rule, body in re.findall(r"^(?:local)?rule (\w+):\n((?:    .*\n)+)", result.stdout, flags=re.MULTILINE):
        found.setdefault(rule, []).append(dict(re.findall(r"^    (\w+): (.*)$", body, flags=re.MULTILINE)))
    return found


def resource(job: dict[str, str], name: str) -> int:
    return int(re.findall(rf"\b{name}=(\d+)", job["resources"])[0])


def written(jobs: Jobs) -> list[str]:
    return sorted(file for group in jobs.values() for job in group for file in job.get("output", "").split(", "))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    return asked(tmp_path_factory.mktemp("single"), f'invert={{"methods": {METHODS}}}')


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    settings = batches(synthetic=4, patients=2, methods={"gauss-newton": 3})
    return asked(tmp_path_factory.mktemp("many"), f'invert={{"methods": {METHODS}}}', settings)


def test_batches_write_the_files_of_single_cases(single: Jobs, many: Jobs) -> None:
    assert written(many) == written(single)
    per_case = {"extract_case", "invert_case", "invert_field", "run_forward", "map_uncertainty", "evaluate_case"}
    assert per_case <= single.keys()
    assert not per_case & many.keys()
    # Four and two of six synthetic cases, three and three where that is the most; both patients.
    of_method = {
        name: len(many[name][0]["output"].split(", ")) // 2 for name in many if name.startswith("invert_case_")
    }
    assert of_method["invert_case_synthetic_hybrid_00000"] == 4
    assert of_method["invert_case_synthetic_hybrid_00001"] == 2
    assert of_method["invert_case_synthetic_gauss_newton_00000"] == 3
    assert of_method["invert_case_synthetic_gauss_newton_00001"] == 3
    assert of_method["invert_case_patients_hybrid_00000"] == 2
    # Methods that estimate a field write it, too.
    assert len(many["invert_field_synthetic_static_field_00001"][0]["output"].split(", ")) == 2 * 3


def test_batches_read_what_their_cases_read(single: Jobs, many: Jobs) -> None:
    cases = [f"synthetic-{number:05d}" for number in range(4)]
    for rule in ("invert_case", "run_forward"):
        of_cases = {
            file for job in single[rule] for file in job["input"].split(", ")
            if re.search(rf"/({'|'.join(cases)})/hybrid/", job["output"])
        }  # fmt: skip
        (batch,) = many[f"{rule}_synthetic_hybrid_00000"]
        assert of_cases == set(batch["input"].split(", "))


def test_batches_ask_for_the_time_of_all_their_cases_and_the_memory_of_one(single: Jobs, many: Jobs) -> None:
    one = next(job for job in single["invert_case"] if "synthetic" in job["output"] and "/gauss-" in job["output"])
    (three,) = many["invert_case_synthetic_gauss_newton_00000"]
    assert resource(three, "runtime") == 3 * resource(one, "runtime")
    for name in ("mem_mb", "gpu"):
        assert resource(three, name) == resource(one, name)


def test_logs_and_benchmarks_are_beside_those_of_single_cases(many: Jobs) -> None:
    (job,) = many["invert_case_synthetic_hybrid_00001"]
    assert job["log"] == "results/demo/logs/invert/invert_case/synthetic/batch-00001/hybrid.log"
    assert job["benchmark"] == "results/demo/benchmarks/invert/invert_case/synthetic/batch-00001/hybrid.tsv"


def test_one_cohort_may_have_batches_and_the_other_not(snakemake: Snakemake) -> None:
    arguments = ("--dry-run", "--quiet", "rules", "--config", batches(synthetic=6), f'invert={{"methods": {METHODS}}}')
    result = snakemake("evaluate_all", *arguments)
    assert result.returncode == 0, result.stdout
    found = dict(re.findall(r"^(\w+)\s+(\d+)$", result.stdout, flags=re.MULTILINE))
    assert (found["evaluate_case"], found["evaluate_case_synthetic_00000"]) == ("2", "1")
    assert "evaluate_case_patients_00000" not in found


def test_what_a_profile_says_of_a_rule_holds_for_its_batches(tmp_path: Path) -> None:
    arguments = ("--set-resources", "run_forward:runtime=100", "run_forward:slurm_partition=long")
    found = asked(tmp_path, batches(synthetic=6), f'invert={{"methods": {METHODS}}}', *arguments)
    (batch,) = found["run_forward_synthetic_oracle_00000"]
    assert resource(batch, "runtime") == 600
    assert "slurm_partition=long" in batch["resources"]


def test_cases_keep_their_batch_when_others_are_added() -> None:
    settings = BatchSettings(synthetic=2, methods={"slow": 1, "quick": 9})
    cases = [f"synthetic-{number:05d}" for number in range(5)]
    assert settings.split(cases, "synthetic") == [cases[:2], cases[2:4], cases[4:]]
    assert settings.split([*cases, "synthetic-00005"], "synthetic")[:2] == settings.split(cases, "synthetic")[:2]
    assert settings.split(cases, "synthetic", "quick") == settings.split(cases, "synthetic")
    assert settings.split(cases, "synthetic", "slow") == [[case] for case in cases]


def test_unknown_methods_are_told(snakemake: Snakemake) -> None:
    result = snakemake("--dry-run", "--config", batches(methods={"gaus-newton": 2}))
    assert result.returncode != 0
    assert "cases_per_job.methods names 'gaus-newton'" in result.stdout
