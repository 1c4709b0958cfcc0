"""``gliofit fit``: estimate the parameters of one tumour."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from gliofit.cli import machine, options
from gliofit.cli.options import HOW, OBSERVED, estimate_text, option, read_tissue
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
    out: options.OutFolderOption,
    tissue: options.TissueOption = None,
    wm: options.WhiteOption = None,
    gm: options.GreyOption = None,
    concentration: Annotated[Path | None, option(OBSERVED, "Observed tumour-cell concentration.")] = None,
    seg: Annotated[Path | None, option(OBSERVED, "Observed segmentation; requires --labels.")] = None,
    labels: Annotated[str | None, options.LABELS] = None,
    method: options.MethodOption = "gauss-newton",
    growth_model: options.GrowthModelOption = None,
    models: Annotated[Path | None, option(HOW, "Folder of trained networks.", show_default="shipped")] = None,
    profile: Annotated[
        bool, option(HOW, "Intervals by profile likelihood, without a quadratic approximation; slow.", "--profile")
    ] = False,
    threads: options.ThreadsOption = None,
    random_seed: options.RandomSeedOption = 0,
    as_json: options.JsonOption = False,
) -> None:
    """Estimate origin and growth parameters of one tumour from a concentration or a segmentation."""
    granted = machine.set_threads(threads)
    inputs = (tissue, wm, gm, concentration, seg)
    with print_warnings() as warnings, show_progress("gliofit fit") as progress, claim_folder(out, FIT_FILES, inputs):
        progress("reading")
        from gliofit.pipeline.fit import fit_files

        row = fit_files(
            read_tissue(tissue, wm, gm, warnings=warnings, isotropic=True), method=method, out_dir=out,
            concentration=concentration, segmentation=seg, label_scheme=labels, models=models,
            growth_model=growth_model, seed=random_seed, threads=granted, profile=profile, progress=progress,
            warnings=warnings,
        )  # fmt: skip
    lines = [f"{out}: {estimate_text(row)}, loss {row['loss']:.3g}, {row['status']}, {row['wall_seconds']:.1f} s"]
    if row["message"]:
        lines.append(f"notes: {row['message']}")
    say(as_json, {"folder": out, "files": files_in(out, FIT_FILES), "parameters": row}, *lines, warnings=warnings)
