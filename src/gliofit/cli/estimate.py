"""``gliofit estimate``: forecast of a run of the workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gliofit.cli import machine
from gliofit.cli.checkout import require_checkout
from gliofit.cli.options import HOW, JsonOption
from gliofit.cli.result import say
from gliofit.core.progress import show_progress

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
        int | None, typer.Option(min=1, help="Number of cores of the run.", show_default="all", rich_help_panel=HOW)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Predict jobs, time, memory and disk of a run of the workflow on this machine."""
    from gliofit.pipeline.config import load_config, read_config
    from gliofit.pipeline.estimate.costs import calibration_seconds, read_costs
    from gliofit.pipeline.estimate.dry_run import plan_jobs
    from gliofit.pipeline.estimate.run import estimate_run

    settings, options = read_config(config), []
    if patients is not None:
        raw = settings.model_dump(mode="json")
        settings = load_config(raw | {"patients": raw["patients"] | {"source": str(patients)}})
        options = ["--config", f"patients={json.dumps({'source': str(patients)})}"]
    cores = cores or machine.set_threads(None)
    with show_progress("gliofit estimate") as progress:
        progress("planning the jobs")
        jobs = plan_jobs(require_checkout(), settings, config, cores, options)
        progress("measuring the speed of this machine")
        costs = read_costs()
        slowness = calibration_seconds() / costs.calibration_seconds
        found = estimate_run(jobs, cores, costs, slowness)
    say(as_json, found.as_json(), found.text())
