"""The checkout that holds the workflow, and Snakemake called on it.

The workflow's files (``Snakefile``, ``workflow``, ``config``, ``profiles``) are no part of the installed package: an
editable installation leaves them beside it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from gliofit.core.children import safe_children
from gliofit.core.errors import InputError

__all__ = ["call_snakemake", "find_checkout", "require_checkout", "run_workflow", "targets_of"]


def find_checkout() -> Path | None:
    """Folder of the checkout that this package is installed from; None where it was installed by itself."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "Snakefile").is_file() and (root / "src/gliofit").is_dir() else None


def require_checkout() -> Path:
    """The checkout, with a Snakemake to run it.

    Raises
    ------
    InputError
        If there is no checkout beside the package, or Snakemake is not installed.
    """
    root = find_checkout()
    if root is None:
        raise InputError(
            "workflow", "the installed package holds no workflow",
            "clone the repository and install it there: make venv",
        )  # fmt: skip
    if find_spec("snakemake") is None:
        raise InputError(
            "workflow", "Snakemake is not installed beside gliofit",
            f"pip install -e '{root}[workflow]', or run make venv in {root}",
        )  # fmt: skip
    return root


def targets_of(root: Path) -> list[str]:
    """Targets that collect the results of a stage, of ``workflow/rules/collect.smk``."""
    text = (root / "workflow/rules/collect.smk").read_text()
    return re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)


def call_snakemake(root: Path, folder: Path, arguments: Sequence[str]) -> int:
    """Call Snakemake with the checkout's workflow in a working folder, and wait; returns its exit code."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--directory", str(folder), "--workflow-profile", str(root / "profiles/default")]
    with safe_children(), subprocess.Popen([*command, *arguments]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal sends it to Snakemake as well, which ends its jobs first.
                continue


def run_workflow(root: Path, folder: Path, arguments: Sequence[str], report: Path | None) -> int:
    """Run the workflow, then Snakemake's report if one is named; the first exit code that is not zero, or zero."""
    code = call_snakemake(root, folder, arguments)
    if code != 0 or report is None:
        return code
    return call_snakemake(root, folder, [*arguments, "--report", str(report), "--quiet"])
