"""The paper's own sizes: hundreds of jobs, planned in time."""

from __future__ import annotations

import resource
from pathlib import Path

from gliofit.pipeline.config import read_config

from .conftest import REPOSITORY, Snakemake
from .test_dry_run import jobs


def patients_folder(root: Path, count: int) -> Path:
    """Patients of whom only the names matter before a job runs."""
    for number in range(count):
        case = f"BraTS2021_{number:05d}"
        (root / case).mkdir(parents=True)
        for name in ("t1", "t1ce", "t2", "flair", "seg"):
            (root / case / f"{case}_{name}.nii.gz").touch()
    return root


def test_the_papers_sizes_are_planned_within_a_minute(snakemake: Snakemake, tmp_path: Path) -> None:
    patients = patients_folder(tmp_path / "patients", 75)
    config = REPOSITORY / "config/paper.yaml"
    # Processor time, because other programs may share the machine.
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = snakemake(
        "--dry-run", "--quiet", "rules", "--configfile", str(config),
        "--config", f'patients={{"source": "{patients}"}}', timeout=900,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.returncode == 0, result.stdout
    found = jobs(result.stdout)
    assert (found["register_patient"], found["extract_case"], found["simulate_shard"]) == (75, 500 // 25, 140 + 5 + 3)
    settings = read_config(config).simulate
    assert settings.samples_per_shard * settings.train_shards == 28_000
    assert found["total"] < 1000
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 60
