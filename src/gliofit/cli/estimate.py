"""``gliofit estimate``: forecast of a run of the workflow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from gliofit.cli import machine
from gliofit.cli.checkout import require_checkout
from gliofit.cli.options import HOW, JsonOption, argument, option
from gliofit.cli.result import say
from gliofit.core.progress import show_progress

EXAMPLES = ("gliofit estimate config/demo.yaml", "gliofit estimate config/brats.yaml --patients /data/brats --cores 8")


def estimate(
    config: Annotated[Path, argument("Run", "CONFIG", "Configuration of the run, such as config/brats.yaml.")],
    patients: Annotated[Path | None, option("Run", "Table of patients, BraTS folders, or BIDS dataset.")] = None,
    cores: Annotated[int | None, option(HOW, "Number of cores of the run.", min=1, show_default="all")] = None,
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
