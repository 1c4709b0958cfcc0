"""Rule assess_stability: one row per case, radius and start (Parquet), and ratios with the paper's (CSV, Markdown)."""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.assess.settings import StabilitySettings
    from gliofit.assess.stability import run_stability, stability_table
    from gliofit.core.io import write_table
    from gliofit.core.tissue import Tissue
    from gliofit.invert.networks import Networks
    from gliofit.invert.settings import InvertSettings
    from gliofit.report.render import write_renderings

    settings = StabilitySettings(**run.params.settings)
    networks = {role: run.files.model(model) for role, model in run.params.networks.items()}
    table = run_stability(
        [(case, Path(run.files.shard(shard, "nii")), index) for case, shard, index in run.params.cases],
        Tissue.load(run.files.anatomy("atlas"), "probabilities"),
        Networks(**networks, device=run.device),
        settings,
        InvertSettings(**run.params.invert),
        run.seed,
        run.progress("cases"),
    )
    write_table(run.output.table, table)
    write_renderings(stability_table(table, settings.tolerance), run.folder, "stability")
