"""Bad configurations: what reading them says, and what the workflow says before any job starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.pipeline.config import read_config

from .configs import CONFIG_KINDS, ConfigKind
from .conftest import listing

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("kind", CONFIG_KINDS, ids=lambda kind: kind.slug)
def test_it_is_refused(kind: ConfigKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_bytes(kind.content)
    with pytest.raises(InputError) as caught:
        read_config(path)
    assert kind.is_told_by(caught.value), caught.value
    assert list(listing(tmp_path)) == [str(path)]


@pytest.mark.parametrize("name", ["absent.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_config(tmp_path / name)
    assert caught.value.subject == str(tmp_path / name)


def test_a_merged_section_may_be_overridden(tmp_path: Path) -> None:
    """YAML's own way to say most of a section twice is no key that is there twice."""
    path = tmp_path / "config.yaml"
    path.write_text(
        "train:\n  models:\n    guided-unet: &a {architecture: guided-unet, epochs: 3}\n"
        "    direct-inverse: {<<: *a, architecture: direct-inverse}\n"
    )
    models = read_config(path).train.models
    assert (models["direct-inverse"].architecture, models["direct-inverse"].epochs) == ("direct-inverse", 3)


@pytest.mark.parametrize("name", ["key twice", "method that does not exist"])
def test_the_workflow_stops_before_anything_starts(name: str, tmp_path: Path) -> None:
    kind = next(kind for kind in CONFIG_KINDS if kind.name == name)
    (tmp_path / "config.yaml").write_bytes(kind.content)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1"]
    done = subprocess.run(
        [*command, "--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert kind.says in done.stdout, done.stdout
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf"])
def test_numbers_are_finite(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"register:\n  total_smoothing: {text}\n")
    with pytest.raises(InputError, match=r"register\.total_smoothing"):
        read_config(path)
