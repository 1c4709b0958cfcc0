"""``gliofit export``: export results of a run to other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli.options import RESULT, JsonOption
from gliofit.cli.result import say
from gliofit.core.progress import show_progress

EXAMPLES = (
    "gliofit export results/brats /data/ds001/derivatives/gliofit",
    "gliofit export results/demo shared/ --layout plain --images",
)

_FOLDERS, _CHOICE = "Folders", "Selection"


class LayoutName(StrEnum):
    """Layout and names of files."""

    BIDS = "bids"
    PLAIN = "plain"


def export(
    results: Annotated[
        Path,
        typer.Argument(metavar="RESULTS", help="Results folder, such as results/demo.", rich_help_panel=_FOLDERS),
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="Folder to write; new or empty.", rich_help_panel=_FOLDERS)
    ],
    case: Annotated[
        list[str] | None, typer.Option(help="Only this patient; may be repeated.", rich_help_panel=_CHOICE)
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option(help="Only this method; may be repeated.", rich_help_panel=_CHOICE)
    ] = None,
    images: Annotated[
        bool,
        typer.Option("--images", help="Also copy the patients' MRI.", rich_help_panel=_CHOICE),
    ] = False,
    layout: Annotated[
        LayoutName,
        typer.Option(help="bids: BIDS derivatives. plain: a folder per patient.", rich_help_panel=RESULT),
    ] = LayoutName.BIDS,
    as_json: JsonOption = False,
) -> None:
    """Export patients' results as BIDS derivatives or plain folders, with colour tables for viewers."""
    from gliofit.export.run import export_run

    with show_progress("gliofit export") as progress:
        count = export_run(results, out, layout.value, cases=case, methods=method, images=images, progress=progress)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    say(
        as_json,
        {"folder": out, "files": files, "layout": layout.value, "patients": count},
        f"{out}: {count} patient{'s' if count > 1 else ''} in the {layout} layout",
    )
