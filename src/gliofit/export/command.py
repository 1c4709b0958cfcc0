"""The ``export`` command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export"]


class LayoutName(StrEnum):
    """How files are laid out and named."""

    BIDS = "bids"
    PLAIN = "plain"


def export(
    results: Annotated[Path, typer.Argument(metavar="RESULTS", help="Results folder, such as results/demo.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder to write; new or empty.")],
    layout: Annotated[
        LayoutName, typer.Option(help="bids: BIDS derivatives. plain: a folder per patient.")
    ] = LayoutName.BIDS,
    case: Annotated[list[str] | None, typer.Option(help="Only this patient; may be repeated.")] = None,
    method: Annotated[list[str] | None, typer.Option(help="Only this method; may be repeated.")] = None,
    images: Annotated[
        bool, typer.Option("--images", help="Copy the patients' own MRI too, where the run read it.")
    ] = False,
) -> None:
    """Hand on patients' results as BIDS derivatives or plain folders, with colour tables for viewers."""
    from gliofit.export.run import export_run

    count = export_run(results, out, layout.value, cases=case, methods=method, images=images)
    typer.echo(f"{out}: {count} patient{'s' if count > 1 else ''} in the {layout} layout")
