"""``gliofit demo`` and ``gliofit run``: the workflow of the checkout and its report."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli import checkout
from gliofit.cli.options import HOW, RESULT, argument, option
from gliofit.cli.result import say
from gliofit.core.errors import InputError
from gliofit.core.output import check_out_folder

DEMO_EXAMPLES = ("gliofit demo", "gliofit demo --cores 4 --folder /tmp/gliofit --open")

RUN_EXAMPLES = (
    "gliofit run config/demo.yaml --cores 4",
    "gliofit run config/brats.yaml register_all --cores 8",
    'gliofit run config/brats.yaml --config \'patients={"source": "cohort.tsv"}\'',
    "gliofit run config/demo.yaml --dry-run",
)

#: Main results of a run, in the order to look at.
_PLACES = {
    "publish/report.html": "report on one page",
    "publish/workflow-report.html": "Snakemake's report, with all jobs and rules",
    "publish/patients/index.html": "a page per patient",
    "publish/tables/table2.md": "comparison of methods",
    "publish/tables/table3.md": "comparison of methods on patients",
    "publish/figures/figure4.png": "patients by methods",
}

#: Arguments of Snakemake without new results, after which no report is built.
_NO_RUN = ("-n", "--dry-run", "--dryrun", "--unlock", "--lint", "--touch", "-t", "--summary", "-S", "--report")

#: Arguments that determine where jobs run; the number of cores is then not set.
_PLACED = ("--profile", "--executor", "-e", "--jobs", "-j")

CoresOption = Annotated[int | None, option(HOW, "Number of cores.", min=1, show_default="all")]
FolderOption = Annotated[Path | None, option(RESULT, "Folder for results/.", show_default="this one")]
OpenOption = Annotated[bool, option(RESULT, "Open the report in a browser.", "--open")]


def complete_target(incomplete: str) -> list[str]:
    """Return targets of the workflow."""
    root = checkout.find_checkout()
    return [] if root is None else [name for name in checkout.targets_of(root) if name.startswith(incomplete)]


def demo(cores: CoresOption = None, folder: FolderOption = None, open_report: OpenOption = False) -> None:
    """Run the whole workflow on synthetic cases and phantom patients: about 10 minutes on two cores, no data needed."""
    root = checkout.require_checkout()
    _run(root, root / "config/demo.yaml", folder, cores, [], open_report)


def run(
    ctx: typer.Context,
    config: Annotated[Path, argument("Run", "CONFIG", "Configuration of the run, such as config/brats.yaml.")],
    targets: Annotated[
        list[str] | None,
        argument(
            "Run",
            "TARGET",
            "Targets such as register_all, and arguments of Snakemake.",
            show_default="everything",
            autocompletion=complete_target,
        ),
    ] = None,
    cores: CoresOption = None,
    folder: FolderOption = None,
    open_report: OpenOption = False,
) -> None:
    """Run the workflow with a configuration; unknown options are passed to Snakemake."""
    root = checkout.require_checkout()
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
    # Targets first, before options of Snakemake that take several values.
    given = [*arguments, "--configfile", str(config.absolute())]
    if cores or not any(argument in _PLACED for argument in arguments):
        given += ["--cores", str(cores or "all")]
    whole = not arguments or arguments[0].startswith("-")
    report = whole and not any(argument in _NO_RUN for argument in arguments)
    code = checkout.call_snakemake(root, folder, given)
    if code == 0 and report:
        own_report = Path("results") / name / "publish/workflow-report.html"
        code = checkout.call_snakemake(root, folder, [*given, "--report", str(own_report), "--quiet"])
    if code != 0:
        raise typer.Exit(1)
    results = folder / "results" / name
    found = {results / place: what for place, what in _PLACES.items() if (results / place).is_file()}
    if not report or not found:
        return
    say(False, {}, "Look at", *(f"  {path}  ({what})" for path, what in found.items()))
    first = next(iter(found))
    if open_report and not webbrowser.open(first.as_uri()):
        raise InputError(first, "no browser could be started", "open it manually")
