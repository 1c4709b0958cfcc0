"""Rule assess_targets: one 4-D volume of test tumours in an anatomy, and the table of their thetas."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.assess.targets import simulate_targets
    from gliofit.simulate.settings import SimulateSettings

    simulate_targets(
        Path(run.files.anatomy(run.wildcards.anatomy)),
        run.wildcards.anatomy,
        run.params.cases,
        SimulateSettings(**run.params.settings),
        run.seed,
        run.folder,
        run.threads,
        run.progress("tumours"),
    )
