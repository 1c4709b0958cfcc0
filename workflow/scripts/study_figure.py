"""Rule study_figure: errors by scenario and convergence (PNG and PDF)."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.settings import PublishSettings
    from gliofit.study.figure import draw_study
    from gliofit.study.summary import read_batches

    settings = PublishSettings(**run.params.settings)
    cases, traces = read_batches(run.input.cases), read_batches(run.input.traces)
    draw_study(cases, traces, run.folder, settings.method_names, settings.dpi)
