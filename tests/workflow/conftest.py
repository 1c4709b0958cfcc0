from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]

Snakemake = Callable[..., subprocess.CompletedProcess[str]]


def run_snakemake(folder: Path, *arguments: str, timeout: int = 300) -> subprocess.CompletedProcess[str]:
    """Call the workflow with a working folder of its own; output of both streams in ``stdout``."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile")]
    return subprocess.run(
        [*command, "--directory", str(folder), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )


def without_choices(folder: Path) -> tuple[str, str]:
    """Options for the demo without what it says of methods, plans and pages: the defaults, and what a test adds."""
    settings = yaml.safe_load((REPOSITORY / "config/demo.yaml").read_text())
    path = folder / "without-choices.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in settings.items() if k not in ("invert", "plan", "publish")}))
    return "--configfile", str(path)


@pytest.fixture
def snakemake(tmp_path: Path) -> Snakemake:
    return lambda *arguments, **options: run_snakemake(tmp_path, *arguments, **options)


@pytest.fixture
def patients(tmp_path: Path) -> Path:
    """A BraTS 2021 and a BraTS 2023 case whose images are empty files: enough for everything before a job runs."""
    root = tmp_path / "brats"
    for case, pattern in {
        "BraTS2021_00001": "{case}_{name}.nii.gz t1 t1ce t2 flair seg",
        "BraTS-GLI-00002-000": "{case}-{name}.nii.gz t1n t1c t2w t2f seg",
    }.items():
        file, *names = pattern.split()
        for name in names:
            path = root / case / file.format(case=case, name=name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return root
