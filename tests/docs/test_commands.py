"""Options, settings and configurations that the documents name exist."""

from __future__ import annotations

import re
from copy import deepcopy
from pathlib import Path

import pytest
import typer
import yaml
from snakemake.utils import update_config

from gliofit.cli import app
from gliofit.pipeline.config import Config, load_config
from tools.config_keys import describe_keys

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [REPOSITORY / "README.md", REPOSITORY / "config/README.md", *sorted((REPOSITORY / "docs").glob("**/*.md"))]
IDS = [path.relative_to(REPOSITORY).as_posix() for path in DOCUMENTS]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)

#: Endings that make `study.md` or `atlas.json` the name of a file and not of a setting.
_FILES = re.compile(r"\.(json|md|png|svg|pdf|csv|parquet|smk|py|gz|nii|dcm|tex|html|yaml|yml|tsv|pt|log)\b")


@pytest.mark.parametrize("path", DOCUMENTS, ids=IDS)
def test_commands_have_the_options(path: Path) -> None:
    text = path.read_text("utf-8")
    lines = "\n".join(code.replace("\\\n", " ") for _, code in _FENCE.findall(text)).splitlines()
    lines += re.findall(r"`(gliofit [^`]+)`", _FENCE.sub("", text))
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for name, rest in re.findall(r"^gliofit ([a-z]+)(.*)$", "\n".join(lines), re.MULTILINE):
        command = commands[name]
        known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        # What the command does not know goes on to Snakemake.
        if not command.context_settings.get("ignore_unknown_options"):
            assert set(re.findall(r"(?<!\S)--[a-z][a-z0-9-]*", rest)) <= known | {"--help"}, (name, rest)


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


# What extending.md configures is added by its own test.
@pytest.mark.parametrize("path", [path for path in DOCUMENTS if path.name != "extending.md"])
def test_configurations_in_the_text_are_valid(path: Path) -> None:
    # On top of a real configuration, since a part may name methods and networks of the rest.
    base = yaml.safe_load((REPOSITORY / "config/brats.yaml").read_text())
    for kind, code in _FENCE.findall(path.read_text("utf-8")):
        if kind == "yaml":
            settings = deepcopy(base)
            update_config(settings, yaml.safe_load(code))
            load_config(settings)
