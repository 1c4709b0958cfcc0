"""What a run costs: the table is made from benchmark files, and read for another run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from gliofit import cli
from gliofit.core.errors import InputError
from gliofit.pipeline.config import Config, load_config, read_config
from gliofit.pipeline.estimate.costs import COSTS_FILE, START_SECONDS, read_costs
from gliofit.pipeline.estimate.jobs import plan_jobs
from gliofit.pipeline.estimate.run import estimate_run
from tools.measure_costs import measure_run, table_of_costs

REPOSITORY = Path(__file__).resolve().parents[3]


def write_run(folder: Path, config: Path) -> None:
    """A run whose jobs took 2 s and 3 s per unit of work, 50 MB, and left 1 kB and 4 kB per unit of size each."""
    for jobs in plan_jobs(read_config(config), 2):
        for number in range(jobs.count):
            place = jobs.benchmarks.replace("*", f"case-{number:05d}")
            benchmark = (
                folder / "benchmarks" / jobs.stage / (f"{jobs.rule}/{place}.tsv" if place else f"{jobs.rule}.tsv")
            )
            benchmark.parent.mkdir(parents=True, exist_ok=True)
            benchmark.write_text(f"s\tmax_rss\tcpu_time\n9\t50\t{2 + 3 * jobs.work}\n")
            parent, _, name = jobs.files[0].rpartition("/")
            parent = parent.replace("*", f"case-{number:05d}")
            file = folder / parent / name.replace("*", f"file-{number:05d}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(bytes(int(1000 + 4000 * jobs.size) - benchmark.stat().st_size))
    for number in range(2):
        (folder / f"register/patients/case-{number:05d}").mkdir(parents=True, exist_ok=True)


def configuration(path: Path, spacing_mm: float, **simulate: float) -> Path:
    raw = {
        "phantoms": {"spacing_mm": spacing_mm},
        "simulate": {"spacing_mm": spacing_mm, **simulate},
        "invert": {
            "methods": {"cmaes-solver": {"inverter": "cmaes-solver"}, "gauss-newton": {"inverter": "gauss-newton"}}
        },
        "register": {"resolution_mm": spacing_mm},
    }
    path.write_text(yaml.safe_dump(raw))
    return path


def test_a_table_of_two_runs_predicts_a_third(tmp_path: Path) -> None:
    runs = {}
    for name, spacing_mm in (("coarse", 4.0), ("fine", 2.0)):
        config = configuration(tmp_path / f"{name}.yaml", spacing_mm, pilot_spacing_mm=2 * spacing_mm)
        write_run(tmp_path / name, config)
        runs[name] = measure_run(config, tmp_path / name)
    costs = table_of_costs(runs, "this one", 1.0)
    config = read_config(configuration(tmp_path / "third.yaml", 1.0, test_cases=20))
    planned = plan_jobs(config, 2)
    expected = sum(jobs.count * (2 + 3 * jobs.work) for jobs in planned)
    found = estimate_run(config, 2, 4, costs)
    assert found.not_measured == ()
    assert found.total.jobs == sum(jobs.count for jobs in planned)
    started = estimate_run(config, 2, 4, costs.model_copy(update={"costs": dict.fromkeys(
        costs.costs, costs.costs["prepare_atlas"].model_copy(update={"seconds": (0.0, 0.0)})
    )})).total.cpu_seconds  # fmt: skip
    assert found.total.cpu_seconds - started == pytest.approx(expected, rel=0.1)
    assert found.total.bytes == pytest.approx(sum(jobs.count * (1000 + 4000 * jobs.size) for jobs in planned), rel=0.1)
    assert found.total.megabytes == 50


def test_time_goes_with_cores_as_far_as_there_are_jobs() -> None:
    costs, config = read_costs(), read_config(REPOSITORY / "config/demo.yaml")
    one, many = (estimate_run(config, 2, cores, costs) for cores in (1, 64))
    assert one.total.seconds == pytest.approx(one.total.cpu_seconds)
    stages = {stage.stage: stage for stage in many.stages}
    # One job, on one core.
    assert stages["atlas"].seconds == pytest.approx(stages["atlas"].cpu_seconds)
    assert stages["invert"].seconds < 0.2 * stages["invert"].cpu_seconds
    slow = estimate_run(config, 2, 1, costs, slowness=2.0)
    assert slow.total.cpu_seconds == pytest.approx(2 * one.total.cpu_seconds)
    assert slow.total.bytes == one.total.bytes


def test_a_time_budget_limits_training() -> None:
    def training(**model: float) -> float:
        models = {name: {"architecture": name, "epochs": 10_000, **model} for name in ("guided-unet", "direct-inverse")}
        found = estimate_run(load_config({"train": {"models": models}}), 2, 2, read_costs())
        return next(stage.cpu_seconds for stage in found.stages if stage.stage == "train")

    assert training(time_budget_minutes=1) < 2 * (2 * 60 + 2)
    assert training() > 20 * training(time_budget_minutes=1)


def test_what_was_not_measured_is_told() -> None:
    methods = {"methods": {"cmaes-solver": {"inverter": "cmaes-solver", "integrator": {"name": "reference"}}}}
    found = estimate_run(load_config({"invert": methods, "evaluate": {}}), 2, 2, read_costs())
    assert found.not_measured == ("invert_case cmaes-solver reference",)
    assert found.not_measured[0] in found.text()


def test_work_far_beyond_what_was_measured_is_told() -> None:
    methods = {"cmaes-surrogate": {"inverter": "cmaes-surrogate", "evaluations": 1_000_000}}
    raw = {"invert": {"methods": methods}, "cohorts": ["synthetic"]}
    assert estimate_run(load_config(raw), 0, 2, read_costs()).far == ("invert_case cmaes-surrogate",)


def test_no_benchmarks_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no benchmarks"):
        measure_run(REPOSITORY / "config/demo.yaml", tmp_path)


def test_the_committed_table_names_where_it_is_from() -> None:
    costs = read_costs()
    assert costs.machine
    assert costs.runs
    assert 0 < costs.calibration_seconds < 10
    assert COSTS_FILE.read_text().startswith("# Made by")
    measured = {jobs.key for jobs in plan_jobs(Config(), 2)}
    assert measured <= costs.costs.keys()


def test_the_command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def run(*arguments: object) -> int:
        with pytest.raises(SystemExit) as stop:
            cli.main(["estimate", *map(str, arguments)])
        return int(stop.value.code or 0)

    config = REPOSITORY / "config/brats.yaml"
    for number in range(3):
        for name in ("t1", "seg"):
            path = tmp_path / f"BraTS2021_{number:05d}/BraTS2021_{number:05d}_{name}.nii.gz"
            path.parent.mkdir(exist_ok=True)
            path.touch()
    assert run(config, "--patients", tmp_path, "--cores", 2, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    register = next(stage for stage in found["stages"] if stage["stage"] == "register")
    assert register["jobs"] == 3
    assert found["total"]["jobs"] == sum(stage["jobs"] for stage in found["stages"])
    assert run(config, "--cores", 2) == 0
    assert "total" in capsys.readouterr().out
    assert run(tmp_path / "nothing.yaml") == 2


def test_batches_cost_what_their_cases_cost() -> None:
    costs, config = read_costs(), read_config(REPOSITORY / "config/demo.yaml")
    raw = config.model_dump(mode="json") | {"cases_per_job": {"synthetic": 4, "patients": 2}}
    single, many = (estimate_run(given, 2, 1, costs).total for given in (config, load_config(raw)))
    assert many.jobs < single.jobs / 2
    assert many.bytes == pytest.approx(single.bytes)
    assert many.cpu_seconds == pytest.approx(single.cpu_seconds - START_SECONDS * (single.jobs - many.jobs))
