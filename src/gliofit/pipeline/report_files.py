"""Files of a run's report: shown, read, and linked."""

from __future__ import annotations

from typing import Any

from gliofit.pipeline.plan import Plan


def report_sources(plan: Plan) -> dict[str, Any]:
    """Return the files that the report shows, see ``ReportSources``."""
    files, config = plan.files, plan.config
    patients, assess = plan.cases["patients"], config.assess
    methods = plan.methods["patients"]
    method = next((name for name in (config.publish.preferred_method, *methods) if name in methods), "")
    study = ("study", "convergence", "comparison") if config.study.cases else ()
    tables = ("forward", "anatomies", "gradients", "calibration") if assess.models else ()
    drawn = ("figure1b", "figure6", "calibration", "gradients", "training") if assess.models else ()
    stability = ["stability/stability.json"] if assess.stability.cases else []
    sensitivity = ["sensitivity/sensitivity.png"] if assess.sensitivity.surrogates else []
    refinement = ["refinement"] if plan.refinements and plan.cohorts else []
    return {
        "atlas": files.atlas("atlas.json"),
        "evaluations": {cohort: files.evaluation(cohort) for cohort in plan.cohorts},
        "tables": [files.table(name) for name in (*plan.tables, *refinement)],
        "figures": [files.figure(name) for name in plan.figures],
        "case_dirs": {case: files.patient(case) for case in patients},
        "concentrations": {
            case: files.forward("patients", case, method, "concentration.nii.gz") for case in patients if method
        },
        "pages": {case: files.page("patients", case) for case in patients}
        | {case: files.page("synthetic", case) for case in plan.cases_with_pages},
        "views": {case: files.page("patients", case, "3d.png") for case in patients},
        "networks": [files.model(model) for model in plan.networks],
        "pilot": [files.simulate("pilot.png")],
        "plans": [files.plan("plan.json")] if plan.cases_to_plan else [],
        "plan_pictures": {case: files.targets(case, "plan.png") for case in plan.cases_to_plan},
        "study": [files.study(f"{name}.json") for name in study],
        "study_figures": [files.study("study.png")] if study else [],
        "assess": [files.assess(name) for name in (*(f"{name}.json" for name in tables), *stability)],
        "assess_figures": [files.assess(name) for name in (*(f"{name}.png" for name in drawn), *sensitivity)],
    }


def report_files(plan: Plan) -> dict[str, list[str]]:
    """Return the files that the report reads, by name."""
    files, patients = plan.files, plan.cases["patients"]
    folders = ("evaluations", "case_dirs", "networks")
    sources = {name: item for name, item in report_sources(plan).items() if name not in folders}
    shown = {name: item.values() if isinstance(item, dict) else item for name, item in sources.items()}
    seen = ("t1.nii.gz", "segmentation.nii.gz", "labels.nii.gz", "qc.parquet", "qc.png")
    return {
        **{name: [item] if isinstance(item, str) else list(item) for name, item in shown.items()},
        "evaluations": [path for cohort in plan.cohorts for path in files.evaluated(cohort).values()],
        "registrations": [files.patient(case, name) for case in patients for name in seen],
        "networks": [files.model(m, f) for m in plan.networks for f in ("model.json", "learning_curve.png")],
        # Linked, not read.
        "index": [files.page("patients", "index")] if patients else [],
    }


def packed_files(plan: Plan) -> list[str]:
    """Return the files of the packed report."""
    names = ("pages", "index", "figures", "views", "registrations", "networks", "pilot", "plan_pictures")
    shown = report_files(plan)
    files = [path for name in (*names, "study_figures", "assess_figures") for path in shown[name]]
    read = [path for path in files if path.endswith((".html", ".png"))]
    return [plan.files.publish("report.html"), *read, *(path.replace(".json", ".md") for path in shown["tables"])]
