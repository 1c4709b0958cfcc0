"""Rule write_case_page: the page of a synthetic case."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.case_page import write_case_page
    from gliofit.publish.patient_record import CaseSources
    from gliofit.publish.settings import PublishSettings

    case, files, methods = run.wildcards.case, run.files, run.params.methods
    sources = CaseSources(
        case,
        Path(files.case("synthetic", case)),
        {method: Path(files.inversion("synthetic", case, method)) for method in methods},
        {method: Path(files.forward("synthetic", case, method)) for method in methods},
        Path(run.input.metrics),
    )
    write_case_page(sources, run.output.html, PublishSettings(**run.params.settings), run.params.run)
