"""The paper's own sizes: hundreds of jobs, planned in time; and that the estimate counts the same jobs as the plan."""

from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest

from gliofit.pipeline.config import load_config, read_config
from gliofit.pipeline.estimate.jobs import plan_jobs

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


def planned(config: Path, patients: Path | None, count: int) -> dict[str, int]:
    """Jobs by rule that the estimate counts."""
    settings = read_config(config)
    if patients is not None:
        raw = settings.model_dump(mode="json")
        settings = load_config(raw | {"patients": raw["patients"] | {"source": str(patients)}})
    found: dict[str, int] = {}
    for group in plan_jobs(settings, count):
        found[group.rule] = found.get(group.rule, 0) + group.count
    return found


def counted(output: str) -> dict[str, int]:
    """Jobs by rule that Snakemake plans; batches count for the rule of their cases."""
    found: dict[str, int] = {}
    for name, count in jobs(output).items():
        rule = re.sub(r"(_(synthetic|patients)(_\w+)?)?_\d{5}$", "", name).replace("invert_field", "invert_case")
        if rule not in ("all", "total"):
            found[rule] = found.get(rule, 0) + count
    return found


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
    found = counted(result.stdout)
    assert (found["register_patient"], found["extract_case"], found["simulate_shard"]) == (75, 500 // 25, 140 + 5 + 3)
    settings = read_config(config).simulate
    assert settings.samples_per_shard * settings.train_shards == 28_000
    assert sum(found.values()) < 1000
    assert found == planned(config, patients, 75)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 60


@pytest.mark.parametrize(
    "name",
    [
        "config/demo.yaml", "config/brats.yaml", "config/surrogates.yaml", "tests/e2e/smoke.yaml",
        "tests/e2e/batches.yaml",
    ],
)  # fmt: skip
def test_the_estimate_counts_the_jobs_of_the_plan(snakemake: Snakemake, tmp_path: Path, name: str) -> None:
    config = REPOSITORY / name
    arguments = ["--dry-run", "--quiet", "rules", "--configfile", str(config)]
    patients, count = None, read_config(config).phantoms.count
    if name == "config/brats.yaml":
        patients, count = patients_folder(tmp_path / "patients", 3), 3
        arguments += ["--config", f'patients={{"source": "{patients}"}}']
    result = snakemake(*arguments)
    assert result.returncode == 0, result.stdout
    assert counted(result.stdout) == planned(config, patients, count)
