"""SHA-256 of files, computed once for each large file of a run.

Imports no numerical library, because jobs compute digests of their inputs before these are loaded.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

#: Size from which a digest is cached; hashing a smaller file takes less time than reading the cache on a cluster.
LARGE_BYTES = 8 * 2**20


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_in_run(path: str | Path, run: Path) -> str:
    """Return the SHA-256 of a file that a job reads; the digest of a large file of the run is cached.

    The cache is one file per digest in ``logs/digests`` of the run, valid while size and time stamp of the file are
    unchanged. Snakemake touches outputs after their job, so a digest computed by that job itself would be invalid.
    Digests of files outside the run's folder, ``results/{run}``, are not cached.
    """
    path = Path(path)
    status = path.stat()
    if status.st_size < LARGE_BYTES or not path.is_relative_to(run):
        return sha256_of(path)
    cache = run / "logs/digests" / f"{path.relative_to(run)}.json"
    key = {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns}
    try:
        content = json.loads(cache.read_text())
    except FileNotFoundError:
        content = {}
    if {name: content.get(name) for name in key} == key:
        return str(content["sha256"])
    digest = sha256_of(path)
    from gliofit.core.io import write_json

    write_json(cache, key | {"sha256": digest})
    return digest
