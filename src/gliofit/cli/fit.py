"""``gliofit fit``: estimate the parameters of one tumour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli import machine
from gliofit.cli.complete import complete_labels
from gliofit.cli.options import (
    HOW,
    OBSERVED,
    GreyOption,
    GrowthModelOption,
    JsonOption,
    MethodOption,
    OutFolderOption,
    RandomSeedOption,
    ThreadsOption,
    TissueOption,
    WhiteOption,
    estimate_text,
    read_tissue,
)
from gliofit.cli.result import print_warnings, say
from gliofit.core.output import FIT_FILES, claim_folder, files_in
from gliofit.core.progress import show_progress

EXAMPLES = (
    "gliofit fit --tissue registered/labels.nii.gz --seg seg.nii.gz \\\n    --labels brats2021 --out fit/",
    "gliofit fit --tissue labels.nii.gz --concentration c.nii.gz \\\n    --profile --out fit/",
    "gliofit fit --tissue labels.nii.gz --concentration c.nii.gz \\\n    --method hybrid --out fit/ --json",
    "gliofit fit --tissue labels.nii.gz --concentration c.nii.gz \\\n"
    "    --growth-model fisher-kolmogorov-grey --out fit/",
)


def fit(
    out: OutFolderOption,
    tissue: TissueOption = None,
    wm: WhiteOption = None,
    gm: GreyOption = None,
    concentration: Annotated[
        Path | None, typer.Option(help="Observed tumour-cell concentration.", rich_help_panel=OBSERVED)
    ] = None,
    seg: Annotated[
        Path | None, typer.Option(help="Observed segmentation; requires --labels.", rich_help_panel=OBSERVED)
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(
            help="Label scheme of --seg, such as brats2021; docs/register.md lists them.",
            autocompletion=complete_labels,
            rich_help_panel=OBSERVED,
        ),
    ] = None,
    method: MethodOption = "gauss-newton",
    growth_model: GrowthModelOption = None,
    models: Annotated[
        Path | None, typer.Option(help="Folder of trained networks.", show_default="shipped", rich_help_panel=HOW)
    ] = None,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile",
            help="Intervals by profile likelihood, without a quadratic approximation; slow.",
            rich_help_panel=HOW,
        ),
    ] = False,
    threads: ThreadsOption = None,
    random_seed: RandomSeedOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Estimate origin and growth parameters of one tumour from a concentration or a segmentation."""
    granted = machine.set_threads(threads)
    inputs = (tissue, wm, gm, concentration, seg)
    with (
        print_warnings() as warnings,
        show_progress("gliofit fit") as progress,
        claim_folder(out, FIT_FILES, inputs),
    ):
        progress("reading")
        from gliofit.pipeline.fit import fit_files

        row = fit_files(
            read_tissue(tissue, wm, gm, warnings=warnings, isotropic=True),
            method=method,
            out_dir=out,
            concentration=concentration,
            segmentation=seg,
            label_scheme=labels,
            models=models,
            growth_model=growth_model,
            seed=random_seed,
            threads=granted,
            profile=profile,
            progress=progress,
            warnings=warnings,
        )
    lines = [f"{out}: {estimate_text(row)}, loss {row['loss']:.3g}, {row['status']}, {row['wall_seconds']:.1f} s"]
    if row["message"]:
        lines.append(f"notes: {row['message']}")
    say(as_json, {"folder": out, "files": files_in(out, FIT_FILES), "parameters": row}, *lines, warnings=warnings)
