"""Help as a person reads it: groups, 80 columns, and examples that are true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from gliofit import cli
from gliofit.cli.app import EXAMPLES

from .conftest import run

REPOSITORY = Path(__file__).resolve().parents[3]
GROUP = typer.main.get_command(cli.app)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(*arguments, "--help") == 0
    return capsys.readouterr().out


def test_commands_are_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys)
    groups = re.findall(r"^╭─ (.+?) ─", text, flags=re.MULTILINE)
    assert groups == ["Options", "Single files", "Runs of the workflow", "About results"]
    assert re.findall(r"^│ (\w+)  ", text, flags=re.MULTILINE) == list(EXAMPLES) == list(GROUP.commands)


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_has_every_option_and_example(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = said(capsys, name)
    assert max(map(len, text.splitlines())) <= 80
    options = {option for param in GROUP.commands[name].params for option in param.opts if option.startswith("--")}
    assert options <= set(re.findall(r"--[a-z0-9-]+", text))
    shown = [line.strip() for line in text.splitlines()]
    assert {line.strip() for example in EXAMPLES[name] for line in example.splitlines()} <= set(shown)


@pytest.mark.parametrize(("name", "example"), [(name, text) for name, texts in EXAMPLES.items() for text in texts])
def test_examples_are_commands(name: str, example: str) -> None:
    program, first, *arguments = shlex.split(example.replace("\\\n", " "))
    assert (program, first) == ("gliofit", name)
    # Refuses what the command does not know, and values that it cannot take.
    GROUP.commands[name].make_context(name, arguments)
    for path in re.findall(r"config/\w+\.yaml", example):
        assert (REPOSITORY / path).is_file()


def test_the_reference_has_every_command_option_and_example() -> None:
    text = (REPOSITORY / "docs/cli.md").read_text()
    parts = dict(re.findall(r"^### gliofit (\w+)\n(.*?)(?=^##|\Z)", text, flags=re.MULTILINE | re.DOTALL))
    assert list(parts) == list(EXAMPLES)
    for name, part in parts.items():
        options = {
            max(param.opts, key=len) for param in GROUP.commands[name].params if param.param_type_name == "option"
        }
        listed = set(re.findall(r"^\| `(--[a-z0-9-]+)", part, flags=re.MULTILINE))
        assert listed == options, name
        for param in GROUP.commands[name].params:
            assert param.help in part
        for example in EXAMPLES[name]:
            assert example in part
