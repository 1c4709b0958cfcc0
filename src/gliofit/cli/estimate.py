"""``gliofit estimate``: what a run of the workflow will take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli import machine
from gliofit.cli.options import HOW, JsonOption
from gliofit.cli.result import say
from gliofit.core.progress import show_progress

__all__ = ["EXAMPLES", "estimate"]

EXAMPLES = (
    "gliofit estimate config/demo.yaml",
    "gliofit estimate config/brats.yaml --patients /data/brats --cores 8",
)

_RUN = "Run"


def estimate(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="Configuration of the run, such as config/brats.yaml.", rich_help_panel=_RUN
        ),
    ],
    patients: Annotated[
        Path | None, typer.Option(help="Table of patients, BraTS folders, or BIDS dataset.", rich_help_panel=_RUN)
    ] = None,
    cores: Annotated[
        int | None, typer.Option(min=1, help="Cores that the run may use.", show_default="all", rich_help_panel=HOW)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict jobs, time, memory and disk of a run of the workflow on this machine."""
    from gliofit.pipeline.config import load_config, read_config
    from gliofit.pipeline.estimate.costs import calibration_seconds, read_costs
    from gliofit.pipeline.estimate.run import estimate_run
    from gliofit.register.cohort import find_cohort
    from gliofit.register.patients import phantom_cases

    settings = read_config(config)
    if patients is not None:
        raw = settings.model_dump(mode="json")
        settings = load_config(raw | {"patients": raw["patients"] | {"source": str(patients)}})
    with show_progress("gliofit estimate") as progress:
        if settings.patients.source is None:
            count = len(phantom_cases(settings.phantoms))
        else:
            progress("looking for patients")
            count = len(find_cohort(settings.patients, settings.seed)[0])
        progress("measuring how fast this machine is")
        costs = read_costs()
        slowness = calibration_seconds() / costs.calibration_seconds
        found = estimate_run(settings, count, cores or machine.set_threads(None), costs, slowness)
    say(as_json, found.as_json(), found.text())
