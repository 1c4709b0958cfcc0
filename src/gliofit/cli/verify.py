"""``gliofit verify``: check of a run's files for damage."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli.options import JsonOption, argument
from gliofit.cli.result import say
from gliofit.core.progress import show_progress

EXAMPLES = ("gliofit verify results/demo", "gliofit verify results/demo --json")


def verify(
    results: Annotated[Path, argument("Folder", "RESULTS", "Results folder, such as results/demo.")],
    as_json: JsonOption = False,
) -> None:
    """Read all files of a results folder and list damaged or left-over ones; exit code 1 if there are any."""
    from gliofit.pipeline.verify import verify as verify_files

    with show_progress("gliofit verify") as progress:
        found = verify_files(results, progress=progress)
    unread = f", {len(found.unread)} of unknown kinds not" if found.unread else ""
    count = len(found.damages) or "none"
    damages = [asdict(damage) for damage in found.damages]
    say(
        as_json,
        {"folder": results, "files": found.files, "bytes": found.size, "unread": found.unread, "damages": damages},
        *(f"{damage.path}: {damage.problem}; {damage.hint}" for damage in found.damages),
        f"{found.files} files read ({found.size / 1e6:.1f} MB){unread}: {count} damaged or left over",
    )
    if found.damages:
        raise typer.Exit(1)
