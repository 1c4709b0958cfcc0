"""Rule plan_tables.

Input: rows of all patients and methods. Output: one table of them (Parquet, CSV), and means (Markdown).
"""

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.io import write_table
    from gliofit.plan.run import read_plans
    from gliofit.plan.tables import write_plan_tables

    plans = read_plans(run.input)
    write_table(run.output.table, plans)
    write_plan_tables(plans, run.folder, run.params.names)
