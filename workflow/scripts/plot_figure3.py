"""Rule plot_figure3."""

from gliofit.workflow import job

with job(snakemake) as run:
    raise NotImplementedError
