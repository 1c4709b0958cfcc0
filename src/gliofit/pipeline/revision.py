"""Revision of the code: commit of the clone, and digest of the package's files."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

#: Environment variable with the revision, so that jobs do not call git.
REVISION_VARIABLE = "GLIOFIT_REVISION"

#: Revision of a package outside a clone.
UNKNOWN = "unknown"

_PACKAGE = Path(__file__).resolve().parents[1]

#: Paths in a clone that affect results; changed documentation does not make a clone dirty.
_CODE = ("src", "workflow", "Snakefile")


def find_revision(package: Path = _PACKAGE) -> str:
    """Return the commit of the clone of a package, with ``-dirty`` for uncommitted changes of its code.

    Returns
    -------
    Forty hexadecimal digits, perhaps with ``-dirty``; ``unknown`` outside a clone, or if git is missing or fails.
    """
    # An installed copy may be in a virtual environment inside an unrelated clone.
    is_tracked = _git(package, "ls-files", "--error-unmatch", "__init__.py") is not None
    commit = _git(package, "rev-parse", "HEAD") if is_tracked else None
    if commit is None:
        return UNKNOWN
    changes = _git(package.parents[1], "status", "--porcelain", "--", *_CODE)
    return f"{commit}-dirty" if changes else commit


def remember_revision() -> str:
    """Store the revision in the environment for the jobs of this process."""
    if REVISION_VARIABLE not in os.environ:
        os.environ[REVISION_VARIABLE] = find_revision()
    return os.environ[REVISION_VARIABLE]


def source_digest(package: Path = _PACKAGE) -> str:
    """Return the SHA-256 of all Python files of a package with their names: other for any change, committed or not."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def _git(folder: Path, *arguments: str) -> str | None:
    """Return the output of git, or None if it fails or is missing."""
    # Do not lock the index.
    command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None
