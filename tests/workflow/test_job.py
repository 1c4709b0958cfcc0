"""The context that every script runs in."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
from types import SimpleNamespace

class Named(list):
    def __init__(self, **items):
        super().__init__(items.values())
        self.items, self.get = items.items, items.get

snakemake = SimpleNamespace(
    rule="invert_case", input=Named(labels="labels.nii.gz"), output=Named(table="out/table.parquet"),
    params=Named(seed=3, settings={"a": (1, 2)}), wildcards=Named(case="one"), threads=2, resources={"gpu": 0},
    log=["logs/one.log"],
)
from gliofit.pipeline.job import job

with job(snakemake) as run:
    import os, sys, warnings
    assert not {"torch", "numba", "numpy"} & set(sys.modules), "imported before the thread counts were set"
    assert {os.environ[name] for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")} == {"2"}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "", "a job that asked for no GPU sees one"
    assert run.seed == 3 and run.device == "cpu" and str(run.folder) == "out"
    print("printed")
    warnings.warn("warned")
    os.system("echo from a compiled library")
    report = run.progress("samples", every_seconds=0)
    report(1, 4)
    run.folder.mkdir()
    (run.folder / "table.parquet").write_bytes(b"table")
BODY
"""


def run_script(folder: Path, body: str, text: str = SCRIPT) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a script whose job does ``body``; its outcome, and its log."""
    (folder / "labels.nii.gz").write_bytes(b"labels")
    (folder / "script.py").write_text(text.replace("BODY", "\n".join(f"    {line}" for line in body.splitlines())))
    result = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, check=False)
    log = folder / "logs/one.log"
    return result, log.read_text() if log.is_file() else ""


def test_everything_goes_to_the_log_and_the_sidecar_says_how_the_result_was_made(tmp_path: Path) -> None:
    result, log = run_script(tmp_path, "pass")
    assert result.returncode == 0, result.stderr
    assert result.stdout + result.stderr == ""
    for text in ("invert_case case=one on 2 thread(s), seed 3", "printed", "warned", "compiled library", "done in"):
        assert text in log
    assert "1 of 4 samples" in log
    sidecar = json.loads((tmp_path / "out/table.parquet.json").read_text())
    assert (sidecar["rule"], sidecar["wildcards"]) == ("invert_case", {"case": "one"})
    assert sidecar["params"]["settings"] == {"a": [1, 2]}
    assert (sidecar["seed"], sidecar["threads"]) == (3, 2)
    assert {"python", "gliofit"} <= sidecar["versions"].keys()
    for name, path, content in (("input", "labels.nii.gz", b"labels"), ("output", "out/table.parquet", b"table")):
        assert sidecar[name] == [{"path": path, "sha256": hashlib.sha256(content).hexdigest()}]
    assert sidecar["device"]
    assert sidecar["code"].keys() == {"revision", "dirty", "sources"}


BAD_INPUT = "from gliofit.core.errors import InputError\nraise InputError('a.nii', 'is bad', 'correct it')"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (BAD_INPUT, 2, "gliofit: error: a.nii: is bad; correct it"),
        ("raise ZeroDivisionError('oh')", 1, "ZeroDivisionError: oh"),
        ("import no_such_library", 1, "No module named 'no_such_library'"),
    ],
)
def test_failures_are_in_the_log_and_leave_no_sidecar(tmp_path: Path, body: str, code: int, message: str) -> None:
    result, log = run_script(tmp_path, body)
    assert result.returncode == code
    assert message in log
    assert ("Traceback" in log) == (code == 1)
    assert not (tmp_path / "out/table.parquet.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device of Linux that is always full")
def test_errors_come_out_where_the_disk_of_the_log_is_full(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/one.log").symlink_to("/dev/full")
    result, _ = run_script(tmp_path, "pass")
    assert result.returncode == 2
    assert "gliofit: error: out: the disk is full; free some space and run again" in result.stderr
    assert "Traceback" not in result.stderr
    silent = SCRIPT.replace('    print("printed")\n', "").replace('    warnings.warn("warned")\n', "")
    result, _ = run_script(tmp_path, BAD_INPUT, silent)
    assert result.returncode == 2
    assert "gliofit: error: a.nii: is bad; correct it" in result.stderr


BATCH = """
import json, sys
from pathlib import Path
from types import SimpleNamespace

class Params(dict):
    __getattr__ = dict.__getitem__

