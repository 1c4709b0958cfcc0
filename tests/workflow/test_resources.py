"""Memory and time that jobs ask for: sensible at the paper's scale, more where there is more to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliofit.core.work import Work
from gliofit.invert.settings import inverters
from gliofit.pipeline.estimate.costs import read_costs

from .conftest import REPOSITORY, PlannedJob, config_file, planned

PAPER = (*config_file("paper"), "--config")
SLURM = ("--profile", str(REPOSITORY / "profiles/slurm"))


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> list[PlannedJob]:
    """Jobs of the paper's own size, but not as many, one for each case, sent to a cluster."""
    fewer = ['simulate={"test_cases": 100, "train_shards": 2}', 'phantoms={"count": 5}']
    fewer += ['cases_per_job={"synthetic": 1, "patients": 1}']
    return planned(tmp_path_factory.mktemp("paper"), *PAPER, *fewer, *SLURM)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> list[PlannedJob]:
    return planned(tmp_path_factory.mktemp("demo"))


def of(jobs: list[PlannedJob], kind: str, within: str = "") -> list[PlannedJob]:
    """Jobs of a kind whose first output has a text in its path."""
    return [job for job in jobs if job.kind == kind and within in job.output[0]]


def asked(jobs: list[PlannedJob], name: str) -> set[int]:
    return {int(job.resources[name]) for job in jobs}


def test_every_method_states_its_work() -> None:
    costs = read_costs()
    for name, inverter in inverters().items():
        settings = inverter.model_validate({"inverter": name})
        work = settings.work(1.0, 64)
        # A method with its default settings takes hours at most, and a fit in one pass takes less than the others.
        assert 0 < costs.seconds(work.usual) < 3600, name
        assert 15 < costs.limit_minutes(work) < (20 if name in ("lmi", "direct") else 60 * 12), name


def test_limits_follow_from_work() -> None:
    costs, work = read_costs(), Work.of("accurate", 600.0)
    start, one, three = (costs.limit_minutes(item) for item in (Work(), work, work.times(3)))
    assert one - start == pytest.approx(600 * costs.rate("accurate").limit_seconds / 60, abs=1)
    assert three - start == pytest.approx(3 * (one - start), abs=2)
    # A limit that does not allow what is usual would end every job.
    assert not [name for name, rate in costs.operations.items() if rate.limit_seconds <= 2 * rate.seconds]


def test_every_job_of_the_paper_fits_on_ordinary_nodes(paper: list[PlannedJob]) -> None:
    # Two days and 64 GB are common limits; and every job has a quarter of an hour to start.
    for job in paper:
        assert 15 <= job.resources["runtime"] <= 48 * 60, job.rule
        assert 1500 <= job.resources["mem_mb"] <= 64_000, job.rule


def test_batches_of_the_paper_fit_on_a_cluster(tmp_path: Path) -> None:
    fewer = ['simulate={"test_cases": 50, "train_shards": 2}', 'phantoms={"count": 50}']
    jobs = planned(tmp_path, *PAPER, *fewer, *SLURM)
    assert max(len(job.output) for job in of(jobs, "invert_case", "/hybrid/")) >= 2 * 25
    # A week, as in the profile's partitions.
    assert max(asked(jobs, "runtime")) <= 7 * 24 * 60
    assert max(asked(jobs, "mem_mb")) <= 64_000


def test_training_has_its_time_budget(paper: list[PlannedJob]) -> None:
    budgeted, direct = (of(paper, "train_model", f"/{name}/") for name in ("convnext-unet", "direct-inverse"))
    # 2100 minutes, a tenth and an hour; the direct inverse has no budget.
    assert asked(budgeted, "runtime") == {2370}
    assert asked(direct, "runtime") == {36 * 60}
    # Batches of three cubes of 128 voxels are larger than batches of two.
    assert 20_000 < max(asked(direct, "mem_mb")) < min(asked(budgeted, "mem_mb")) < 40_000
    assert asked(of(paper, "train_model"), "gpu") == {1}


