"""Rule study_cases: one row per tumour, scenario and method with estimate and errors, and all traces."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.core.io import write_table
    from gliofit.forward.settings import ForwardSettings
    from gliofit.invert.settings import InvertSettings
    from gliofit.study.run import run_cases
    from gliofit.study.settings import StudySettings

    cases, traces = run_cases(
        Path(run.files.atlas()),
        run.wildcards.preset,
        list(run.params.indices),
        StudySettings(**run.params.settings),
        InvertSettings(**run.params.invert),
        ForwardSettings(**run.params.forward),
        run.seed,
        run.threads,
        run.progress("inversions"),
        {model: Path(run.files.model(model)) for model in run.params.models},
        run.device,
    )
    write_table(run.output.trace, traces)
    write_table(run.output.cases, cases)
