"""What the documents tell people to type exists: commands and their options, targets, settings, Python modules."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from gliofit.cli import app
from gliofit.pipeline.config import Config, describe_keys, load_config

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    REPOSITORY / "README.md",
    REPOSITORY / "config/README.md",
    REPOSITORY / "profiles/README.md",
    *sorted((REPOSITORY / "docs").glob("**/*.md")),
]
IDS = [path.relative_to(REPOSITORY).as_posix() for path in DOCUMENTS]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

#: Endings that make `study.md` or `atlas.json` the name of a file and not of a setting.
_FILES = re.compile(r"\.(json|md|png|svg|pdf|csv|parquet|smk|py|gz|nii|dcm|tex|html|yaml|yml|tsv|pt|log)\b")


def fences(text: str, *kinds: str) -> list[str]:
    return [code for kind, code in _FENCE.findall(text) if kind in kinds]


def commands(path: Path) -> Iterator[list[str]]:
    """Words of every command: lines of blocks, and code within the text that begins with a program's name."""
    text = path.read_text("utf-8")
    lines = [
        line for code in fences(text, "", "sh", "bash", "console") for line in code.replace("\\\n", " ").splitlines()
    ]
    lines += re.findall(r"`((?:gliofit|make|snakemake|python) [^`]+)`", _FENCE.sub("", text))
    for line in lines:
        if re.match(r"(gliofit|make|snakemake|python) ", line):
            try:
                words = shlex.split(line.split(" # ")[0])
            except ValueError:
                words = line.split()
            yield words


@cache
def snakemake_options() -> set[str]:
    return set(pytest.importorskip("snakemake.cli").get_argument_parser()._option_string_actions)


@cache
def rules() -> set[str]:
    files = [REPOSITORY / "Snakefile", *(REPOSITORY / "workflow/rules").glob("*.smk")]
    return {name for path in files for name in re.findall(r"^\s*(?:local)?rule (\w+):", path.read_text(), re.MULTILINE)}


def wrong(words: list[str]) -> str | None:
    """What is wrong with a command, None if nothing is."""
    program, *given = words
    options = [word.partition("=")[0] for word in given if re.match(r"--?[a-z]", word)]
    if program == "gliofit":
        group = typer.main.get_command(app)
        own = {name for parameter in group.params for name in parameter.opts} | {"--help"}
        if given == ["COMMAND", "--help"]:
            return None
        if given and given[0].startswith("-"):
            return None if given[0] in own else f"no option {given[0]}"
        command = group.commands.get(given[0]) if given else None  # type: ignore[attr-defined]
        if command is None:
            return f"no command {given[:1]}"
        names = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
        if command.context_settings.get("ignore_unknown_options"):
            # What the command does not know goes on to Snakemake.
            names |= snakemake_options()
        return next((f"no option {option}" for option in options if option not in names | {"--help"}), None)
    if program == "make":
        text = (REPOSITORY / "Makefile").read_text()
        for word in (word for word in given if not word.startswith("-")):
            variable, is_variable, _ = word.partition("=")
            if is_variable and not re.search(rf"\b{variable}\b", text):
                return f"no variable {variable}"
            if not is_variable and not re.search(rf"^{re.escape(word)}:", text, re.MULTILINE):
                return f"no target {word}"
        return None
    if program == "snakemake":
        for option in options:
            if option not in snakemake_options():
                return f"no option {option}"
        targets = [word for word in given if re.fullmatch(r"[a-z]+(_[a-z0-9]+)*", word)]
        values = {"all", *(following for before, following in pairwise(given) if before[0] == "-")}
        return next((f"no rule {target}" for target in targets if target not in rules() | values), None)
    if given[:1] == ["-m"]:
        found = importlib.util.find_spec(given[1]) or (REPOSITORY / (given[1].replace(".", "/") + ".py")).is_file()
        return None if found else f"no module {given[1]}"
    return None if (REPOSITORY / given[0]).is_file() else f"no file {given[0]}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_commands_exist(path: Path) -> None:
    assert not [f"{' '.join(words)}: {wrong(words)}" for words in commands(path) if wrong(words)]


def test_the_documents_hold_commands_of_every_kind() -> None:
    everything = [words for path in DOCUMENTS for words in commands(path)]
    assert len(everything) > 80
    assert {words[0] for words in everything} == {"gliofit", "make", "snakemake", "python"}
    assert {words[1] for words in everything if words[0] == "gliofit"} >= {"solve", "register", "fit", "plan", "check"}


@pytest.mark.parametrize(
    "line",
    [
        "gliofit fti --tissue x",
        "gliofit fit --tisue x",
        "make dmo",
        "make brats PATIENT=x",
        "snakemake --core 1",
        "snakemake --cores 1 patient_pags",
        "python benchmarks/slover.py",
        "python -m gliofit.trian",
    ],
)
def test_what_does_not_exist_is_noticed(line: str) -> None:
    assert wrong(line.split())


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_settings_in_the_text_exist(path: Path) -> None:
    known = {re.sub(r"<[^>]*>\.", "", key) for key, *_ in describe_keys()}
    sections = "|".join(Config.model_fields)
    text = _FENCE.sub("", path.read_text("utf-8"))
    text = re.sub(r"<!-- keys.*?<!-- end of keys -->", "", text, flags=re.DOTALL)
    named = re.findall(rf"`((?:{sections})\.[a-z0-9_]+(?:\.[a-z0-9_]+)*)", text)
    # Below a name that is free, such as a method's, anything may follow.
    free = ("invert.methods.", "train.models.", "evaluate.test_against.", "cases_per_job.methods.")
    assert not [key for key in named if key not in known and not _FILES.search(key) and not key.startswith(free)]


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = dict(one)
    for key, value in other.items():
        both[key] = merged(both[key], value) if isinstance(both.get(key), dict) else value
    return both


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_configurations_in_the_text_are_valid(path: Path) -> None:
    if path.name == "extending.md":
        pytest.skip("names a method that its own test adds")
    if path.parent.name == "profiles":
        pytest.skip("profiles are Snakemake's")
    for code in fences(path.read_text("utf-8"), "yaml"):
        # On top of a real configuration, since a part may name methods and networks of the rest.
        load_config(merged(yaml.safe_load((REPOSITORY / "config/brats.yaml").read_text()), yaml.safe_load(code)))
