"""``gliofit provenance``: provenance of a result."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli.options import HOW, RESULT, JsonOption, argument, option
from gliofit.cli.result import say
from gliofit.core.progress import show_progress

EXAMPLES = (
    "gliofit provenance results/demo/publish/tables/table2.md",
    "gliofit provenance results/demo/publish/tables/table2.md --depth 2 --json",
)


def provenance(
    file: Annotated[Path, argument(RESULT, "FILE", "Result of a run of the workflow.")],
    depth: Annotated[int | None, option(HOW, "Number of jobs to trace back.", min=1, show_default="no limit")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the provenance of a result; exit code 1 if files have changed since."""
    with show_progress("gliofit provenance") as progress:
        progress("reading records")
        from gliofit.pipeline.provenance import trace, tree_text

        origin = trace(file, depth)
    say(as_json, asdict(origin), tree_text(origin))
    for note in origin.notes():
        typer.echo(note, err=True)
    if any(origin.notes()):
        raise typer.Exit(1)
