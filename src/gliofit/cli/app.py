"""The application: commands and their groups in the help."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from gliofit import __version__
from gliofit.cli import check, estimate, export, fit, plan, predictgbm, provenance, register, solve, verify, workflow

_FILES, _RUNS, _RESULTS = "Single files", "Runs of the workflow", "About results"

_COMMANDS: tuple[tuple[str, Callable[..., None], Sequence[str]], ...] = (
    (_FILES, register.register, register.EXAMPLES),
    (_FILES, fit.fit, fit.EXAMPLES),
    (_FILES, plan.plan, plan.EXAMPLES),
    (_FILES, solve.solve, solve.EXAMPLES),
    (_FILES, predictgbm.predictgbm, predictgbm.EXAMPLES),
    (_RUNS, workflow.demo, workflow.DEMO_EXAMPLES),
    (_RUNS, check.check, check.EXAMPLES),
    (_RUNS, estimate.estimate, estimate.EXAMPLES),
    (_RUNS, workflow.run, workflow.RUN_EXAMPLES),
    (_RESULTS, export.export, export.EXAMPLES),
    (_RESULTS, provenance.provenance, provenance.EXAMPLES),
    (_RESULTS, verify.verify, verify.EXAMPLES),
)

#: Examples in the help of every command.
EXAMPLES: dict[str, Sequence[str]] = {function.__name__: examples for _, function, examples in _COMMANDS}

app = typer.Typer(
    name="gliofit",
    epilog="'gliofit COMMAND --help' explains a command. A first try: 'gliofit demo'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    """Print the versions of gliofit (with commit, if in a clone) and Python, for bug reports."""
    if wanted:
        from gliofit.pipeline.revision import UNKNOWN, find_revision

        revision = find_revision()
        commit = revision.removesuffix("-dirty")
        known = "" if revision == UNKNOWN else f"commit {commit}{' with changes' if commit != revision else ''}, "
        typer.echo(f"gliofit {__version__} ({known}Python {platform.python_version()})")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit, and exit."),
    ] = False,
) -> None:
    """Personalise brain-tumour growth models to patients."""


for _group, _function, _examples in _COMMANDS:
    # Unknown options of `run` are passed on to Snakemake.
    _passes_on = {"ignore_unknown_options": True, "allow_extra_args": True} if _function is workflow.run else None
    app.command(rich_help_panel=_group, epilog="\n".join(["Examples:", *_examples]), context_settings=_passes_on)(
        _function
    )
