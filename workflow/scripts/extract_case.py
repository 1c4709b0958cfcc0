"""Rule extract_case: a sample of a test shard as a case folder."""

from pathlib import Path

from gliofit.pipeline.job import Job, each_unit


def work(run: Job) -> None:
    """One sample of the shard."""
    from gliofit.simulate.settings import SimulateSettings
    from gliofit.simulate.shard import extract_case

    settings = SimulateSettings(samples_per_shard=run.params.samples_per_shard)
    _, index = settings.case_location(run.wildcards.case)
    tissue_dir = Path(run.files.anatomy("atlas"))
    extract_case(run.wildcards.case, Path(run.input.volumes), index, tissue_dir, run.folder)


each_unit(snakemake, work)
