"""Rule simulate_shard.

Input: tissue at the spacing of the simulations. Output: one 4-D volume of samples and the table of their thetas.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.tissue import Tissue
    from gliofit.simulate.settings import SimulateSettings, brain_name
    from gliofit.simulate.shard import simulate_shard

    folder = Path(run.input.wm).parent
    tissue = Tissue.load(folder, "probabilities")
    settings = SimulateSettings(**run.params.settings)
    progress, brain = run.progress("samples"), brain_name(folder)
    simulate_shard(tissue, run.wildcards.shard, settings, run.seed, run.folder, progress, run.threads, brain)
