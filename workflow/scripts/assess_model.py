"""Rule assess_model: errors of a surrogate in an anatomy, one row per tumour and one per derivative."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.assess.forward import assess_forward
    from gliofit.assess.gradients import assess_gradients
    from gliofit.core.io import write_table
    from gliofit.solver.settings import AccurateSettings
    from gliofit.train.surrogate import load_surrogate

    surrogate = load_surrogate(run.files.model(run.wildcards.model), run.device)
    targets = (run.input.volumes, Path(run.files.anatomy(run.wildcards.anatomy)))
    names = (run.wildcards.model, run.wildcards.anatomy)
    write_table(run.output.forward, assess_forward(surrogate, *targets, *names, run.progress("tumours")))
    gradients = assess_gradients(
        surrogate,
        *targets,
        *names,
        run.params.gradient_cases,
        run.seed,
        AccurateSettings(**run.params.solver),
        run.progress("tumours with derivatives"),
    )
    write_table(run.output.gradients, gradients)
