"""Rule write_case_page.

Input: tissue, truth, estimates, final runs and scores of one synthetic case. Output: the case's page.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.case_page import CaseSources, write_case_page
    from gliofit.publish.settings import PublishSettings

    sources = CaseSources(
        run.wildcards.case,
        Path(run.input.truth).parent,
        {Path(file).parent.name: Path(file).parent for file in run.input.parameters},
        {Path(file).parent.name: Path(file).parent for file in run.input.concentrations},
        Path(run.input.metrics),
    )
    write_case_page(sources, run.output.html, PublishSettings(**run.params.settings), run.params.run)
