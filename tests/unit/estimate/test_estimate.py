"""What a run costs: the table is made from benchmark files, and read for another run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from gliofit import cli
from gliofit.core.errors import InputError
from gliofit.core.work import Work
from gliofit.pipeline.config import read_config
from gliofit.pipeline.estimate.costs import COSTS_FILE, START_SECONDS, Costs, read_costs
from gliofit.pipeline.estimate.dry_run import PlannedJob, plan_jobs
from gliofit.pipeline.estimate.run import estimate_run
from tools.measure_costs import measure_run, table_of_costs

REPOSITORY = Path(__file__).resolve().parents[3]
DEMO = REPOSITORY / "config/demo.yaml"

#: Seconds of operations and of kinds of jobs in runs that are made up here.
RATES = {"accurate": 3.0, "prediction": 0.02, "volume": 1.5}
FIXED = {"run_forward": 2.0, "invert_case direct": 4.0, "simulate_shard": 1.0}


def job(kind: str, number: int, work: Work, **facts: int) -> PlannedJob:
    stage = {"run_forward": "forward", "invert_case direct": "invert", "simulate_shard": "simulate"}[kind]
    place = f"{stage}/{kind.partition(' ')[0]}/{number}"
    benchmark = f"results/demo/benchmarks/{place}.tsv"
    files = (f"results/demo/{place}/result.nii.gz", f"results/demo/logs/{place}.log", benchmark)
    settings = {"units": 1, "threads": 1} | facts
    return PlannedJob(stage, kind, files=files, benchmark=benchmark, work=work, **settings)


def jobs(scale: float) -> list[PlannedJob]:
    """Jobs whose operations are so many times those of a small run."""
    direct = Work.of("prediction", 100 * scale) + Work.of("volume", scale)
    return [
        *(job("run_forward", n, Work.of("accurate", scale * (1 + n), size=scale)) for n in range(4)),
        *(job("run_forward", 4 + n, Work.of("volume", scale, size=scale).times(2), units=2) for n in range(2)),
        *(job("invert_case direct", n, direct) for n in range(3)),
        *(job("simulate_shard", n, Work.of("accurate", 5 * scale, size=scale)) for n in range(2)),
    ]


def seconds(planned: PlannedJob) -> float:
    return FIXED[planned.kind] + sum(RATES[name] * amount for name, amount in planned.work.usual.items())


def write_run(folder: Path, planned: list[PlannedJob]) -> None:
    """A run whose jobs took what ``seconds`` says and 50 MB, and left 1 kB a unit and 4 kB for each unit of size."""
    for item in planned:
        result, log, benchmark = (folder / Path(path).relative_to("results/demo") for path in item.files)
        for path in (result, log, benchmark):
            path.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text(f"s\tmax_rss\tcpu_time\n9\t50\t{seconds(item)}\n")
        log.write_text("")
        size = int(1000 * item.units + 4000 * item.work.size)
        result.write_bytes(bytes(size - benchmark.stat().st_size))


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> Costs:
    """The table of two runs."""
    runs = {}
    for name, scale in (("coarse", 0.5), ("fine", 4.0)):
        folder = tmp_path_factory.mktemp(name)
        write_run(folder, jobs(scale))
        runs[name] = measure_run(DEMO, folder, jobs(scale))
    return table_of_costs(runs, "this one", 1.0, read_costs())


def test_rates_and_fixed_costs_are_told_apart(costs: Costs) -> None:
    for name, rate in RATES.items():
        assert costs.operations[name].seconds == pytest.approx(rate, rel=1e-3)
        assert costs.operations[name].limit_seconds == read_costs().operations[name].limit_seconds
    for kind, fixed in FIXED.items():
        assert costs.kinds[kind].seconds == pytest.approx(fixed, rel=1e-2)
    assert costs.kinds["run_forward"].bytes == pytest.approx((1000, 4000), rel=1e-2)
    # What these runs do not have stays.
    assert costs.kinds["register_patient"] == read_costs().kinds["register_patient"]


def test_a_table_of_two_runs_predicts_a_third(costs: Costs) -> None:
    planned = jobs(2.0)
    total = estimate_run(planned, 4, costs).total
    assert total.jobs == len(planned)
    expected = sum(map(seconds, planned)) + START_SECONDS * len(planned)
    assert total.cpu_seconds == pytest.approx(expected, rel=1e-2)
    size = sum(1000 * item.units + 4000 * item.work.size for item in planned)
    assert total.bytes == pytest.approx(size, rel=1e-2)
    assert total.megabytes == 50


def test_time_goes_with_cores_as_far_as_there_are_jobs(costs: Costs) -> None:
    planned = jobs(1.0)
    one, many = (estimate_run(planned, cores, costs) for cores in (1, 64))
    assert one.total.seconds == pytest.approx(one.total.cpu_seconds)
    for stage in many.stages:
        longest = max(seconds(item) for item in planned if item.stage == stage.stage) + START_SECONDS
        assert stage.seconds == pytest.approx(longest, rel=1e-2)
    slow = estimate_run(planned, 1, costs, slowness=2.0)
    assert slow.total.cpu_seconds == pytest.approx(2 * one.total.cpu_seconds)
    assert slow.total.bytes == one.total.bytes


def test_a_time_budget_limits_a_training() -> None:
    planned = job("simulate_shard", 0, Work.of("train-guided-unet", 1e6), threads=2)
    unlimited = estimate_run([planned], 2, read_costs()).total.cpu_seconds
    limited = estimate_run([replace(planned, work=replace(planned.work, budget_seconds=60))], 2, read_costs()).total
    assert limited.cpu_seconds == pytest.approx(2 * 60 + START_SECONDS)
    assert unlimited > 100 * limited.cpu_seconds


def test_what_was_not_measured_and_what_is_far_is_told() -> None:
    unknown = replace(job("run_forward", 0, Work.of("reference")), kind="run_forward elsewhere")
    far = job("invert_case direct", 0, Work.of("prediction", 1e6))
    estimate = estimate_run([unknown, far], 2, read_costs())
    assert estimate.not_measured == ("run_forward elsewhere", "reference")
    assert estimate.far == ("invert_case direct",)
    assert "reference" in estimate.text()


def test_usual_work_is_forecast_and_the_most_is_allowed() -> None:
    costs, work = read_costs(), Work.of("accurate", 1000.0, usual=1.0)
    assert costs.seconds(work.usual) == costs.operations["accurate"].seconds
    assert 60 * costs.limit_minutes(work) > 1000 * costs.operations["accurate"].seconds
    with pytest.raises(InputError, match="operation 'guessing'"):
        costs.limit_minutes(Work.of("guessing"))


def test_work_adds_up() -> None:
    one = Work.of("accurate", 2.0, usual=1.0, megabytes=100, size=1.0)
    both = one + Work.of("prediction", 3.0, megabytes=300)
    assert both.most == {"accurate": 2.0, "prediction": 3.0}
    assert (both.megabytes, both.size) == (300, 1.0)
    three = one.times(3, usual=2)
    assert (three.most, three.usual, three.megabytes) == ({"accurate": 6.0}, {"accurate": 2.0}, 100)


def test_no_benchmarks_no_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no benchmarks"):
        measure_run(DEMO, tmp_path, jobs(1.0))


def test_the_committed_table_has_every_kind_of_the_demo() -> None:
    costs, config = read_costs(), read_config(DEMO)
    assert costs.machine
    assert costs.runs
    assert 0 < costs.calibration_seconds < 10
    assert COSTS_FILE.read_text().startswith("# Made by")
    planned = plan_jobs(REPOSITORY, config, DEMO, 2)
    assert {item.kind for item in planned} <= costs.kinds.keys()
    # Every case and every estimate is some job's.
    simulated = sum(item.units for item in planned if item.kind == "run_forward")
    cases = config.simulate.test_cases + config.phantoms.count
    assert simulated > cases * len(config.invert.methods_of("synthetic"))


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
    estimate = json.loads(capsys.readouterr().out)
    assert [stage["jobs"] for stage in estimate["stages"] if stage["stage"] == "register"] == [3]
    assert estimate["total"]["jobs"] == sum(stage["jobs"] for stage in estimate["stages"])
    assert run(tmp_path / "nothing.yaml") == 2
