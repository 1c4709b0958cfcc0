"""Memory and time that jobs ask for: sensible at the paper's scale, more where there is more to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import REPOSITORY, Snakemake, run_snakemake

PAPER = ("--configfile", str(REPOSITORY / "config/paper.yaml"), "--config")

#: What a rule asks for, by name; a rule whose jobs differ has several.
Found = dict[str, list[dict[str, str]]]


def resources(output: str) -> Found:
    """Resources and wildcards of every job of a dry run."""
    found: Found = {}
    for rule, body in re.findall(r"^rule (\w+):\n((?:    .*\n)+)", output, flags=re.MULTILINE):
        lines = re.findall(r"^    (?:resources|wildcards): (.*)$", body, flags=re.MULTILINE)
        job = dict(item.split("=", 1) for line in lines for item in line.split(", ") if "=" in item)
        job |= dict(re.findall(r"^    (threads): (\d+)$", body, flags=re.MULTILINE))
        found.setdefault(rule, []).append(job)
    return found


def asked(folder: Path, *arguments: str) -> Found:
    result = run_snakemake(folder, "--dry-run", *arguments)
    assert result.returncode == 0, result.stdout
    return resources(result.stdout)


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Jobs of the paper's own size, but not as many, one for each case, sent to a cluster."""
    fewer = ['simulate={"test_cases": 100, "train_shards": 2}', 'phantoms={"count": 5}']
    fewer += ['cases_per_job={"synthetic": 1, "patients": 1}']
    return asked(tmp_path_factory.mktemp("paper"), *PAPER, *fewer, "--profile", str(REPOSITORY / "profiles/slurm"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return asked(tmp_path_factory.mktemp("demo"))


def minutes(jobs: list[dict[str, str]], **wildcards: str) -> set[int]:
    return {int(job["runtime"]) for job in jobs if wildcards.items() <= job.items()}


def megabytes(jobs: list[dict[str, str]], **wildcards: str) -> set[int]:
    return {int(job["mem_mb"]) for job in jobs if wildcards.items() <= job.items()}


def test_every_job_of_the_paper_fits_on_ordinary_nodes(paper: Found) -> None:
    for rule, jobs in paper.items():
        # Two days and 64 GB are common limits; and every job has a quarter of an hour to start.
        assert all(15 <= value <= 48 * 60 for value in minutes(jobs)), rule
        assert all(1500 <= value <= 64_000 for value in megabytes(jobs)), rule


def test_batches_of_the_paper_fit_on_a_cluster(tmp_path: Path) -> None:
    fewer = ['simulate={"test_cases": 50, "train_shards": 2}', 'phantoms={"count": 50}']
    found = asked(tmp_path, *PAPER, *fewer, "--profile", str(REPOSITORY / "profiles/slurm"))
    many = {rule: jobs for rule, jobs in found.items() if re.search(r"_\d{5}$", rule)}
    assert "invert_case_synthetic_hybrid_00001" in many
    for rule, jobs in many.items():
        # A week, as in the profile's partitions.
        assert all(25 * 15 <= value <= 7 * 24 * 60 for value in minutes(jobs) if "cmaes_solver" not in rule), rule
        assert all(value <= 7 * 24 * 60 for value in minutes(jobs)), rule
        assert all(1500 <= value <= 64_000 for value in megabytes(jobs)), rule


def test_training_has_its_time_budget(paper: Found) -> None:
    # 2100 minutes, a tenth and an hour; the direct inverse has no budget.
    assert minutes(paper["train_model"], model="convnext-unet") == {2370}
    assert minutes(paper["train_model"], model="direct-inverse") == {36 * 60}
    # Batches of three cubes of 128 voxels are larger than batches of two.
    (larger,) = megabytes(paper["train_model"], model="convnext-unet")
    (smaller,) = megabytes(paper["train_model"], model="direct-inverse")
    assert 20_000 < smaller < larger < 40_000
    assert {job["gpu"] for job in paper["train_model"]} == {"1"}


def test_methods_have_time_for_their_evaluations(paper: Found) -> None:
    # 8000 runs of the reference scheme at 1 mm: the paper's own took 38 hours.
    (solver,) = minutes(paper["invert_case"], method="cmaes-solver")
    assert 38 * 60 < solver < 48 * 60
    (surrogate,) = minutes(paper["invert_case"], method="cmaes-surrogate")
    (hybrid,) = minutes(paper["invert_case"], method="hybrid")
    (direct,) = minutes(paper["invert_case"], method="direct")
    assert direct < hybrid < surrogate < solver / 4


def test_shards_have_time_for_their_samples(paper: Found, demo: Found, tmp_path: Path) -> None:
    larger = asked(tmp_path, "simulate_all", *PAPER, 'simulate={"samples_per_shard": 1000, "train_shards": 1}')
    (long,) = minutes(larger["simulate_shard"], shard="train-00000")
    (usual,) = minutes(paper["simulate_shard"], shard="train-00000")
    # All but the quarter of an hour that every job has; eight cores do 1000 samples in 125 turns, 200 in 25.
    assert (long - 15) / (usual - 15) == pytest.approx(125 / 25, rel=0.1)
    # At 2 mm there is less to do than at 1 mm.
    assert max(minutes(demo["simulate_shard"])) < usual
    assert max(megabytes(demo["simulate_shard"])) < min(megabytes(paper["simulate_shard"]))


def test_tables_of_more_cases_have_more_time(paper: Found) -> None:
    (synthetic,), (patients,) = (minutes(paper["evaluate_cohort"], cohort=name) for name in ("synthetic", "patients"))
    # Half a second for each of 100 x 10 estimates (seven methods, two candidates not chosen, the oracle), and of 5 x 9.
    assert (synthetic, patients) == (15 + 9, 15 + 1)


def test_models_that_train_on_several_devices_get_them(tmp_path: Path) -> None:
    changed = 'train={"models": {"guided-unet": {"devices": 4}}}'
    found = asked(tmp_path, "train_all", "--configfile", str(REPOSITORY / "config/demo.yaml"), "--config", changed)
    assert {job["model"]: job["gpu"] for job in found["train_model"]} == {"guided-unet": "4", "direct-inverse": "1"}


def test_what_was_measured_fits(demo: Found, tmp_path: Path) -> None:
    """Seconds and megabytes of real runs (demo and surrogates, two cores of a busy machine) are within the limits."""
    measured = {
        ("invert_case", "patients", "cmaes-solver"): (79, 930),
        ("invert_case", "patients", "cmaes-surrogate"): (192, 1001),
        ("invert_case", "patients", "gradient-surrogate"): (178, 902),
        ("invert_case", "patients", "gauss-newton"): (30, 1325),
        ("invert_case", "patients", "hybrid-refined"): (15, 1615),
        ("run_forward", "patients", None): (14, 863),
        ("map_uncertainty", "patients", None): (11, 1091),
        ("register_patient", None, None): (210, 978),
        ("make_phantom", None, None): (39, 1512),
        ("evaluate_case", "patients", None): (7, 461),
    }  # fmt: skip
    for (rule, cohort, method), (seconds, memory) in measured.items():
        only = {key: value for key, value in {"cohort": cohort, "method": method}.items() if value is not None}
        assert min(minutes(demo[rule], **only)) * 60 > 2 * seconds, (rule, method)
        assert min(megabytes(demo[rule], **only)) > 1.5 * memory, (rule, method)
    surrogates = asked(tmp_path, "train_all", "--configfile", str(REPOSITORY / "config/surrogates.yaml"))
    assert min(megabytes(surrogates["train_model"])) > 13_585
    assert min(minutes(surrogates["train_model"], model="guided-unet")) * 60 > 2 * 1487


def test_memory_and_time_grow_with_the_attempt(snakemake: Snakemake) -> None:
    first = resources(snakemake("atlas_all", "--dry-run").stdout)["prepare_atlas"][0]
    third = resources(snakemake("atlas_all", "--dry-run", "--attempt", "3").stdout)["prepare_atlas"][0]
    for name in ("mem_mb", "runtime"):
        assert int(third[name]) == 3 * int(first[name])
