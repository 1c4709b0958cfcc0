"""Rule simulate_shard: one 4-D volume of samples and the table of their thetas."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.tissue import Tissue
    from gliofit.simulate.settings import SimulateSettings
    from gliofit.simulate.shard import simulate_shard

    brain = run.params.anatomy
    tissue = Tissue.load(run.files.anatomy(brain), "probabilities")
    settings = SimulateSettings(**run.params.settings)
    progress = run.progress("samples")
    simulate_shard(tissue, run.wildcards.shard, settings, run.seed, run.folder, progress, run.threads, brain)
