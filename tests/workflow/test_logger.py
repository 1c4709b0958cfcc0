"""What a run prints: one line of jobs done and running, failures at once, a summary; or Snakemake's messages."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import REPOSITORY

SNAKEFILE = '''
rule all:
    input: expand("out/{case}.txt", case=["good", "bad", "odd"]), "late.txt"
rule work:
    output: "out/{case}.txt"
    log: "logs/{case}.log"
    params: seconds=config.get("seconds", 0), fail=config.get("fail", "")
    shell:
        """
        sleep {params.seconds}
        case "{params.fail}{wildcards.case}" in
            1bad) printf 'reading\\ngliofit: error: bad.nii: is no image; give an image\\n' >{log}; exit 2;;
            1odd) printf 'line %s\\n' $(seq 0 29) >{log}; exit 1;;
            *) touch {output};;
        esac
        """
rule late:
    input: "out/bad.txt"
    output: touch("late.txt")
'''


COMMAND = (sys.executable, "-m", "snakemake", "--workflow-profile", "none", "--cores", "1")


def call(folder: Path, *arguments: str, logger: bool = True) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(SNAKEFILE)
    command = [*COMMAND, "--keep-going", *(("--logger", "gliofit") if logger else ()), "--nocolor", *arguments]
    return subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False
    )


def test_a_run_that_goes_well_is_told_in_few_lines(tmp_path: Path) -> None:
    done = call(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "5 of 5 jobs done" in done.stdout.splitlines(), done.stdout
    assert "jobid:" not in done.stdout
    assert re.search(r"^total +5$", done.stdout, flags=re.MULTILINE)
    (log,) = (tmp_path / ".snakemake/log").iterdir()
    assert log.read_text().count("jobid:") >= 5


def test_failures_are_told_once_with_their_reason(tmp_path: Path) -> None:
    done = call(tmp_path, "--config", "fail=1")
    assert done.returncode == 1
    output = done.stdout
    assert output.count("FAILED") == 2, output
    lines = output.splitlines()
    bad = lines.index("FAILED work bad")
    assert lines[bad + 1 : bad + 3] == ["  log: logs/bad.log", "gliofit: error: bad.nii: is no image; give an image"]
    odd = lines.index("FAILED work odd")
    assert lines[odd + 2 : odd + 14] == [f"line {number}" for number in range(18, 30)]
    assert "1 of 5 jobs done, 2 failed" in lines, output
    assert "  work bad: logs/bad.log" in lines
    assert "RuleException" not in output
    assert "At least one job did not complete" not in output


@pytest.mark.parametrize(
    "arguments", [["--dry-run"], ["--logger-gliofit-full", "--config", "fail=1"], ["--dry-run", "-q"]]
)
def test_snakemakes_own_words_can_be_had(tmp_path: Path, arguments: list[str]) -> None:
    others = [argument for argument in arguments if argument != "--logger-gliofit-full"]
    expected = call(tmp_path / "a", *others, logger=False)
    result = call(tmp_path / "b", *arguments)
    assert result.returncode == expected.returncode

    def words(text: str) -> Counter[str]:
        """Return the words without times; the order of files and jobs does not matter."""
        lines = (re.sub(r"\S*/(a|b)\b\S*|tmp\w+", "", line) for line in text.splitlines())
        times = re.compile(r"^\[\w+ \w+ +\d+ |Date:|Workflow ID:|Command:")
        return Counter(word for line in lines if not times.search(line) for word in re.findall(r"[A-Za-z_]+", line))

    assert words(result.stdout) == words(expected.stdout)


def test_quiet_is_quiet(tmp_path: Path) -> None:
    assert call(tmp_path, "--quiet", "all").stdout.strip() == ""
    again = call(tmp_path, "--quiet", "progress", "--config", "fail=1", "--forceall")
    assert "FAILED work bad" in again.stdout
    assert "jobs done" not in again.stdout


def test_nothing_to_do_and_wrong_rules_are_said(tmp_path: Path) -> None:
    assert call(tmp_path).returncode == 0
    assert "Nothing to be done" in call(tmp_path).stdout
    wrong = call(tmp_path, "no-such-target")
    assert wrong.returncode == 1
    assert "no-such-target" in wrong.stdout


def test_a_terminal_has_one_line_that_renews(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    ours, theirs = pty.openpty()
    command = [*COMMAND, "--logger", "gliofit", "--config", "seconds=1.2"]
    environment = os.environ | {"TERM": "xterm"}
    process = subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    output = b""
    with suppress(OSError):
        while part := os.read(ours, 65_536):
            output += part
    os.close(ours)
    assert process.wait(60) == 0, output
    text = re.sub(r"\x1b\[[0-9;]*m", "", output.decode())
    shown = re.findall(r"snakemake: jobs, (\d) of 5, 1 running \((?:work|late|all)", text)
    assert len(set(shown)) >= 2, text
    assert text.rstrip().endswith("5 of 5 jobs done")


def test_the_default_profile_chooses_it_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    import yte

    def profile() -> dict[str, object]:
        with (REPOSITORY / "profiles/default/profile.yaml").open() as file:
            return yte.process_yaml(file, require_use_yte=True)

    assert profile()["logger"] == "gliofit"
    assert profile()["keep-going"] is True
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "logger" not in profile()
    assert profile()["keep-going"] is True


def test_the_wheel_holds_it() -> None:
    import tomllib

    packages = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "src/snakemake_logger_plugin_gliofit" in packages["packages"]
