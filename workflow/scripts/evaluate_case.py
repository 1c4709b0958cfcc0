"""Rule evaluate_case: one row per method, Dice over thresholds, and agreement with reference methods."""

from pathlib import Path

from gliofit.pipeline.job import Job, each_unit


def work(run: Job) -> None:
    """All estimates of one case."""
    from gliofit.evaluate.case import evaluate_case
    from gliofit.evaluate.settings import EvaluateSettings

    cohort, case, files = run.wildcards.cohort, run.wildcards.case, run.files
    evaluate_case(
        cohort,
        case,
        Path(files.case(cohort, case)),
        {estimate: Path(files.forward(cohort, case, estimate)) for estimate in run.params.estimates},
        {method: Path(files.inversion(cohort, case, method)) for method in run.params.methods},
        run.input.get("reference"),
        run.folder,
        EvaluateSettings(**run.params.settings),
        run.params.run,
        run.seed,
        truth_table=run.input.get("truth"),
        truth_concentration=run.input.get("truth_concentration"),
    )


each_unit(snakemake, work)
