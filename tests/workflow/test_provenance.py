"""From a result back to its inputs: jobs write records, the command reads them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gliofit import cli
from gliofit.core.digests import LARGE_BYTES, digest_in_run, sha256_of
from gliofit.pipeline.job import PACKAGE_PREFIX
from gliofit.pipeline.provenance import trace
from gliofit.pipeline.revision import UNKNOWN, find_revision, source_digest

REPOSITORY = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, sys
from pathlib import Path
from types import SimpleNamespace

from gliofit.pipeline.job import job

class Named(list):
    def __init__(self, items):
        super().__init__(items.values())
        self.items, self.get = items.items, items.get

for facts in json.load(sys.stdin):
    names = {name: Named(facts[name]) for name in ("input", "output", "params", "wildcards")}
    snakemake = SimpleNamespace(rule=facts["rule"], threads=1, resources={}, log=[facts["log"]], **names)
    with job(snakemake) as run:
        read = "".join(Path(path).read_text() for path in run.input)
        for number, path in enumerate(run.output):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(f"{number} of {read}")
"""


def rule(name: str, inputs: list[str], outputs: list[str], params: dict | None = None, **wildcards: str) -> dict:
    return {
        "rule": name,
        "input": {f"in{number}": path for number, path in enumerate(inputs)},
        "output": {f"out{number}": f"results/one/{path}" for number, path in enumerate(outputs)},
        "params": {"seed": 3, "stage_version": 1, **(params or {})},
        "wildcards": wildcards,
        "log": f"results/one/logs/{name}.log",
    }


REGISTER = rule(
    "register_patient", ["patients/t1.nii.gz"], ["register/patients/a/t1.nii.gz", "register/patients/a/deep/warp.nii"],
    {"settings": {"resolution_mm": 4.0, "gradient_step": 0.2}, "patient": {"labels": "brats2021"}}, case="a",
)  # fmt: skip
INVERT = rule(
    "invert_case", ["results/one/register/patients/a/t1.nii.gz", "results/one/register/patients/a/deep/warp.nii"],
    ["invert/patients/a/quick/parameters.parquet", "invert/patients/a/quick/trace.parquet"],
    {"settings": {"methods": {"quick": {"inverter": "cmaes-surrogate", "evaluations": 16, "popsize": 8}}}},
    case="a", method="quick",
)  # fmt: skip
FORWARD = rule(
    "run_forward",
    ["results/one/invert/patients/a/quick/parameters.parquet", "results/one/register/patients/a/t1.nii.gz"],
    ["forward/patients/a/quick/concentration.nii.gz"], {"tissue": "labels"}, case="a",
)  # fmt: skip


def run_jobs(folder: Path, *jobs: dict) -> None:
    """Run jobs as the workflow does, with scripts that copy."""
    command = [sys.executable, "-c", SCRIPT]
    result = subprocess.run(command, cwd=folder, input=json.dumps(jobs), text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr + "".join(path.read_text() for path in folder.rglob("*.log"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Working folder of a run of three jobs."""
    (tmp_path / "patients").mkdir()
    (tmp_path / "patients/t1.nii.gz").write_text("image")
    (tmp_path / "results/one/benchmarks").mkdir(parents=True)
    run_jobs(tmp_path, REGISTER, INVERT, FORWARD)
    return tmp_path


def provenance(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(["provenance", *map(str, arguments)])
    return int(stop.value.code or 0)


RESULT = "results/one/forward/patients/a/quick/concentration.nii.gz"


def test_the_chain_goes_back_to_the_patient(folder: Path) -> None:
    origin = trace(folder / RESULT)
    assert list(origin.notes()) == []
    assert origin.sha256 == sha256_of(folder / RESULT)
    parameters, image = origin.inputs
    assert parameters.job["rule"] == "invert_case"
    assert [item.job["rule"] for item in parameters.inputs] == ["register_patient"] * 2
    (patient,) = parameters.inputs[0].inputs
    assert (patient.path, patient.job) == ("patients/t1.nii.gz", None)
    assert patient.sha256 == sha256_of(folder / "patients/t1.nii.gz")
    # Inputs behind a file are shown once.
    assert (image.inputs, image.left_out) == ([], "shown above")
    # The record says what ran, and not where.
    text = (folder / f"{RESULT}.json").read_text()
    code = json.loads(text)["code"]
    assert (code["revision"], code["sources"]) == (find_revision().removesuffix("-dirty"), source_digest())
    assert str(folder) not in text
    assert str(REPOSITORY) not in text


def test_paths_of_the_clone_name_no_home(folder: Path) -> None:
    weights = REPOSITORY / "models/README.md"
    settings = {"settings": {"init": str(weights)}}
    run_jobs(folder, rule("train_model", [str(weights)], ["train/a/weights.safetensors"], settings))
    origin = trace(folder / "results/one/train/a/weights.safetensors")
    assert origin.job["params"]["settings"] == {"init": f"{PACKAGE_PREFIX}models/README.md"}
    assert [item.path for item in origin.inputs] == [f"{PACKAGE_PREFIX}models/README.md"]
    assert list(origin.notes()) == []


@pytest.mark.parametrize(
    ("changed", "note"),
    [(RESULT, "has changed since it was written"), ("patients/t1.nii.gz", "has changed since it was read")],
)
def test_a_changed_file_is_told(folder: Path, changed: str, note: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert provenance(folder / RESULT) == 0
    assert capsys.readouterr().err == ""
    (folder / changed).write_text("other")
    assert provenance(folder / RESULT) == 1
    output = capsys.readouterr()
    assert output.err == f"{changed} {note}\n"
    assert note in output.out


def test_an_input_made_again_is_told(folder: Path) -> None:
    (folder / "patients/t1.nii.gz").write_text("other image")
    run_jobs(folder, REGISTER)
    notes = list(trace(folder / RESULT).notes())
    assert "results/one/register/patients/a/t1.nii.gz was written again after it was read" in notes
    assert not [note for note in notes if note.startswith("patients/")]


def test_large_files_of_the_run_are_read_once(tmp_path: Path) -> None:
    run = tmp_path / "results/one"
    small, large, outside = run / "a/small.nii", run / "a/large.nii", tmp_path / "large.nii"
    large.parent.mkdir(parents=True)
    small.write_bytes(b"1")
    for path in (large, outside):
        path.write_bytes(bytes(LARGE_BYTES))
    assert [digest_in_run(path, run) for path in (small, large, outside)] == [*map(sha256_of, (small, large, outside))]
    (cache,) = (path for path in (run / "logs/digests").rglob("*") if path.is_file())
    assert cache.relative_to(run / "logs/digests") == Path("a/large.nii.json")
    # The stored digest is returned ...
    cache.write_text(cache.read_text().replace(sha256_of(large), "stored"))
    assert digest_in_run(large, run) == "stored"
    # ... as long as the file is the same.
    large.write_bytes(bytes(LARGE_BYTES - 1) + b"1")
    assert digest_in_run(large, run) == sha256_of(large)


def test_revision_of_a_clone_and_of_none(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "src/gliofit"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (tmp_path / "README.md").touch()
    assert find_revision(package) == UNKNOWN
    git("init")
    # Below a clone, but not of it.
    assert find_revision(package) == UNKNOWN
    git("add", ".")
    git("commit", "-m", "first")
    clean = find_revision(package)
    assert len(clean) == 40
    (tmp_path / "README.md").write_text("words")
    assert find_revision(package) == clean
    digest = source_digest(package)
    (package / "new.py").write_text("pass\n")
    assert find_revision(package) == f"{clean}-dirty"
    assert source_digest(package) != digest
