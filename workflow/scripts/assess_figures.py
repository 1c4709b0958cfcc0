"""Rule assess_figures: figures of surrogates in the atlas: predictions, errors, derivatives and training."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.assess.calibration_figure import draw_calibration
    from gliofit.assess.figure1b import choose_cases, draw_figure1b, view_cases
    from gliofit.assess.figure6 import draw_figure6
    from gliofit.assess.gradient_figure import draw_gradients
    from gliofit.assess.training_figure import draw_training, read_histories
    from gliofit.study.summary import read_batches
    from gliofit.train.surrogate import load_surrogate

    forward, gradients = read_batches(run.input.forward), read_batches(run.input.gradients)
    surrogates = {model: load_surrogate(run.files.model(model), run.device) for model in run.params.models}
    views = view_cases(surrogates, run.input.volumes, Path(run.files.anatomy("atlas")), choose_cases(forward))
    draw_figure1b(views, forward, run.folder, run.params.dpi)
    draw_figure6(forward, run.folder, run.params.dpi)
    draw_gradients(gradients, run.folder, run.params.dpi)
    draw_calibration(forward, run.folder, run.params.dpi)
    draw_training(read_histories(run.files.model(model) for model in run.params.models), run.folder, run.params.dpi)
