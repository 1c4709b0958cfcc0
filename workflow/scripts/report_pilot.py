"""Rule report_pilot: the thetas of a few hundred coarse simulations (table, summary, picture)."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.tissue import Tissue
    from gliofit.simulate.pilot import pilot_table, write_pilot_report
    from gliofit.simulate.settings import SimulateSettings

    settings = SimulateSettings(**run.params.settings)
    tissue = Tissue.load(run.files.atlas(), run.params.tissue)
    table = pilot_table(tissue, settings, run.seed, run.progress("tumours"))
    write_pilot_report(table, settings, run.folder)
