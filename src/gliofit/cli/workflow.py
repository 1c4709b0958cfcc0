"""``gliofit demo`` and ``gliofit run``: the workflow of the checkout, its report, and where to look."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli.checkout import require_checkout, run_workflow
from gliofit.cli.complete import complete_target
from gliofit.cli.options import HOW, RESULT
from gliofit.cli.result import say
from gliofit.core.errors import InputError
from gliofit.core.output import check_out_folder

__all__ = ["DEMO_EXAMPLES", "RUN_EXAMPLES", "demo", "run"]

DEMO_EXAMPLES = ("gliofit demo", "gliofit demo --cores 4 --folder /tmp/gliofit --open")

RUN_EXAMPLES = (
    "gliofit run config/demo.yaml --cores 4",
    "gliofit run config/brats.yaml register_all --cores 8",
    'gliofit run config/brats.yaml --config \'patients={"source": "cohort.tsv"}\'',
    "gliofit run config/demo.yaml --dry-run",
)

#: What a run leaves for people, below its folder, in the order to look at it.
_PLACES = {
    "publish/report.html": "everything in one page",
    "publish/workflow-report.html": "Snakemake's own: the same, with every job and its rule",
    "publish/patients/index.html": "a page per patient",
    "publish/tables/table2.md": "the methods compared",
    "publish/tables/table3.md": "the methods compared on patients",
    "publish/figures/figure4.png": "patients by methods",
}

#: Arguments of Snakemake after which nothing new is there to look at, and no report to be built.
_NO_RUN = ("-n", "--dry-run", "--dryrun", "--unlock", "--lint", "--touch", "-t", "--summary", "-S", "--report")

#: Arguments that say where jobs run; cores are then not ours to choose.
_PLACED = ("--profile", "--executor", "-e", "--jobs", "-j")

_RUN = "Run"

CoresOption = Annotated[
    int | None, typer.Option("--cores", min=1, help="Cores to use.", show_default="all", rich_help_panel=HOW)
]
FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", help="Folder that gets results/.", show_default="this one", rich_help_panel=RESULT),
]
OpenOption = Annotated[
    bool, typer.Option("--open", help="Open the report in a browser at the end.", rich_help_panel=RESULT)
]


def demo(cores: CoresOption = None, folder: FolderOption = None, open_report: OpenOption = False) -> None:
    """Run the whole chain on synthetic cases and phantom patients: about 15 minutes on two cores, no data needed."""
    root = require_checkout()
    _run(root, root / "config/demo.yaml", folder, cores, [], open_report)


def run(
    ctx: typer.Context,
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="Configuration of the run, such as config/brats.yaml.", rich_help_panel=_RUN
        ),
    ],
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TARGET",
            help="Targets such as register_all, and further arguments of Snakemake.",
            show_default="everything",
            autocompletion=complete_target,
            rich_help_panel=_RUN,
        ),
    ] = None,
    cores: CoresOption = None,
    folder: FolderOption = None,
    open_report: OpenOption = False,
) -> None:
    """Run the workflow with a configuration; options that are not gliofit's own go to Snakemake."""
    root = require_checkout()
    if not config.exists() and (root / config).is_file():
        config = root / config
    _run(root, config, folder, cores, [*(targets or ()), *ctx.args], open_report)


def _run(
    root: Path, config: Path, folder: Path | None, cores: int | None, arguments: list[str], open_report: bool
) -> None:
    from gliofit.pipeline.config import read_config

    own = read_config(config).run
    name = next((text.removeprefix("run=") for text in arguments if text.startswith("run=")), own)
    folder = (folder or Path()).absolute()
    check_out_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # Targets first: options of Snakemake that take several values would swallow them.
    given = [*arguments, "--configfile", str(config.absolute())]
    if cores or not any(argument in _PLACED for argument in arguments):
        given += ["--cores", str(cores or "all")]
    whole = not arguments or arguments[0].startswith("-")
    report = whole and not any(argument in _NO_RUN for argument in arguments)
    own_report = Path("results") / name / "publish/workflow-report.html"
    code = run_workflow(root, folder, given, own_report if report else None)
    if code != 0:
        raise typer.Exit(1)
    results = folder / "results" / name
    found = {results / place: what for place, what in _PLACES.items() if (results / place).is_file()}
    if not report or not found:
        return
    say(False, {}, "Look at", *(f"  {path}  ({what})" for path, what in found.items()))
    first = next(iter(found))
    if open_report and not webbrowser.open(first.as_uri()):
        raise InputError(first, "no browser could be started", "open it yourself")
