"""Rule write_refinement: scores before and after refinement, as CSV, HTML, Markdown and LaTeX."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.refinement import refinement_table
    from gliofit.publish.settings import PublishSettings
    from gliofit.publish.tables import FORMS
    from gliofit.report.render import write_renderings

    evaluations = {cohort: Path(run.files.evaluation(cohort)) for cohort in run.params.cohorts}
    table = refinement_table(evaluations, run.params.pairs, PublishSettings(**run.params.settings))
    write_renderings(table, run.folder, "refinement", FORMS)
