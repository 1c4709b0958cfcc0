"""``gliofit run`` and ``gliofit demo``: Snakemake on the checkout's workflow, or a clear word why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gliofit.cli import checkout, workflow

from .conftest import run

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_checkout_is_found() -> None:
    assert checkout.find_checkout() == REPOSITORY
    assert checkout.targets_of(REPOSITORY)[:2] == ["atlas_all", "register_all"]


@pytest.mark.parametrize("command", ["demo", "run config/demo.yaml"])
def test_an_installation_without_workflow_says_what_to_do(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkout, "find_checkout", lambda: None)
    assert run(*command.split()) == 2
    assert "clone the repository" in capsys.readouterr().err


def test_options_that_are_not_ours_go_to_snakemake(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = REPOSITORY / "tests/e2e/smoke.yaml"
    options = ("--folder", tmp_path, "--cores", 1, "--dry-run", "--quiet", "rules", "--config", "run=other")
    assert run("run", config, "atlas_all", *options) == 0
    captured = capfd.readouterr()
    assert "prepare_atlas" in captured.out
    assert "Look at" not in captured.out
    assert not (tmp_path / "results").exists()


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What Snakemake would be called with; it leaves a report."""
    calls: list[list[str]] = []

    def call(root: Path, folder: Path, arguments: list[str]) -> int:
        calls.append(list(arguments))
        report = folder / "results/demo/publish/report.html"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text("report")
        return 0

    monkeypatch.setattr(checkout, "call_snakemake", call)
    return calls


def test_the_demo_ends_with_where_to_look(
    called: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(workflow.webbrowser, "open", lambda address: bool(opened.append(address)) or True)
    assert run("demo", "--folder", tmp_path, "--cores", 2, "--open") == 0
    first, second = called
    assert first == ["--configfile", str(REPOSITORY / "config/demo.yaml"), "--cores", "2"]
    assert second[: len(first)] == first
    assert "results/demo/publish/workflow-report.html" in second
    report = tmp_path / "results/demo/publish/report.html"
    assert capsys.readouterr().out.splitlines() == ["Look at", f"  {report}  (report on one page)"]
    assert opened == [report.as_uri()]


@pytest.mark.parametrize(
    ("arguments", "reports", "cores"),
    [
        ("--dry-run", False, True),
        ("register_all", False, True),
        ("--config run=demo", True, True),
        ("--profile profiles/slurm", True, False),
    ],
)
def test_reports_and_cores(arguments: str, reports: bool, cores: bool, called: list[list[str]], tmp_path: Path) -> None:
    assert run("run", "config/demo.yaml", *arguments.split(), "--folder", tmp_path) == 0
    assert ("--report" in called[-1]) is reports
    assert ("--cores" in called[0]) is cores
    assert called[0][: len(arguments.split())] == arguments.split()


def test_a_run_named_on_the_command_line_has_its_report_there(called: list[list[str]], tmp_path: Path) -> None:
    assert run("run", "config/demo.yaml", "--config", "run=other", "--folder", tmp_path) == 0
    assert "results/other/publish/workflow-report.html" in called[-1]
