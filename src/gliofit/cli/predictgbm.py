"""``gliofit predictgbm``: fit of a patient in PredictGBM's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli import machine
from gliofit.cli.options import JsonOption, MethodOption, RandomSeedOption, ThreadsOption, estimate_text
from gliofit.cli.result import print_warnings, say
from gliofit.core.output import PREDICTGBM_FILES, claim_folder, files_in
from gliofit.core.progress import show_progress

EXAMPLES = ("gliofit predictgbm /mlcube_io0 /mlcube_io1",)

_FOLDERS = "Folders"


def predictgbm(
    folder_in: Annotated[
        Path, typer.Argument(metavar="IN", help="Folder with Patient-00000.", rich_help_panel=_FOLDERS)
    ],
    folder_out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder for 00000.nii.gz.", rich_help_panel=_FOLDERS)
    ],
    method: MethodOption = "gauss-newton",
    threads: ThreadsOption = None,
    random_seed: RandomSeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Fit a patient in PredictGBM's format, and write its result."""
    granted = machine.set_threads(threads)
    with (
        print_warnings() as warnings,
        show_progress("gliofit predictgbm") as progress,
        claim_folder(folder_out, PREDICTGBM_FILES),
    ):
        progress("reading")
        from gliofit.pipeline.predictgbm import run_case

        row = run_case(
            folder_in,
            folder_out,
            method=method,
            seed=random_seed,
            threads=granted,
            progress=progress,
            warnings=warnings,
        )
    (written,) = files = files_in(folder_out, PREDICTGBM_FILES)
    content = {"concentration": written, "files": files, "parameters": row}
    say(as_json, content, f"{written}: {estimate_text(row)}", warnings=warnings)
