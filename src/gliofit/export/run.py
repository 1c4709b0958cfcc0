"""Export of the results of a run."""

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
    """Write patients' results of ``results/{run}`` to a new or empty folder, completely or not at all.

    Parameters
    ----------
    layout
        ``bids``: BIDS derivatives; ``plain``: a folder per patient.
    cases, methods
        Names to export; None: all.
    images
        Whether to copy the patients' MRI from where the run read it.
    progress
        Called after every patient.

    Returns
    -------
    Number of patients written.

    Raises
    ------
    InputError
        If the run has no results to export, or the folder cannot be written.
    """
    results = find_results(run, cases, methods)
    check_out_folder(out)
    if out.is_dir() and any(not path.name.startswith(TEMPORARY_PREFIX) for path in out.iterdir()):
        hint = "choose a new folder, so that results are not mixed with older files"
        raise InputError(out, "is not empty", hint, "output-not-empty")
    with output_folder(out) as temporary:
        write = write_bids if layout == "bids" else write_plain
        write(results, temporary, images, progress)
    return len(results)
