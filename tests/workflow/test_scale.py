"""The paper's own sizes: hundreds of jobs, planned in time."""

from __future__ import annotations

import resource
from pathlib import Path

from gliofit.pipeline.config import read_config

from .conftest import REPOSITORY, JobCounts, config_file


def test_the_papers_sizes_are_planned_within_a_minute(job_counts: JobCounts, tmp_path: Path) -> None:
    # Patients of whom only the names matter before a job runs.
    for case in (f"BraTS2021_{number:05d}" for number in range(75)):
        (tmp_path / "patients" / case).mkdir(parents=True)
        for name in ("t1", "t1ce", "t2", "flair", "seg"):
            (tmp_path / "patients" / case / f"{case}_{name}.nii.gz").touch()
    # Processor time, because other programs may share the machine.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = job_counts(*config_file("paper"), "--config", f'patients={{"source": "{tmp_path}/patients"}}')
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert [counts[name] for name in ("register_patient", "extract_case", "simulate_shard")] == [75, 20, 140 + 5 + 3]
    settings = read_config(REPOSITORY / "config/paper.yaml").simulate
    assert settings.samples_per_shard * settings.train_shards == 28_000
    assert counts["total"] < 1000
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60
