"""Results of finished units of unfinished jobs.

Snakemake deletes the outputs of a job that fails, is interrupted or starts again. To avoid the loss of hours, files of
finished units are hard-linked elsewhere in the run, from where the next attempt restores them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gliofit.core.digests import sha256_of


class Unfinished:
    """Finished units of an unfinished job, in ``.unfinished/{job}`` of the run.

    Parameters
    ----------
    run
        Folder of the run, ``results/{run}``.
    job
        Name of the job, the same in every attempt.
    """

    def __init__(self, run: Path, job: str) -> None:
        self.run = run
        self.folder = run / ".unfinished" / job

    def keep(self, outputs: Sequence[str]) -> None:
        """Store the files of a unit; its sidecar, which Snakemake does not delete, stays in place."""
        for path in outputs:
            kept = self._kept(path)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.unlink(missing_ok=True)
            _link(Path(path), kept)

    def restore(self, outputs: Sequence[str], facts: dict[str, Any]) -> bool:
        """Restore the files of a unit, if they are undamaged and have the same inputs and settings.

        Parameters
        ----------
        outputs
            Files of the unit; the first names the sidecar.
        facts
            Required values of keys of the sidecar.

        Returns
        -------
        Whether the files were restored.
        """
        sidecar = Path(f"{outputs[0]}.json")
        if not sidecar.is_file():
            return False
        from gliofit.core.io import read_json

        record = read_json(sidecar)
        if any(record[key] != value for key, value in facts.items()):
            return False
        for item in record["output"]:
            kept = self._kept(item["path"])
            if not kept.is_file() or sha256_of(kept) != item["sha256"]:
                return False
        for path in outputs:
            Path(path).unlink(missing_ok=True)
            _link(self._kept(path), Path(path))
            # Results must be newer than their inputs.
            os.utime(path)
        return True

    def remove(self) -> None:
        """Delete all stored files, after the last unit."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kept(self, path: str) -> Path:
        return self.folder / Path(path).relative_to(self.run)


def _link(file: Path, name: Path) -> None:
    """Create a hard link, or a copy if links are not supported."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)
