"""Rule evaluate_cohort: all rows of a cohort, Dice over thresholds, agreement, cases, paired tests and a summary."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.evaluate.cohort import evaluate_cohort
    from gliofit.evaluate.settings import EvaluateSettings

    evaluate_cohort(
        run.input.metrics,
        run.input.dice_curves,
        run.input.agreements,
        run.params.left_out,
        run.folder,
        EvaluateSettings(**run.params.settings),
        run.seed,
    )
