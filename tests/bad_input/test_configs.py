"""Bad configurations: what reading them says, and what the workflow says before any job starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gliofit.core.errors import InputError
from gliofit.pipeline.config import read_config

from .conftest import listing
from .kind import Kind, each_kind

REPOSITORY = Path(__file__).resolve().parents[2]

_NETWORK = b"invert: {methods: {direct: {inverter: direct, direct: mine}}}\n"
_SENSITIVITY = b"assess: {sensitivity: {surrogates: [guided-unet], method: cmaes-surrogate}}\n"

# Made from the bytes of the file.
CONFIG_KINDS = [
    Kind("unknown key", "invalid-input", "'simulat'", b"simulat: {}\n"),
    Kind("wrong type", "invalid-input", "'seed'", b"seed: x\n"),
    Kind("out of range", "invalid-input", "'seed'", b"seed: -1\n"),
    Kind("run's name that leads out of the folder", "invalid-input", "'run'", b"run: ../run\n"),
    Kind("section left empty", "invalid-input", "'invert'", b"invert:\n"),
    Kind("key that is a number", "invalid-input", "'1'", b"1: 2\n"),
    Kind("method that does not exist", "invalid-input", "'magic'", b"invert: {methods: {a: {inverter: magic}}}\n"),
    Kind("reference method that is missing", "no-reference", "'magic'", b"evaluate: {reference_method: magic}\n"),
    Kind("network that is missing", "unknown-reference", "'mine'", _NETWORK),
    Kind("method that cannot do what is asked of it", "unfit-reference", "'cmaes-surrogate'", _SENSITIVITY),
    Kind("bracket that does not end", "invalid-input", "line 2", b"seed: [\n"),
    Kind("tab for blanks", "invalid-input", "line 2", b"train:\n\tcrop: 1\n"),
    Kind("key twice", "invalid-input", "'seed'", b"seed: 1\nseed: 2\n"),
    Kind("key twice in a section", "invalid-input", "'test_cases'", b"simulate:\n  test_cases: 1\n  test_cases: 2\n"),
    Kind("YAML that asks for Python", "invalid-input", "line 1", b"seed: !!python/object/apply:os.system [touch x]\n"),
    Kind("empty configuration", "invalid-input", "config.yaml", b""),
    Kind("list at the top", "invalid-input", "config.yaml", b"- seed\n"),
    Kind("binary configuration", "invalid-input", "config.yaml", bytes(range(256))),
    Kind("thousands of brackets", "invalid-input", "config.yaml", b"seed: " + b"[" * 5000),
]


@each_kind(CONFIG_KINDS)
def test_it_is_refused(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "config.yaml"
    path.write_bytes(kind.make)
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


@each_kind([kind for kind in CONFIG_KINDS if kind.name in ("key twice", "method that does not exist")])
def test_the_workflow_stops_before_anything_starts(kind: Kind, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(kind.make)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", "1"]
    done = subprocess.run(
        [*command, "--directory", str(tmp_path), "--configfile", str(tmp_path / "config.yaml")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    assert kind.says in done.stdout, done.stdout
