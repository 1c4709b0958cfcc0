"""``gliofit export``: export results of a run to other programs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from gliofit.cli.options import RESULT, JsonOption, argument, option
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
    results: Annotated[Path, argument(_FOLDERS, "RESULTS", "Results folder, such as results/demo.")],
    out: Annotated[Path, argument(_FOLDERS, "OUT", "Folder to write; new or empty.")],
    case: Annotated[list[str] | None, option(_CHOICE, "Only this patient; may be repeated.")] = None,
    method: Annotated[list[str] | None, option(_CHOICE, "Only this method; may be repeated.")] = None,
    images: Annotated[bool, option(_CHOICE, "Also copy the patients' MRI.", "--images")] = False,
    layout: Annotated[
        LayoutName, option(RESULT, "bids: BIDS derivatives. plain: a folder per patient.")
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
