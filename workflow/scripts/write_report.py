"""Rule write_report: the report of the run."""

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.pipeline.config import load_config
    from gliofit.publish.report import ReportSources, RunFacts, write_report
    from gliofit.publish.settings_text import changed_settings

    config = load_config(run.params.config)
    facts = RunFacts(
        config.run,
        config.seed,
        config.patients.source is None,
        config.simulate.spacing_mm,
        config.simulate.preset,
        config.publish,
        changed_settings(config),
    )
    write_report(run.output.html, ReportSources.of(run.run_folder, run.folder, run.params.sources), facts)