def test_methods_have_time_for_their_evaluations(paper: list[PlannedJob]) -> None:
    solver, surrogate, hybrid, direct = (
        max(asked(of(paper, "invert_case", f"/{name}/"), "runtime"))
        for name in ("cmaes-solver", "cmaes-surrogate", "hybrid", "direct")
    )
    # 8000 runs of the reference scheme at 1 mm: the paper's own took 38 hours.
    assert 38 * 60 < solver < 48 * 60
    assert direct < hybrid < surrogate < solver / 4


def test_shards_have_time_for_their_samples(paper: list[PlannedJob], demo: list[PlannedJob], tmp_path: Path) -> None:
    settings = 'simulate={"samples_per_shard": 1000, "train_shards": 1}'
    larger = planned(tmp_path, "simulate_all", *PAPER, settings)
    (long,) = asked(of(larger, "simulate_shard", "train-00000"), "runtime")
    (usual,) = asked(of(paper, "simulate_shard", "train-00000"), "runtime")
    # All but the quarter of an hour that every job has, for 1000 samples and for 200.
    assert (long - 15) / (usual - 15) == pytest.approx(1000 / 200, rel=0.1)
    # At 2 mm there is less to do than at 1 mm.
    assert max(asked(of(demo, "simulate_shard"), "runtime")) < usual
    assert max(asked(of(demo, "simulate_shard"), "mem_mb")) < min(asked(of(paper, "simulate_shard"), "mem_mb"))


def test_models_that_train_on_several_devices_get_them(tmp_path: Path) -> None:
    changed = ("--config", 'train={"models": {"guided-unet": {"devices": 4}}}')
    jobs = planned(tmp_path, "train_all", *config_file("demo"), *changed)
    assert asked(of(jobs, "train_model", "/guided-unet/"), "gpu") == {4}
    assert asked(of(jobs, "train_model", "/direct-inverse/"), "gpu") == {1}


def test_what_was_measured_fits(demo: list[PlannedJob], tmp_path: Path) -> None:
    """Seconds and megabytes of real runs (demo and surrogates, two cores of a busy machine) are within the limits."""
    measured = {
        ("invert_case", "patients/phantom-00000/cmaes-solver/"): (79, 930),
        ("invert_case", "patients/phantom-00000/cmaes-surrogate/"): (192, 1001),
        ("invert_case", "patients/phantom-00000/gradient-surrogate/"): (178, 902),
        ("invert_case", "patients/phantom-00000/gauss-newton/"): (30, 1325),
        ("invert_case", "patients/phantom-00000/hybrid-refined/"): (15, 1615),
        ("run_forward", "patients/phantom-00000/cmaes-solver/"): (14, 863),
        ("map_uncertainty", "patients/phantom-00000"): (11 * 3, 1091),
        ("register_patient", ""): (210, 978),
        ("make_phantom", ""): (39, 1512),
        ("evaluate_case", "patients/"): (7, 461),
    }  # fmt: skip
    for (kind, within), (seconds, memory) in measured.items():
        jobs = of(demo, kind, within)
        assert min(asked(jobs, "runtime")) * 60 > 2 * seconds, kind
        assert min(asked(jobs, "mem_mb")) > 1.5 * memory, kind
    jobs = planned(tmp_path, "train_all", *config_file("surrogates"))
    assert min(asked(of(jobs, "train_model"), "mem_mb")) > 13_585
    assert min(asked(of(jobs, "train_model", "/guided-unet/"), "runtime")) * 60 > 2 * 1487


def test_memory_and_time_grow_with_the_attempt(tmp_path: Path) -> None:
    (first,), (third,) = (planned(tmp_path, "atlas_all", "--attempt", attempt) for attempt in ("1", "3"))
    assert all(third.resources[name] == 3 * first.resources[name] for name in ("mem_mb", "runtime"))
