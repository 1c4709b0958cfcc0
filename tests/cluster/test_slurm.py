"""The workflow and its SLURM profile on a real SLURM of one node."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tools.loopback import LoopbackCluster, why_not

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
PROFILE = yaml.safe_load((REPOSITORY / "profiles/slurm/profile.yaml").read_text())

#: What one edits in a copy of the profile, and less waiting. This SLURM keeps no accounts.
EDITS = {
    "default-resources": PROFILE["default-resources"] | {"slurm_account": "test"},
    "slurm-partition-config": str(REPOSITORY / "profiles/slurm/partitions.yaml"),
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 1,
    "slurm-keep-successful-logs": True,
    "latency-wait": 10,
    "set-threads": {"train_model": 2},
}
#: The lines about arrays that the profile has as comments.
ARRAYS = {"jobs": 1000, "max-jobs-per-timespan": "100000/1s", "slurm-array-limit": 20}

pytestmark = [pytest.mark.slurm, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


@dataclass(frozen=True)
class Run:
    """A call of Snakemake through the profile: where, how it ended, what it said, and its jobs as SLURM saw them."""

    folder: Path
    code: int
    output: str
    jobs: list[dict[str, str]]

    def of(self, rule: str) -> list[dict[str, str]]:
        """Jobs of a rule, oldest first."""
        comment = rf"rule_{rule}(_(synthetic|patients)_\w+)?(_wildcards_|$)"
        return [job for job in self.jobs if re.match(comment, job["Comment"])]


class Call:
    """Snakemake at work in a folder of its own."""

    def __init__(
        self, cluster: LoopbackCluster, folder: Path, snakefile: Path, *arguments: str, edits: dict[str, object]
    ) -> None:
        self.cluster, self.folder = cluster, folder
        (folder / "profile").mkdir(parents=True)
        (folder / "profile/profile.yaml").write_text(yaml.safe_dump(PROFILE | EDITS | edits))
        self.log = folder / "output.txt"
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--directory", str(folder)]
        command += ["--profile", str(folder / "profile"), *arguments]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, env=cluster.environment, stdout=log, stderr=subprocess.STDOUT
            )

    def jobs(self) -> list[dict[str, str]]:
        """Jobs of this call as the controller sees them."""
        return [job for job in self.cluster.jobs() if job["WorkDir"].startswith(str(self.folder))]

    def result(self) -> Run:
        """Wait for the end, long enough for a busy machine; a call that hangs is interrupted and cancels its jobs."""
        try:
            self.process.wait(1200)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(120)
        return Run(self.folder, self.process.returncode, self.log.read_text(), self.jobs())


@contextmanager
def running_cluster() -> Iterator[LoopbackCluster]:
    """A cluster that is stopped even where a test fails. Its folder has a short path, for it holds a socket."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder, LoopbackCluster(folder, cpus=4) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[LoopbackCluster]:
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def runs(cluster: LoopbackCluster, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """All calls, at the same time: most of it is waiting."""
    folder = tmp_path_factory.mktemp("slurm")
    calls = {
        "tiny": Call(
            cluster, folder / "tiny", REPOSITORY / "Snakefile", "tables", "--configfile", str(HERE / "tiny.yaml"),
            edits=ARRAYS | {"slurm-array-jobs": "simulate_shard"},
        ),
        "small": Call(
            cluster, folder / "small", HERE / "Snakefile", "hungry.txt", "seeing.txt",
            edits={"set-resources": {"seeing": {"gpu": 0, "gres": "gpu:1"}}},
        ),
        "cancelled": Call(cluster, folder / "cancelled", HERE / "Snakefile", "endless.txt", edits={"retries": 0}),
    }  # fmt: skip
    cancelled = calls["cancelled"]
    while cancelled.process.poll() is None and not any(job["JobState"] == "RUNNING" for job in cancelled.jobs()):
        time.sleep(0.5)
    cluster.ask("scancel", *(job["JobId"] for job in cancelled.jobs()))
    return {name: call.result() for name, call in calls.items()}


def test_tables_are_made_on_the_cluster(runs: dict[str, Run]) -> None:
    run = runs["tiny"]
    assert run.code == 0, run.output[-10_000:]
    assert pd.read_csv(run.folder / "results/tiny/publish/tables/table2.csv").shape[0] >= 2
    assert {job["JobState"] for job in run.jobs} == {"COMPLETED"}
    # Four shards; two cases of which each is extracted, inverted, simulated with all estimates and scored.
    expected = dict.fromkeys(("extract_case", "invert_case", "run_forward", "evaluate_case"), 2)
    expected |= {"simulate_shard": 4, "train_model": 1}
    assert {rule: len(run.of(rule)) for rule in expected} == expected


def test_slurm_saw_what_rules_ask_for(runs: dict[str, Run]) -> None:
    (job,) = runs["tiny"].of("train_model")
    # 6000 MB and what two cubes of 16 voxels take; the budget of 5 minutes, a tenth of it and an hour.
    assert job["MinMemoryNode"] == "6033M"
    assert job["TimeLimit"] == "01:06:00"
    assert job["NumCPUs"] == "2"
    assert job["Account"] == "test"
    for job in runs["tiny"].of("extract_case"):
        assert job["TimeLimit"] == "00:15:00"
        assert job["NumCPUs"] == "1"


def test_gpus_and_partitions(runs: dict[str, Run]) -> None:
    run = runs["tiny"]
    for rule in ("train_model", "simulate_shard"):
        for job in run.of(rule):
            assert job["TresPerJob"] == "gres:gpu:1"
            assert job["Partition"] == "gpu"
    for rule in ("invert_case", "run_forward", "evaluate_case", "prepare_atlas"):
        for job in run.of(rule):
            assert "TresPerJob" not in job
            assert job["Partition"] == "cpu"


def test_shards_were_one_array(runs: dict[str, Run]) -> None:
    jobs = runs["tiny"].of("simulate_shard")
    assert len({job["ArrayJobId"] for job in jobs}) == 1
    assert sorted(job["ArrayTaskId"] for job in jobs) == ["1", "2", "3", "4"]
    tables = sorted((runs["tiny"].folder / "results/tiny/simulate/shards").glob("*.parquet"))
    assert [path.stem for path in tables] == ["test-00000", "train-00000", "train-00001", "validation-00000"]
    # Every task did a shard of its own, not the first one's.
    assert len({pd.read_parquet(path)["mu_rho"].iloc[0] for path in tables}) == 4


def test_logs_are_where_the_profile_says(runs: dict[str, Run]) -> None:
    run = runs["tiny"]
    logs = run.folder / PROFILE["slurm-logdir"]
    for job in run.jobs:
        assert Path(job["StdOut"]).is_relative_to(logs)
        assert Path(job["StdOut"]).stat().st_size > 0
    (job,) = run.of("train_model")
    assert Path(job["StdOut"]) == logs / f"rule_train_model/direct-inverse/{job['JobId']}.log"
    assert (run.folder / "results/tiny/logs/train/train_model/direct-inverse.log").stat().st_size > 0


def test_a_job_that_fails_gets_more_memory_and_passes(runs: dict[str, Run]) -> None:
    run = runs["small"]
    assert run.code == 0, run.output
    assert (run.folder / "hungry.txt").read_text() == "fed\n"
    seen = [(job["JobState"], job["MinMemoryNode"], job["TimeLimit"]) for job in run.of("hungry")]
    assert seen == [("FAILED", "200M", "00:03:00"), ("COMPLETED", "400M", "00:06:00")]
    assert "Trying to restart job" in run.output
    # The log of the failed attempt says why.
    assert "MemoryError" in Path(run.of("hungry")[0]["StdOut"]).read_text()


def test_gpus_of_clusters_that_want_generic_resources(runs: dict[str, Run]) -> None:
    run = runs["small"]
    (job,) = run.of("seeing")
    assert job["TresPerNode"] == "gres:gpu:1"
    assert "TresPerJob" not in job
    assert job["Partition"] == "gpu"
    assert (run.folder / "seeing.txt").read_text() in ("0\n", "1\n")


def test_a_cancelled_job_is_noticed(runs: dict[str, Run]) -> None:
    run = runs["cancelled"]
    assert run.code == 1
    assert [job["JobState"] for job in run.jobs] == ["CANCELLED"]
    assert f"SLURM-job '{run.jobs[0]['JobId']}' failed, SLURM status is: 'CANCELLED'" in run.output
    assert not (run.folder / "endless.txt").exists()


def test_nothing_is_left_when_the_cluster_stops() -> None:
    with running_cluster() as cluster:
        output = cluster.folder / "job.log"
        subprocess.run(
            ["sbatch", f"--output={output}", "--wrap", "echo begun; sleep 300"], env=cluster.environment, check=True
        )
        while not output.exists() or not output.read_text():
            time.sleep(0.1)
        # munged, slurmctld and its helper, slurmd, and of the job its keeper, shell and sleep.
        assert len(cluster.processes()) >= 6
    assert cluster.processes() == []
