"""Rule draw_figure: figure 3 (errors), 4 (patients by methods) or 7 (Dice by threshold), by observation."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.figure3 import draw_figure3
    from gliofit.publish.figure4 import draw_figure4
    from gliofit.publish.figure7 import draw_figure7
    from gliofit.publish.settings import PublishSettings

    figure, _, observed = run.wildcards.figure.partition("-")
    evaluation = run.files.evaluation(run.params.cohort)
    shown = (run.folder, PublishSettings(**run.params.settings), observed or "reference")
    if figure == "figure4":
        draw_figure4(evaluation, run.files.patient(""), run.files.forward("patients", "", ""), *shown)
    else:
        {"figure3": draw_figure3, "figure7": draw_figure7}[figure](evaluation, *shown)
