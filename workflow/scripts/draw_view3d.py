"""Rule draw_view3d: brain, segmentation and tumour cells of a patient in three dimensions."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.publish.settings import PublishSettings
    from gliofit.publish.view3d import draw_view3d

    case = run.wildcards.case
    draw_view3d(
        run.files.patient(case),
        run.input.metrics,
        run.files.forward("patients", case, ""),
        run.folder,
        PublishSettings(**run.params.settings),
    )
