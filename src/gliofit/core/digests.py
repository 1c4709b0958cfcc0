"""SHA-256 of files, each large file of a run read once however many jobs use it.

Imports nothing heavy, because jobs take digests of their inputs before numerical libraries are loaded.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

__all__ = ["LARGE_BYTES", "digest_in_run", "sha256_of"]

#: Size from which a digest is kept. Smaller files are hashed in less time than a kept digest is looked up on a cluster.
LARGE_BYTES = 8 * 2**20


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_in_run(path: str | Path, run: Path) -> str:
    """SHA-256 of a file that a job reads; of large files of the run itself it is kept for the other jobs.

    Kept digests lie in ``logs/digests`` of the run, a file for each, and hold as long as size and time stamp of the
    file do: Snakemake touches outputs after their job, so what the job itself found does not. Jobs that need the same
    digest at the same time both compute it and write the same.

    Parameters
    ----------
    path
        The file.
    run
        Folder of the run, ``results/{run}``. Nothing is kept of files outside it, which few jobs read.
    """
    path = Path(path)
    state = path.stat()
    if state.st_size < LARGE_BYTES or not path.is_relative_to(run):
        return sha256_of(path)
    kept = run / "logs/digests" / f"{path.relative_to(run)}.json"
    key = {"bytes": state.st_size, "mtime_ns": state.st_mtime_ns}
    try:
        content = json.loads(kept.read_text())
    except FileNotFoundError:
        content = {}
    if {name: content.get(name) for name in key} == key:
        return content["sha256"]
    digest = sha256_of(path)
    from gliofit.core.io import write_json

    write_json(kept, key | {"sha256": digest})
    return digest
