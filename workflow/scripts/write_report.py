"""Rule write_report.

Input: the run's tables, figures, registrations, networks and patients' pages. Output: one page about the whole run.
"""

from pathlib import Path

from gliofit.pipeline.job import job

with job(snakemake) as run:
    from gliofit.pipeline.config import load_config
    from gliofit.publish.report import write_report
    from gliofit.publish.report_sources import ReportSources, RunFacts

    def paths(name):
        """Files of an input that may be one, several or none."""
        files = run.input.get(name, [])
        return [Path(file) for file in ([files] if isinstance(files, str) else files)]

    sources = ReportSources(
        run.run_folder,
        run.folder,
        Path(run.input.atlas),
        evaluations={path.parent.name: path.parent for path in paths("evaluations")},
        tables=paths("tables"),
        figures=paths("figures"),
        case_dirs={path.parent.name: path.parent for path in paths("checks")},
        concentrations={path.parents[1].name: path for path in paths("concentrations")},
        pages={path.stem: path for path in paths("pages")},
        views={path.name.removesuffix(".3d.png"): path for path in paths("views")},
        networks=[path.parent for path in paths("networks")],
        pilot=paths("pilot"),
        plans=paths("plans"),
        plan_pictures={path.parent.name: path for path in paths("plan_pictures")},
        study=paths("study"),
        study_figures=paths("study_figures"),
        assess=paths("assess"),
        assess_figures=paths("assess_figures"),
    )
    write_report(run.output.html, sources, RunFacts.of(load_config(run.params.config)))
