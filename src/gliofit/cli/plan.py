"""``gliofit plan``: target volumes by margin and by tumour cells."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from gliofit.cli import machine, options
from gliofit.cli.options import BRAIN, OBSERVED, RESULT, option
from gliofit.cli.result import print_warnings, say
from gliofit.core.errors import InputError
from gliofit.core.output import PLAN_FILES, claim_folder, files_in
from gliofit.core.progress import show_progress

EXAMPLES = (
    "gliofit plan --tissue registered/labels.nii.gz --seg seg.nii.gz \\\n"
    "    --labels brats2021 --concentration fit/concentration.nii.gz --out plan/",
    "gliofit plan --tissue registered/labels.nii.gz --seg seg.nii.gz \\\n"
    "    --labels brats2021 --concentration fit/concentration.nii.gz \\\n"
    "    --recurrence followup.nii.gz --image t1c.nii.gz --margin-mm 20 --out plan/",
)

_TARGETS, _AFTER = "Targets", "Follow-up"


class Region(StrEnum):
    """Region that the margin is applied to."""

    CORE = "core"
    WHOLE = "whole"


def plan(
    seg: Annotated[Path, option(OBSERVED, "Segmentation before treatment.")],
    labels: options.LabelsOption,
    concentration: Annotated[Path, option(OBSERVED, "Tumour-cell concentration, e.g. of the fit command.")],
    out: options.OutFolderOption,
    tissue: options.TissueOption = None,
    wm: options.WhiteOption = None,
    gm: options.GreyOption = None,
    brain_mask: Annotated[Path | None, option(BRAIN, "Brain mask.", show_default="voxels with tissue")] = None,
    barriers: Annotated[Path | None, option(BRAIN, "Mask of falx, tentorium and ventricles.")] = None,
    margin_mm: Annotated[float, option(_TARGETS, "Margin of the clinical target.")] = 15.0,
    region: Annotated[Region, option(_TARGETS, "Region that the margin is applied to.")] = Region.CORE,
    keep_tumour: Annotated[bool, option(_TARGETS, "Whether the personalised target must contain that region.")] = True,
    bridge_mm: Annotated[
        float, option(_TARGETS, "Half width of gaps of CSF to close in the personalised target.")
    ] = 3.0,
    recurrence: Annotated[Path | None, option(_AFTER, "Follow-up segmentation, on the grid of --seg.")] = None,
    recurrence_labels: Annotated[
        str | None,
        option(
            _AFTER, "Label scheme of --recurrence.", show_default="--labels", autocompletion=options.complete_labels
        ),
    ] = None,
    image: Annotated[
        Path | None, option(RESULT, "MRI shown behind the contours, e.g. T1c.", show_default="tissue")
    ] = None,
    dicom: Annotated[Path | None, option(RESULT, "Folder of the DICOM series; adds an RT structure set.")] = None,
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Create target volumes by margin and by tumour cells with equal volume, and compare them. Research use only."""
    machine.set_threads(threads)
    inputs = (tissue, wm, gm, seg, concentration, brain_mask, barriers, image, recurrence)
    if not (math.isfinite(margin_mm) and 0 <= margin_mm <= 100):
        raise InputError("--margin-mm", f"is {margin_mm:g}", "give 0 to 100 mm")
    if not (math.isfinite(bridge_mm) and bridge_mm >= 0):
        raise InputError("--bridge-mm", f"is {bridge_mm:g}", "give zero or more")
    with print_warnings() as warnings, show_progress("gliofit plan") as progress, claim_folder(out, PLAN_FILES, inputs):
        progress("reading")
        from gliofit.plan.run import plan_files

        row = plan_files(
            options.read_tissue(tissue, wm, gm, warnings=warnings), segmentation=seg, label_scheme=labels,
            concentration=concentration, out_dir=out, margin_mm=margin_mm, region=region.value,
            keep_tumour=keep_tumour, bridge_mm=bridge_mm, brain_mask=brain_mask, barriers=barriers, image=image,
            dicom=dicom, recurrence=recurrence, recurrence_labels=recurrence_labels, progress=progress,
            warnings=warnings,
        )  # fmt: skip
    text = f"{out}: targets of {row['clinical_cc']:.1f} cc each, Dice {row['dice']:.2f}, level {row['level']:.2g}"
    if math.isfinite(row["coverage_clinical_all"]):
        shares = f"{row['coverage_clinical_all']:.0%} (clinical), {row['coverage_personalised_all']:.0%} (personalised)"
        text += f"; recurrence covered {shares}"
    lines = [f"{text}. Research use only"]
    if row["message"]:
        lines.append(f"notes: {row['message']}")
    content = {"folder": out, "files": files_in(out, PLAN_FILES), "plan": row, "research_use_only": True}
    say(as_json, content, *lines, warnings=warnings)
