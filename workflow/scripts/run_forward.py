"""Rule run_forward: concentration and a row of facts of every estimate.

The parameters are an inversion's, or the truth for the estimate `oracle`; an estimate `{method}-other` is the candidate
that a hybrid method did not choose. For methods without theta their concentration is copied.
"""

from pathlib import Path

from gliofit.pipeline.job import Job, each_unit


def work(run: Job) -> None:
    """Run the forward simulation of one estimate."""
    from gliofit.forward.run import run_forward
    from gliofit.forward.settings import ForwardSettings

    cohort, case, estimate = run.wildcards.cohort, run.wildcards.case, run.wildcards.estimate
    run_forward(
        Path(run.files.case(cohort, case)),
        Path(run.input.parameters),
        run.folder,
        ForwardSettings(**run.params.settings),
        run.params.tissue,
        run=run.params.run,
        cohort=cohort,
        case=case,
        method=estimate,
        seed=run.seed,
        prefix="other_" if estimate.endswith("-other") else "",
        field=run.input.get("field"),
    )


each_unit(snakemake, work)
