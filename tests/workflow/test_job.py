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
        self.__dict__.update(items)
    def items(self):
        return self.__dict__.items()
    def get(self, name, default=None):
        return self.__dict__.get(name, default)

snakemake = SimpleNamespace(
    rule="invert_case", input=Named(labels="labels.nii.gz"), output=Named(table="out/table.parquet"),
    params=Named(seed=3, settings={"a": (1, 2)}), wildcards=Named(case="one"), threads=2, resources={"gpu": 0},
    log=["logs/one.log"],
)
from gliofit.workflow import job

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


def run_script(folder: Path, body: str) -> tuple[subprocess.CompletedProcess[str], str]:
    """Run a script whose job does ``body``; its outcome, and its log."""
    return start(folder, body), (folder / "logs/one.log").read_text()


def start(folder: Path, body: str, text: str = SCRIPT) -> subprocess.CompletedProcess[str]:
    script = folder / "script.py"
    (folder / "labels.nii.gz").write_bytes(b"labels")
    script.write_text(text.replace("BODY", "\n".join(f"    {line}" for line in body.splitlines())))
    return subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True, check=False)


def test_everything_goes_to_the_log(tmp_path: Path) -> None:
    result, log = run_script(tmp_path, "pass")
    assert result.returncode == 0, result.stderr
    assert result.stdout + result.stderr == ""
    for text in ("invert_case case=one on 2 thread(s), seed 3", "printed", "warned", "compiled library", "done in"):
        assert text in log
    assert "1 of 4 samples" in log


def test_sidecar_says_how_the_result_was_made(tmp_path: Path) -> None:
    run_script(tmp_path, "pass")
    sidecar = json.loads((tmp_path / "out/table.parquet.json").read_text())
    assert sidecar["rule"] == "invert_case"
    assert sidecar["wildcards"] == {"case": "one"}
    assert sidecar["params"]["settings"] == {"a": [1, 2]}
    assert sidecar["seed"] == 3
    assert sidecar["threads"] == 2
    assert {"python", "gliofit"} <= sidecar["versions"].keys()
    for name, path, content in (("input", "labels.nii.gz", b"labels"), ("output", "out/table.parquet", b"table")):
        assert sidecar[name] == [{"path": path, "sha256": hashlib.sha256(content).hexdigest()}]
    assert sidecar["device"]
    assert sidecar["code"].keys() == {"revision", "dirty", "sources"}


BAD_INPUT = "from gliofit.errors import InputError\nraise InputError('a.nii', 'is bad', 'mend it')"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (BAD_INPUT, 2, "gliofit: error: a.nii: is bad; mend it"),
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
    result = start(tmp_path, "pass")
    assert result.returncode == 2
    assert "gliofit: error: out: the disk is full; make space and run again" in result.stderr
    assert "Traceback" not in result.stderr
    silent = SCRIPT.replace('    print("printed")\n', "").replace('    warnings.warn("warned")\n', "")
    result = start(tmp_path, BAD_INPUT, silent)
    assert result.returncode == 2
    assert "gliofit: error: a.nii: is bad; mend it" in result.stderr


def test_an_error_of_several_lines_is_told_in_one(tmp_path: Path) -> None:
    _, log = run_script(tmp_path, BAD_INPUT.replace("is bad", "is bad\\n  and worse"))
    assert "gliofit: error: a.nii: is bad and worse; mend it\n" in log
