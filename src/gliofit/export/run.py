"""Hand on the results of a run in a layout that other programs know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from gliofit.core.errors import InputError
from gliofit.core.io import TEMPORARY_PREFIX
from gliofit.core.output import check_out_folder, output_folder
from gliofit.core.progress import OnProgress, no_progress
from gliofit.export.bids import write_bids
from gliofit.export.plain import write_plain
from gliofit.export.results import find_results

__all__ = ["Layout", "export_run"]

Layout = Literal["bids", "plain"]


def export_run(
    run: Path,
    out: Path,
    layout: Layout = "bids",
    *,
    cases: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    images: bool = False,
    progress: OnProgress = no_progress,
) -> int:
    """Write patients' results into a new folder: all of it or nothing.

    Parameters
    ----------
    run, out
        Folder of the run, ``results/{run}``, and folder to write, which must not exist or be empty.
    layout
        ``bids``: BIDS derivatives; ``plain``: a folder per patient.
    cases, methods
        Names to export; None: all.
    images
        Whether to copy the patients' own MRI as far as it is known and still where the run read it.
    progress
        Called for every patient.

    Returns
    -------
    Number of patients written.

    Raises
    ------
    InputError
        If the run has nothing to hand on, or the folder cannot be written.
    """
    results = find_results(run, cases, methods)
    check_out_folder(out)
    if out.is_dir() and any(not path.name.startswith(TEMPORARY_PREFIX) for path in out.iterdir()):
        raise InputError(
            out, "is not empty", "name a new folder, so that nothing in it is mixed up with older files",
            "output-not-empty",
        )  # fmt: skip
    with output_folder(out) as temporary:
        write = write_bids if layout == "bids" else write_plain
        write(results, temporary, images, progress)
    return len(results)
