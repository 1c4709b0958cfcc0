"""What can be said of the workflow's files without running it."""

from __future__ import annotations

import re
import shlex
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from tools.generate import ENVIRONMENTS

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
RULE_FILES = sorted((REPOSITORY / "workflow/rules").glob("*.smk"))


#: Rules that share a script.
SHARED_SCRIPTS = {"coarsen_atlas": "coarsen_tissue", "assess_tissue": "coarsen_tissue"}


def rules_with_scripts() -> dict[str, str]:
    """Text of every rule that runs a script, by the rule's name."""
    text = "\n".join(path.read_text() for path in RULE_FILES)
    # Rules of batches are made in loops over `BATCHES.of[kind]`.
    parts = re.split(r"^(?:rule (\w+):|for batch in BATCHES\.of\[\"(\w+)\"\]:)\n", text, flags=re.MULTILINE)
    names = (one or other for one, other in zip(parts[1::3], parts[2::3], strict=True))
    return {name: body for name, body in zip(names, parts[3::3], strict=True) if "script:" in body}


@pytest.mark.parametrize("name", rules_with_scripts())
def test_rule_is_complete(name: str) -> None:
    body = rules_with_scripts()[name]
    for directive in ("input:", "output:", "log:", "benchmark:", "conda:", "params:"):
        assert directive in body, f"{name} has no {directive}"
    # Memory and time follow from the job's work.
    assert f'**needs("{name}")' in body or "**needs_of_batch(batch)" in body
    assert "stage_version=STAGE_VERSIONS[" in body
    (script,) = re.findall(r"\.\./scripts/(\w+)\.py", body)
    assert script == SHARED_SCRIPTS.get(name, name), "a script has its rule's name"


def test_make_brats_checks_the_patients_and_runs_what_can_be_used() -> None:
    command = ["make", "--dry-run", "--old-file", ".venv/.ready", "brats", "PATIENTS=/data/my, patients", "SAMPLE=25"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    lines = [shlex.split(line) for line in done.stdout.replace("\\\n", " ").splitlines()]
    (check,) = [line for line in lines if line[0].endswith("gliofit")]
    arguments = ["check", "--patients", "/data/my, patients", "--out", "results/brats/cohort.tsv"]
    assert check[1 : check.index("||")] == arguments
    runs = [line for line in lines if line[0].endswith("snakemake")]
    settings = 'patients={"source": "results/brats/cohort.tsv", "sample": 25}'
    assert [run[run.index("--config") + 1] for run in runs] == [settings] * 2
    assert all(run[run.index("--configfile") + 1] == "config/brats.yaml" for run in runs)
    assert yaml.safe_load((REPOSITORY / "profiles/default/profile.yaml").read_text())["keep-going"]


def test_rules_and_scripts_do_not_make_up_paths() -> None:
    for path in RULE_FILES:
        assert not re.search(r"[\"']<?results>?/", path.read_text()), path.name
    for path in (REPOSITORY / "workflow/scripts").glob("*.py"):
        assert not re.search(r"input[^\n]*\.parent", path.read_text()), path.name


# ---------------------------------------------------------------------------------------------------------- profiles


def profile(name: str) -> dict[str, object]:
    return yaml.safe_load((REPOSITORY / "profiles" / name / "profile.yaml").read_text())


@pytest.mark.parametrize("name", ["workstation", "slurm"])
def test_profiles_share_no_key_with_the_default_one(name: str) -> None:
    # Snakemake lets the default profile win, key by key; a shared key would be without effect.
    assert not profile("default").keys() & profile(name).keys()


def test_slurm_profile_has_no_key_that_the_plugin_does_not_know() -> None:
    from snakemake_executor_plugin_slurm import ExecutorSettings

    known = {f"slurm-{field.name.replace('_', '-')}" for field in fields(ExecutorSettings)}
    text = (REPOSITORY / "profiles/slurm/profile.yaml").read_text()
    used = set(re.findall(r"^(?:# )?(slurm-[a-z-]+):", text, flags=re.MULTILINE))
    assert len(used) > 5
    assert used <= known


def test_partitions_are_read_by_the_plugin() -> None:
    from snakemake_executor_plugin_slurm.partitions import read_partition_file

    path = REPOSITORY / "profiles/slurm/partitions.yaml"
    limits = {partition.name: partition.limits for partition in read_partition_file(path)}
    assert limits["cpu"].max_gpu == 0 < limits["gpu"].max_gpu


# ------------------------------------------------------------------------------------------------------ environments


def test_environments_hold_what_the_project_depends_on() -> None:
    needed = {re.split(r"[<>=\[]", item)[0].lower() for item in PROJECT["dependencies"]}
    held = {name.lower() for names in ENVIRONMENTS.values() for name in names}
    # The command line and its looks are no part of any rule.
    assert held == needed - {"typer", "rich"}


def test_constraints_meet_the_ranges() -> None:
    from packaging.requirements import Requirement
    from packaging.version import Version

    lines = (REPOSITORY / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if "==" in line)
    extras = (item for items in PROJECT["optional-dependencies"].values() for item in items)
    for text in [*PROJECT["dependencies"], *extras]:
        requirement = Requirement(text)
        name = requirement.name.lower()
        assert name in pins, f"{name} has no pin"
        assert requirement.specifier.contains(Version(pins[name])), f"{text} is pinned to {pins[name]}"


def test_rules_name_an_environment_that_exists() -> None:
    used = {match for body in rules_with_scripts().values() for match in re.findall(r"envs/(\w+)\.yaml", body)}
    # Inversions say by themselves what they need.
    assert used <= ENVIRONMENTS.keys() <= used | {"torch", "torch_register"}
