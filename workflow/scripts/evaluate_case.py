"""Rule evaluate_case.

Input: final runs and parameters of every method on one case, and what they are scored against. Output: one row per
method, Dice over thresholds, and the agreement of a patient's estimates with those taken for references.
"""

from pathlib import Path

from gliofit.pipeline.job import Job, each_case


def work(run: Job) -> None:
    """All estimates of one case."""
    from gliofit.evaluate.case import evaluate_case
    from gliofit.evaluate.settings import EvaluateSettings

    evaluate_case(
        run.wildcards.cohort,
        run.wildcards.case,
        Path(run.input.labels).parent,
        {Path(file).parent.name: Path(file).parent for file in run.input.forwards},
        {Path(file).parent.name: Path(file).parent for file in run.input.parameters},
        run.input.get("reference"),
        run.folder,
        EvaluateSettings(**run.params.settings),
        run.params.run,
        run.seed,
        truth_table=run.input.get("truth"),
        truth_concentration=run.input.get("truth_concentration"),
    )


each_case(snakemake, work)
