"""Options shared by several commands."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliofit.cli.complete import complete_growth_model, complete_labels, complete_method
from gliofit.core.errors import InputError, InputWarning

if TYPE_CHECKING:
    from gliofit.core.tissue import Tissue

#: Groups of options.
BRAIN, OBSERVED, HOW, RESULT = "Brain", "Observation", "Method", "Result"

TissueOption = Annotated[
    Path | None,
    typer.Option(
        "--tissue",
        help="Tissue label map: 0 background, 1 CSF, 2 grey, 3 white matter; e.g. labels.nii.gz of register.",
        rich_help_panel=BRAIN,
    ),
]
WhiteOption = Annotated[
    Path | None,
    typer.Option("--wm", help="White matter map; with --gm instead of --tissue.", rich_help_panel=BRAIN),
]
GreyOption = Annotated[
    Path | None,
    typer.Option("--gm", help="Grey matter map; with --wm instead of --tissue.", rich_help_panel=BRAIN),
]
LabelsOption = Annotated[
    str,
    typer.Option(
        "--labels",
        help="Label scheme of --seg, such as brats2021; docs/register.md lists them.",
        autocompletion=complete_labels,
        rich_help_panel=OBSERVED,
    ),
]
MethodOption = Annotated[
    str,
    typer.Option(
        "--method",
        help="Inversion method, see docs/methods.md.",
        autocompletion=complete_method,
        rich_help_panel=HOW,
    ),
]
GrowthModelOption = Annotated[
    str | None,
    typer.Option(
        "--growth-model",
        help="Growth model, see docs/methods.md. [default: fisher-kolmogorov]",
        autocompletion=complete_growth_model,
        rich_help_panel=HOW,
    ),
]
OutFolderOption = Annotated[Path, typer.Option("--out", help="Output folder.", rich_help_panel=RESULT)]
ThreadsOption = Annotated[
    int | None, typer.Option("--threads", min=1, help="Number of threads.", show_default="all", rich_help_panel=HOW)
]
RandomSeedOption = Annotated[
    int, typer.Option("--random-seed", min=0, help="Seed of random numbers.", rich_help_panel=HOW)
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help="Print the result or error as one JSON object on stdout.", rich_help_panel=RESULT),
]


def read_tissue(
    tissue: Path | None,
    wm: Path | None,
    gm: Path | None,
    *,
    warnings: list[InputWarning],
    isotropic: bool = False,
) -> Tissue:
    """Read the tissue from a label map or from maps of white and grey matter.

    Parameters
    ----------
    tissue
        Tissue label map.
    wm, gm
        Maps of white and grey matter.
    warnings
        List that warnings are appended to.
    isotropic
        Whether voxels must be cubes.

    Raises
    ------
    InputError
        If none or both are given, or a file cannot be used.
    """
    from gliofit.inputs.images import read_tissue_labels, read_tissue_maps

    if tissue is not None and wm is None and gm is None:
        return read_tissue_labels(tissue, warnings=warnings, isotropic=isotropic)
    if tissue is None and wm is not None and gm is not None:
        return read_tissue_maps(wm, gm, warnings=warnings, isotropic=isotropic)
    raise InputError(
        "--tissue, --wm, --gm", "one source is needed", "give either --tissue, or --wm and --gm", "one-source-needed"
    )


def estimate_text(row: dict[str, Any]) -> str:
    """Format theta, with intervals if available."""
    from gliofit.growth.space import Parameter
    from gliofit.invert.uncertainty import INTERVAL_LEVEL
    from gliofit.publish.interval_text import amounts, interval_kind

    found = [amount for amount in amounts(row).values() if isinstance(amount.quantity, Parameter)]
    if not math.isfinite(found[0].value):
        return "a concentration without theta"
    suffix = interval_kind(row)
    parts = []
    for amount in found:
        value, text = amount.text
        parts.append(" ".join(part for part in (amount.quantity.symbol, value, amount.quantity.unit, text) if part))
    parts.append(f"origin voxel ({row['origin_i']:.1f}, {row['origin_j']:.1f}, {row['origin_k']:.1f})")
    if suffix != "none":
        parts.append(f"in brackets {INTERVAL_LEVEL:.0%} {'profile ' if suffix else ''}intervals")
    return ", ".join(parts)
