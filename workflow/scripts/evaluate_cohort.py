"""Rule evaluate_cohort.

Input: the tables of all cases of a cohort. Output: all rows, Dice over thresholds, paired tests and a summary.
"""

from gliofit.workflow import job

with job(snakemake) as run:
    from gliofit.evaluate.cohort import evaluate_cohort
    from gliofit.evaluate.settings import EvaluateSettings

    settings = EvaluateSettings(**run.params.settings)
    evaluate_cohort(run.input.metrics, run.input.dice_curves, run.folder, settings, run.seed)
