"""Checkout with the workflow, and calls of Snakemake.

The workflow's files (``Snakefile``, ``workflow``, ``config``, ``profiles``) are not part of the installed package; an
editable installation keeps them next to it.
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


def find_checkout() -> Path | None:
    """Return the checkout of an editable installation, or None."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "Snakefile").is_file() and (root / "src/gliofit").is_dir() else None


def require_checkout() -> Path:
    """Return the checkout; InputError if there is none, or if Snakemake is not installed."""
    root = find_checkout()
    if root is None:
        hint = "clone the repository and install it there: make venv"
        raise InputError("workflow", "the installed package does not contain the workflow", hint)
    if find_spec("snakemake") is None:
        hint = f"pip install -e '{root}[workflow]', or run make venv in {root}"
        raise InputError("workflow", "Snakemake is not installed", hint)
    return root


def targets_of(root: Path) -> list[str]:
    """Return the targets of ``workflow/rules/collect.smk``."""
    text = (root / "workflow/rules/collect.smk").read_text()
    return re.findall(r"^rule (\w+):", text, flags=re.MULTILINE)


def call_snakemake(root: Path, folder: Path, arguments: Sequence[str]) -> int:
    """Run Snakemake with the checkout's workflow in a working directory; return its exit code."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile")]
    command += ["--directory", str(folder), "--workflow-profile", str(root / "profiles/default")]
    with safe_children(), subprocess.Popen([*command, *arguments]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The terminal also sends the signal to Snakemake, which ends its jobs first.
                continue
