"""Rule plan_tables: one table of all patients and methods (Parquet, CSV), and means (Markdown)."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.io import write_table
    from gliofit.plan.run import read_plans
    from gliofit.plan.tables import plan_table
    from gliofit.report.render import write_renderings

    plans = read_plans(run.input.plans)
    write_table(run.output.table, plans)
    write_renderings(plan_table(plans, run.params.names), run.folder, "plan")
