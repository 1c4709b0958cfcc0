"""Rule write_refinement.

Input: the evaluation of every cohort. Output: what refining an estimate adds, as CSV, HTML, Markdown and LaTeX.
"""

from pathlib import Path

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.publish.refinement import write_refinement
    from gliofit.publish.settings import PublishSettings

    write_refinement(
        {cohort: Path(run.input[cohort][0]).parent for cohort in run.params.cohorts},
        run.params.pairs,
        run.folder,
        PublishSettings(**run.params.settings),
    )
