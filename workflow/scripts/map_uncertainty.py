"""Rule map_uncertainty: the standard deviation of the concentration of an estimate."""

from pathlib import Path

from gliofit.pipeline.job import Job, each_unit


def work(run: Job) -> None:
    """The uncertainty of one estimate."""
    from gliofit.forward.run import map_uncertainty
    from gliofit.forward.settings import ForwardSettings

    map_uncertainty(
        Path(run.files.case(run.wildcards.cohort, run.wildcards.case)),
        Path(run.input.parameters),
        Path(run.output.uncertainty),
        ForwardSettings(**run.params.settings),
        run.params.tissue,
    )


each_unit(snakemake, work)
