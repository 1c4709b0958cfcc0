"""``gliofit predictgbm``: fit of a patient in PredictGBM's format."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gliofit.cli import machine
from gliofit.cli.options import JsonOption, MethodOption, RandomSeedOption, ThreadsOption, argument, estimate_text
from gliofit.cli.result import print_warnings, say
from gliofit.core.output import PREDICTGBM_FILES, claim_folder, files_in
from gliofit.core.progress import show_progress

EXAMPLES = ("gliofit predictgbm /mlcube_io0 /mlcube_io1",)


def predictgbm(
    folder_in: Annotated[Path, argument("Folders", "IN", "Folder with Patient-00000.")],
    folder_out: Annotated[Path, argument("Folders", "OUT", "Folder for 00000.nii.gz.")],
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
            folder_in, folder_out, method=method, seed=random_seed, threads=granted, progress=progress,
            warnings=warnings,
        )  # fmt: skip
    (written,) = files = files_in(folder_out, PREDICTGBM_FILES)
    content = {"concentration": written, "files": files, "parameters": row}
    say(as_json, content, f"{written}: {estimate_text(row)}", warnings=warnings)