cases, factor = ["a", "b", "c"], int(sys.argv[1])
units = [
    {
        "wildcards": {"cohort": "synthetic", "case": case},
        "input": {"image": number, "networks": [3, 4]},
        "output": {"table": number, "trace": 3 + number},
    }
    for number, case in enumerate(cases)
]
snakemake = SimpleNamespace(
    rule="invert_case_synthetic_00000", params=Params(seed=3, factor=factor, rule="invert_case", units=units),
    wildcards={}, threads=1, input=[*(f"{case}.txt" for case in cases), "one.bin", "two.bin"],
    output=[f"results/one/{case}/{name}" for name in ("table", "trace") for case in cases],
    resources={}, log=["results/one/logs/batch.log"],
)
from gliofit.core.errors import InputError
from gliofit.pipeline.job import each_unit

def work(run):
    assert Path(run.input[0]) == Path(run.input.image) == Path(f"{run.wildcards.case}.txt")
    assert run.input.networks == ["one.bin", "two.bin"]
    assert run.input.get("start") is None and set(run.input.keys()) == {"image", "networks"}
    assert str(run.folder) == f"results/one/{run.wildcards.case}"
    text = Path(run.input.image).read_text()
    if text in ("bad", "unforeseen"):
        raise InputError(run.input.image, "is bad", "correct it") if text == "bad" else ZeroDivisionError("oh")
    with open("done.txt", "a") as done:
        done.write(run.wildcards.case)
    run.folder.mkdir(parents=True, exist_ok=True)
    Path(run.output.table).write_text(text * run.params.factor)
    Path(run.output.trace).write_text("trace")

each_unit(snakemake, work)
"""


def run_batch(folder: Path, factor: int = 2) -> tuple[int, str, str]:
    """Run a batch as Snakemake does, which deletes what a failed job wrote; exit code, log, cases that were done."""
    (folder / "done.txt").write_text("")
    command = [sys.executable, "-c", BATCH, str(factor)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert result.stdout + result.stderr == ""
    if result.returncode:
        for name in ("table", "trace"):
            for path in folder.glob(f"results/one/?/{name}"):
                path.unlink()
    return result.returncode, (folder / "results/one/logs/batch.log").read_text(), (folder / "done.txt").read_text()


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Working folder with inputs of three cases."""
    for name in ("a.txt", "b.txt", "c.txt", "one.bin", "two.bin"):
        (tmp_path / name).write_text(name[0])
    return tmp_path


def test_cases_of_a_batch_are_recorded_as_jobs_of_their_own(batch: Path) -> None:
    code, log, done = run_batch(batch)
    assert (code, done) == (0, "abc"), log
    record = json.loads((batch / "results/one/b/table.json").read_text())
    assert record["rule"] == "invert_case"
    assert record["wildcards"] == {"cohort": "synthetic", "case": "b"}
    assert [item["path"] for item in record["input"]] == ["b.txt", "one.bin", "two.bin"]
    assert [item["path"] for item in record["output"]] == ["results/one/b/table", "results/one/b/trace"]
    assert record["params"] == {"seed": 3, "factor": 2}
    assert not list((batch / "results/one/.unfinished").iterdir())


@pytest.mark.parametrize(("text", "code"), [("bad", 2), ("unforeseen", 1)])
def test_a_bad_case_fails_the_batch_after_the_others(batch: Path, text: str, code: int) -> None:
    (batch / "b.txt").write_text(text)
    exit_code, log, done = run_batch(batch)
    assert (exit_code, done) == (code, "ac")
    assert log.splitlines()[-1] == "gliofit: 1 of 3 failed: invert_case cohort=synthetic case=b"
    assert ("gliofit: error: b.txt: is bad; correct it" in log.splitlines()) == (text == "bad")
    assert ("ZeroDivisionError: oh" in log) == (text == "unforeseen")
    (batch / "b.txt").write_text("b")
    exit_code, log, done = run_batch(batch)
    assert (exit_code, done) == (0, "b"), log
    assert log.count("finished in an earlier attempt") == 2
    for case in "abc":
        assert (batch / f"results/one/{case}/table").read_text() == 2 * case
        record = json.loads((batch / f"results/one/{case}/table.json").read_text())
        assert record["output"][0]["sha256"] == hashlib.sha256((2 * case).encode()).hexdigest()


@pytest.mark.parametrize("what", ["input", "params", "copy"])
def test_what_is_out_of_date_is_not_taken_back(batch: Path, what: str) -> None:
    (batch / "b.txt").write_text("bad")
    run_batch(batch)
    (batch / "b.txt").write_text("b")
    if what == "input":
        (batch / "a.txt").write_text("A")
    if what == "copy":
        (batch / "results/one/.unfinished/invert_case_synthetic_00000/a/trace").write_text("half")
    code, log, done = run_batch(batch, factor=3 if what == "params" else 2)
    assert (code, done) == (0, "abc" if what == "params" else "ab"), log
    expected = {"input": "AA", "params": "aaa", "copy": "aa"}[what]
    assert (batch / "results/one/a/table").read_text() == expected
