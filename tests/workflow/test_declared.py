"""Jobs read only what their rules declare; the workflow's own test (tests/e2e) runs with this check."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gliofit.pipeline.declared import VARIABLE, only_declared


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Stand-in for a job with one input and one output; ``b`` is an undeclared file of its run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "yes")
    run = Path("results/one")
    (run / "logs").mkdir(parents=True)
    for name in ("a", "b", "b.json", "logs/b"):
        (run / name).write_text(name)
    return SimpleNamespace(run_folder=run, input=[str(run / "a")], output=[str(run / "c")])


def test_an_undeclared_file_is_an_error_if_the_check_is_on(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RuntimeError, match=r"results/one/b$"), only_declared(job):
        (job.run_folder / "b").read_text()
    monkeypatch.delenv(VARIABLE)
    with only_declared(job):
        (job.run_folder / "b").read_text()


def test_other_files_are_allowed(job: Any, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    with only_declared(job):
        (job.run_folder / "d").write_text("written by the job")
        for name in ("a", "b.json", "logs/b", "d"):
            (job.run_folder / name).read_text()
        (tmp_path / "elsewhere").read_text()
