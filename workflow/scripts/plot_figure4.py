"""Rule plot_figure4."""

from gliofit.workflow import job

with job(snakemake) as run:
    raise NotImplementedError
