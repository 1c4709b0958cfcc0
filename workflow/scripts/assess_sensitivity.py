"""Rule assess_sensitivity: changes of concentration, loss landscape and paths on it (Parquet), and their figure."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from pydantic import TypeAdapter

    from gliofit.assess.sensitivity import run_sensitivity
    from gliofit.assess.sensitivity_figure import draw_sensitivity
    from gliofit.assess.settings import SensitivitySettings
    from gliofit.core.tissue import Tissue
    from gliofit.invert.settings import InvertSettings
    from gliofit.solver.settings import IntegratorSettings

    settings = SensitivitySettings(**run.params.settings)
    run_sensitivity(
        [(case, Path(run.files.shard(shard, "nii")), index) for case, shard, index in run.params.cases],
        Tissue.load(run.files.anatomy("atlas"), "probabilities"),
        {name: Path(run.files.model(name)) for name in settings.surrogates},
        settings,
        InvertSettings(**run.params.invert),
        TypeAdapter(IntegratorSettings).validate_python(run.params.integrator),
        run.folder,
        run.device,
        run.progress("parts"),
    )
    draw_sensitivity(run.folder, run.folder, run.params.dpi)
