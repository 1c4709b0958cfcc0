"""Results of units that are done while others of their job are not.

Snakemake deletes what a job wrote when it fails, is interrupted or starts again. A job of many cases would lose hours,
so files of finished units get a second name elsewhere in the run, from which the next attempt restores them.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gliofit.core.digests import sha256_of

__all__ = ["Unfinished"]


class Unfinished:
    """What an unfinished job has done so far, in ``.unfinished/{job}`` of the run.

    Parameters
    ----------
    run
        Folder of the run, ``results/{run}``.
    job
        Name that the job has in every attempt.
    """

    def __init__(self, run: Path, job: str) -> None:
        self.run = run
        self.folder = run / ".unfinished" / job

    def keep(self, outputs: Sequence[str]) -> None:
        """Keep the files of a unit; its sidecar, which Snakemake does not know, stays where it is."""
        for path in outputs:
            kept = self._kept(path)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.unlink(missing_ok=True)
            _link(Path(path), kept)

    def restore(self, outputs: Sequence[str], facts: dict[str, Any]) -> bool:
        """Restore the files of a unit, if they are undamaged and were made from the same.

        Parameters
        ----------
        outputs
            Files of the unit, of which the first names the sidecar.
        facts
            What the unit is made from now: keys of the sidecar with the values that they must have.

        Returns
        -------
        Whether the files are there again.
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
            # Results are newer than what they are made from, which may have been made again in the meantime.
            os.utime(path)
        return True

    def remove(self) -> None:
        """Delete everything, after the job's last unit."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _kept(self, path: str) -> Path:
        return self.folder / Path(path).relative_to(self.run)


def _link(file: Path, name: Path) -> None:
    """Give a file a second name, or copy it on disks that have no second names."""
    try:
        os.link(file, name)
    except OSError:
        shutil.copy2(file, name)
