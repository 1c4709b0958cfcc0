"""Options shared by several commands."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gliofit.core.errors import InputError, InputWarning

if TYPE_CHECKING:
    from gliofit.core.tissue import Tissue

#: Groups of options.
BRAIN, OBSERVED, HOW, RESULT = "Brain", "Observation", "Method", "Result"


def option(group: str, text: str, *names: str, **properties: Any) -> Any:
    """Return an option with its group in the help; its name is that of the function's parameter if not given."""
    return typer.Option(*names, help=text, rich_help_panel=group, **properties)


def argument(group: str, name: str, text: str, **properties: Any) -> Any:
    """Return a positional argument with its group and name in the help."""
    return typer.Argument(metavar=name, help=text, rich_help_panel=group, **properties)


def complete_growth_model(incomplete: str) -> list[str]:
    """Return names of growth models."""
    from gliofit.growth.model import growth_model_names

    return [name for name in growth_model_names() if name.startswith(incomplete)]


def complete_method(incomplete: str) -> list[str]:
    """Return names of inversion methods."""
    from gliofit.invert.settings import InvertSettings

    return [name for name in InvertSettings().methods if name.startswith(incomplete)]


def complete_labels(incomplete: str) -> list[str]:
    """Return names of label schemes."""
    from gliofit.core.labels import LABEL_SCHEMES

    return [name for name in LABEL_SCHEMES if name.startswith(incomplete)]


TissueOption = Annotated[
    Path | None,
    option(BRAIN, "Tissue label map: 0 background, 1 CSF, 2 grey, 3 white matter; e.g. labels.nii.gz of register."),
]
WhiteOption = Annotated[Path | None, option(BRAIN, "White matter map; with --gm instead of --tissue.")]
GreyOption = Annotated[Path | None, option(BRAIN, "Grey matter map; with --wm instead of --tissue.")]
LABELS = option(
    OBSERVED, "Label scheme of --seg, such as brats2021; docs/register.md lists them.", autocompletion=complete_labels
)
LabelsOption = Annotated[str, LABELS]
MethodOption = Annotated[str, option(HOW, "Inversion method, see docs/methods.md.", autocompletion=complete_method)]
GrowthModelOption = Annotated[
    str | None,
    option(
        HOW, "Growth model, see docs/methods.md. [default: fisher-kolmogorov]", autocompletion=complete_growth_model
    ),
]
OutFolderOption = Annotated[Path, option(RESULT, "Output folder.")]
ThreadsOption = Annotated[int | None, option(HOW, "Number of threads.", min=1, show_default="all")]
RandomSeedOption = Annotated[int, option(HOW, "Seed of random numbers.", min=0)]
JsonOption = Annotated[bool, option(RESULT, "Print the result or error as one JSON object on stdout.", "--json")]


def read_tissue(
    tissue: Path | None, wm: Path | None, gm: Path | None, *, warnings: list[InputWarning], isotropic: bool = False
) -> Tissue:
    """Read the tissue from a label map, or from maps of white and grey matter; on cubic voxels if ``isotropic``.

    Warnings are appended to ``warnings``. InputError if none or both are given, or if a file cannot be used.
    """
    from gliofit.inputs.images import read_tissue_labels, read_tissue_maps

    if tissue is not None and wm is None and gm is None:
        return read_tissue_labels(tissue, warnings=warnings, isotropic=isotropic)
    if tissue is None and wm is not None and gm is not None:
        return read_tissue_maps(wm, gm, warnings=warnings, isotropic=isotropic)
    hint = "give either --tissue, or --wm and --gm"
    raise InputError("--tissue, --wm, --gm", "one source is needed", hint, "one-source-needed")


def estimate_text(row: dict[str, Any]) -> str:
    """Format theta, with intervals if available."""
    from gliofit.growth.space import Parameter
    from gliofit.invert.uncertainty import INTERVAL_LEVEL
    from gliofit.publish.interval_text import amounts, interval_kind

    found = [amount for amount in amounts(row).values() if isinstance(amount.quantity, Parameter)]
    if not math.isfinite(found[0].value):
        return "a concentration without theta"
    suffix = interval_kind(row)
    words = [(amount.quantity.symbol, amount.text[0], amount.quantity.unit, amount.text[1]) for amount in found]
    parts = [" ".join(filter(None, named)) for named in words]
    parts.append(f"origin voxel ({row['origin_i']:.1f}, {row['origin_j']:.1f}, {row['origin_k']:.1f})")
    if suffix != "none":
        parts.append(f"in brackets {INTERVAL_LEVEL:.0%} {'profile ' if suffix else ''}intervals")
    return ", ".join(parts)
