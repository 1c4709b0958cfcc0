"""Which code made a result: the clone's commit, and a digest of the package's own files."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

__all__ = ["REVISION_VARIABLE", "UNKNOWN", "find_revision", "remember_revision", "source_digest"]

#: Environment variable with the revision, for the jobs of a run, so that not every one of them asks git.
REVISION_VARIABLE = "GLIOFIT_REVISION"

#: Revision of a package that is not in a clone.
UNKNOWN = "unknown"

_PACKAGE = Path(__file__).resolve().parents[1]

#: What a clone's results depend on, relative to its root; changed documentation does not make a clone dirty.
_CODE = ("src", "workflow", "Snakefile")


def find_revision(package: Path = _PACKAGE) -> str:
    """Commit of the clone that a package lies in, with ``-dirty`` if its code has changes that are not committed.

    Parameters
    ----------
    package
        Folder of the package, ``src/gliofit`` in a clone.

    Returns
    -------
    Forty hexadecimal digits, perhaps with ``-dirty``; ``unknown`` where the package is installed outside a clone, or
    git is missing or refuses.
    """
    # An installed copy may lie below somebody else's clone, in a virtual environment that git ignores.
    if _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return UNKNOWN
    commit = _git(package, "rev-parse", "HEAD")
    if commit is None:
        return UNKNOWN
    changes = _git(package.parents[1], "status", "--porcelain", "--", *_CODE)
    return f"{commit}-dirty" if changes else commit


def remember_revision() -> str:
    """Revision of the run: found once, and left in the environment for the jobs that this process starts."""
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
    """What git says, or None where it fails or is not there."""
    try:
        # Looking must not lock the index of somebody who is committing.
        command = ["git", "--no-optional-locks", "-C", str(folder), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return result.stdout.strip() if result.returncode == 0 else None
