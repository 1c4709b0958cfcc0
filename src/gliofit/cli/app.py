"""The application: commands and their groups in the help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from gliofit.cli.check import EXAMPLES as CHECK_EXAMPLES
from gliofit.cli.check import check
from gliofit.cli.estimate import EXAMPLES as ESTIMATE_EXAMPLES
from gliofit.cli.estimate import estimate
from gliofit.cli.export import EXAMPLES as EXPORT_EXAMPLES
from gliofit.cli.export import export
from gliofit.cli.fit import EXAMPLES as FIT_EXAMPLES
from gliofit.cli.fit import fit
from gliofit.cli.plan import EXAMPLES as PLAN_EXAMPLES
from gliofit.cli.plan import plan
from gliofit.cli.predictgbm import EXAMPLES as PREDICTGBM_EXAMPLES
from gliofit.cli.predictgbm import predictgbm
from gliofit.cli.provenance import EXAMPLES as PROVENANCE_EXAMPLES
from gliofit.cli.provenance import provenance
from gliofit.cli.register import EXAMPLES as REGISTER_EXAMPLES
from gliofit.cli.register import register
from gliofit.cli.solve import EXAMPLES as SOLVE_EXAMPLES
from gliofit.cli.solve import solve
from gliofit.cli.verify import EXAMPLES as VERIFY_EXAMPLES
from gliofit.cli.verify import verify
from gliofit.cli.version import version_text
from gliofit.cli.workflow import DEMO_EXAMPLES, RUN_EXAMPLES, demo, run

_FILES, _RUNS, _RESULTS = "Single files", "Runs of the workflow", "About results"

_COMMANDS: tuple[tuple[str, Callable[..., None], Sequence[str]], ...] = (
    (_FILES, register, REGISTER_EXAMPLES),
    (_FILES, fit, FIT_EXAMPLES),
    (_FILES, plan, PLAN_EXAMPLES),
    (_FILES, solve, SOLVE_EXAMPLES),
    (_FILES, predictgbm, PREDICTGBM_EXAMPLES),
    (_RUNS, demo, DEMO_EXAMPLES),
    (_RUNS, check, CHECK_EXAMPLES),
    (_RUNS, estimate, ESTIMATE_EXAMPLES),
    (_RUNS, run, RUN_EXAMPLES),
    (_RESULTS, export, EXPORT_EXAMPLES),
    (_RESULTS, provenance, PROVENANCE_EXAMPLES),
    (_RESULTS, verify, VERIFY_EXAMPLES),
)

#: Examples in the help of every command.
EXAMPLES: dict[str, Sequence[str]] = {function.__name__: examples for _, function, examples in _COMMANDS}

#: Commands that pass unknown options on.
_PASSED_ON: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True}

app = typer.Typer(
    name="gliofit",
    epilog="'gliofit COMMAND --help' explains a command. A first try: 'gliofit demo'.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_text())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print version and commit, and exit."),
    ] = False,
) -> None:
    """Personalise brain-tumour growth models to patients."""


for _panel, _function, _examples in _COMMANDS:
    app.command(
        rich_help_panel=_panel,
        epilog="\n".join(["Examples:", *_examples]),
        context_settings=_PASSED_ON if _function is run else None,
    )(_function)
