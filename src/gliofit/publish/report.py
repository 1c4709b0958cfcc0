"""Report of a run: settings, warnings, tables, figures and provenance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit import __version__
from gliofit.core.io import read_json, read_table
from gliofit.growth.model import DEFAULT, find_growth_model
from gliofit.publish.captions import CAPTIONS
from gliofit.publish.cohort import Cohort
from gliofit.publish.notes import patient_count
from gliofit.publish.patient_index import INDEX_HEADINGS, index_note, index_rows
from gliofit.publish.patient_record import RESEARCH
from gliofit.publish.pictures import show_file, show_patient
from gliofit.publish.report_texts import run_warnings, summary_sentences
from gliofit.publish.run_record import RunRecord, read_run_record, stage_times
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name, quoted_name
from gliofit.report.page import Page
from gliofit.report.table import Grid, Picture, Table, load_table
from gliofit.report.texts import columns, page_text, section

#: Rule that writes the report; its own records are ignored.
_RULE = "write_report"

#: Widths of pictures in pixels: full width, side by side, and many.
_WIDE, _NARROW, _SMALL = 1600, 760, 420

#: Smallest number of patients whose pictures are small.
_MANY = 16

_NETWORKS = {
    "surrogate": "surrogate: predicts the tumour",
    "direct-inverse": "direct inverse: predicts θ",
    "atlas-inverse": "inverse in the atlas: predicts θ from outlines",
}

_COHORTS = {"synthetic": "Synthetic tumours", "patients": "Patients"}


@dataclass(frozen=True, eq=False)
class ReportSources:
    """Files of a run; empty if absent.

    Parameters
    ----------
    run_dir
        ``results/{run}``, with sidecars and benchmarks.
    out_dir
        Folder of the report (``publish``), to which links are relative.
    atlas
        ``atlas.json``.
    evaluations
        Cohort to its ``evaluate/{cohort}`` folder.
    tables, figures
        Tables (``save_table``) and PNG figures of the cohorts, in the order shown.
    case_dirs
        Patient to ``register/patients/{case}``, with ``qc.parquet`` and ``qc.png``.
    concentrations
        Patient to the concentration shown in its small picture.
    pages
        Case to its page, patients first.
    views
        Patient to the picture in three dimensions.
    networks
        Folders ``train/{model}``.
    pilot
        ``simulate/pilot.png``, in a list.
    plans, plan_pictures
        Tables of target volumes, and patient to their picture.
    study, study_figures, assess, assess_figures
        Tables and PNG figures of those stages.
    """

    run_dir: Path
    out_dir: Path
    atlas: Path
    evaluations: Mapping[str, Path] = field(default_factory=dict)
    tables: Sequence[Path] = ()
    figures: Sequence[Path] = ()
    case_dirs: Mapping[str, Path] = field(default_factory=dict)
    concentrations: Mapping[str, Path] = field(default_factory=dict)
    pages: Mapping[str, Path] = field(default_factory=dict)
    views: Mapping[str, Path] = field(default_factory=dict)
    networks: Sequence[Path] = ()
    pilot: Sequence[Path] = ()
    plans: Sequence[Path] = ()
    plan_pictures: Mapping[str, Path] = field(default_factory=dict)
    study: Sequence[Path] = ()
    study_figures: Sequence[Path] = ()
    assess: Sequence[Path] = ()
    assess_figures: Sequence[Path] = ()

    @classmethod
    def of(cls, run_dir: Path, out_dir: Path, files: Mapping[str, Any]) -> ReportSources:
        """Create from files by name: one file, a list, or a mapping by case."""

        def paths(item: Any) -> Any:
            if isinstance(item, Mapping):
                return {key: Path(file) for key, file in item.items()}
            return Path(item) if isinstance(item, str) else [Path(file) for file in item]

        return cls(run_dir, out_dir, **{name: paths(item) for name, item in files.items()})

    def show(self, path: Path, width: int, caption: str) -> Picture:
        """Return a picture that links to its file."""
        return show_file(path, caption.partition(". ")[0], width, caption, self.link(path))

    def link(self, path: Path) -> str:
        """Return the address of a file in the report."""
        return Path(os.path.relpath(path, self.out_dir)).as_posix()


@dataclass(frozen=True, eq=False)
class RunFacts:
    """Facts from the configuration of a run.

    Parameters
    ----------
    run, seed
        Name and seed.
    phantoms
        Whether the patients are phantoms.
    spacing_mm, preset
        Voxels of synthetic tumours, and the name of their priors.
    publish
        Preferred method and printed names.
    changed
        Settings that differ from the defaults, see ``changed_settings``.
    """

    run: str
    seed: int
    phantoms: bool
    spacing_mm: float
    preset: str
    publish: PublishSettings
    changed: Table | None = None


def write_report(path: str | Path, sources: ReportSources, facts: RunFacts) -> None:
    """Write the report as one self-contained HTML file.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    settings = facts.publish
    cohorts = {name: Cohort.load(folder) for name, folder in sources.evaluations.items()}
    checks = {case: read_table(folder / "qc.parquet").iloc[0] for case, folder in sources.case_dirs.items()}
    networks = {folder.name: read_json(folder / "model.json") for folder in sources.networks}
    record, times = read_run_record(sources.run_dir, _RULE), stage_times(sources.run_dir, _RULE)

    page = Page(f"gliofit report, run {facts.run}", contents=True)
    page.heading(f"Report of run {facts.run}", 1)
    page.paragraph(f"Growth models of brain tumours, personalised by gliofit. {RESEARCH}")
    summary = summary_sentences(cohorts, facts.phantoms, settings)
    if summary:
        page.heading("Summary")
        page.paragraph(" ".join(summary), "lead")
    page.heading("Warnings")
    warnings = run_warnings(cohorts, checks, networks, record, facts.phantoms, settings)
    none = ["No warnings: all methods converged on all cases, and all registrations are good."]
    page.items(warnings or none, "warnings" if warnings else "quiet")
    page.heading("Run")
    page.terms(_run_facts(sources, facts, cohorts, networks, record, times), "facts")
    for name, cohort in cohorts.items():
        page.heading(f"{_COHORTS[name]}: methods", 3)
        page.table(_method_table(cohort, settings))
    _add_cases(page, sources, settings)
    if sources.tables:
        page.heading("Tables")
        page.paragraph(page_text("tables"))
        _add_tables(page, sources.tables)
    if sources.figures:
        page.heading("Figures")
        _add_figures(page, sources, sources.figures)
    if checks:
        page.heading("Registration")
        page.paragraph(f"{CAPTIONS['registration']} Click a picture for full size.")
        page.gallery(_registrations(sources, checks))
    if sources.pilot or networks:
        page.heading("Simulated tumours and networks")
        _add_figures(page, sources, sources.pilot)
    if networks:
        page.heading("Networks", 3)
        page.table(_network_table(networks))
        page.paragraph(page_text("networks"))
        page.paragraph(CAPTIONS["learning_curve"])
        page.gallery(sources.show(folder / "learning_curve.png", _NARROW, folder.name) for folder in sources.networks)
    if sources.plans:
        page.heading("Target volumes")
        _add_tables(page, sources.plans, "Target volumes")
        page.paragraph(CAPTIONS["plan"])
        page.gallery(sources.show(path, _NARROW, case) for case, path in sources.plan_pictures.items())
    for title, tables, figures in (
        ("Study", sources.study, sources.study_figures),
        ("Surrogates and solver", sources.assess, sources.assess_figures),
    ):
        if tables or figures:
            page.heading(title)
            _add_figures(page, sources, figures)
            _add_tables(page, tables, title)
    if len(times):
        page.heading("Times")
        page.table(Table("Times", times, columns("times")))
        page.paragraph(page_text("times"))
    _add_settings(page, facts, record)
    page.heading("Glossary")
    page.terms(_glossary(), "symbols")
    page.heading("How to cite")
    page.items(section("citations"))
    page.paragraph(RESEARCH)
    page.write(path)


def _run_facts(
    sources: ReportSources, facts: RunFacts, cohorts: Mapping[str, Cohort], networks: Mapping[str, Any],
    record: RunRecord, times: pd.DataFrame,
) -> list[tuple[str, str]]:  # fmt: skip
    """Return facts about the run as terms and descriptions."""
    tumours = patients = period = duration = ""
    if "synthetic" in cohorts:
        n = cohorts["synthetic"].metrics["case"].nunique()
        tumours = f"{n}, voxels of {facts.spacing_mm:g} mm, priors “{facts.preset}”"
    if "patients" in cohorts:
        patients = f"{patient_count(cohorts['patients'].cases)}{' (phantoms)' if facts.phantoms else ''}"
    if record.started is not None and record.finished is not None:
        period = f"{record.started:%Y-%m-%d %H:%M} to {record.finished:%Y-%m-%d %H:%M %Z}"
    if len(times):
        duration = f"{_duration(times['cpu_seconds'].sum())} in {times['jobs'].sum()} jobs"
    counts = [f"{sum(role != 'oracle' for role in c.methods.values())} on {name}" for name, c in cohorts.items()]
    atlas = read_json(sources.atlas)
    voxels = " × ".join(f"{step:g}" for step in atlas["spacing_mm"])
    versions = ", ".join(record.versions.get("gliofit", ())) or __version__
    revisions = ", ".join(map(_shorten, record.revisions)) or "not recorded"
    entries = {
        "Run": f"{facts.run}, seed {facts.seed}; each job derives its seed from it",
        "Synthetic tumours": tumours, "Patients": patients, "Methods": ", ".join(counts),
        "Networks": ", ".join(networks), "Atlas": f"{atlas['name']}, voxels of {voxels} mm", "When": period,
        "Processor time": duration, "Machine": ", ".join(record.devices) or "not recorded",
        "gliofit": f"version {versions}, revision {revisions}",
    }  # fmt: skip
    return [(term, text) for term, text in entries.items() if text]


def _shorten(revision: str) -> str:
    """Shorten a revision to twelve digits, and mention uncommitted changes."""
    commit, _, dirty = revision.partition("-")
    return f"{commit[:12]}{' with changes' if dirty else ''}"


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _method_table(cohort: Cohort, settings: PublishSettings) -> Table:
    """Create the table of status and run time by method."""
    rows = []
    for method, part in cohort.metrics.groupby("method", sort=False):
        observed, name = part["observation"].dropna(), method_name(str(method), settings.method_names)
        row = {"method": name, "observation": "true θ" if observed.empty else str(observed.iloc[0]), "cases": len(part)}
        row |= {status: int((part["status"] == status).sum()) for status in ("ok", "not-converged", "failed")}
        rows.append(row | {name: part[name].median() for name in ("wall_seconds", "forward_wall_seconds")})
    return Table("Methods", pd.DataFrame(rows), columns("methods"))


def _network_table(networks: Mapping[str, Any]) -> Table:
    """Create the table of networks with their training and validation."""
    rows = []
    for name, model in networks.items():
        training, validation = model["training"], model["validation"]
        row = {"name": name, "kind": _NETWORKS.get(model["kind"], model["kind"]), "loss": validation["loss"]}
        row |= {key: training[key] for key in ("parameters", "samples", "epochs", "minutes")}
        row |= {"share": validation["loss"] / validation["baseline"]["loss"], "validated": validation["samples"]}
        rows.append(row | {"init": training["settings"]["init"] or ""})
    return Table("Networks", pd.DataFrame(rows), columns("networks"))


def _add_cases(page: Page, sources: ReportSources, settings: PublishSettings) -> None:
    """Add patients with small pictures and links, and links to pages of synthetic cases."""
    if "patients" in sources.evaluations:
        page.heading("Patients")
        page.paragraph("Names link to the patients' pages with pictures and estimates of all methods.")
        checks = {case: folder / "qc.parquet" for case, folder in sources.case_dirs.items()}
        rows = index_rows(checks, sources.evaluations["patients"] / "metrics.parquet", settings)
        for row, case in zip(rows, checks, strict=True):
            picture = show_patient(case, sources.case_dirs[case], sources.concentrations[case])
            row[0] = replace(row[0], picture=picture, link=sources.link(sources.pages[case]))
        page.grid(Grid.of(INDEX_HEADINGS, rows))
        methods = dict.fromkeys(path.parent.name for path in sources.concentrations.values())
        names = ", ".join(quoted_name(method, settings.method_names) for method in methods)
        page.paragraph(f"{page_text('patient-pictures', methods=names)} {index_note(settings)}")
    if sources.views:
        page.heading("Patients in three dimensions", 3)
        page.paragraph(CAPTIONS["view3d"])
        width = _NARROW if len(sources.views) < _MANY else _SMALL
        page.gallery(sources.show(path, width, case) for case, path in sources.views.items())
    others = [(case, sources.link(path)) for case, path in sources.pages.items() if case not in sources.case_dirs]
    if others:
        page.heading("Synthetic cases")
        page.links("Pages of single cases:", others)


def _add_tables(page: Page, paths: Sequence[Path], heading: str = "") -> None:
    """Add tables with captions and folded notes; no heading if the title equals that of the section."""
    for path in paths:
        table = load_table(path)
        if table.title != heading:
            page.heading(table.title, 3)
        if table.caption:
            page.paragraph(table.caption)
        for part in table.parts:
            if part is not table and part.title:
                page.heading(part.title, 4)
            if part.frame.empty:
                page.paragraph(part.empty)
            else:
                page.table(part)
        if table.footnotes:
            page.items(table.footnotes, folded=f"Notes to this table ({len(table.footnotes)})")


def _add_figures(page: Page, sources: ReportSources, paths: Sequence[Path]) -> None:
    for path in paths:
        page.figure(sources.show(path, _WIDE, CAPTIONS[path.stem]))


def _registrations(sources: ReportSources, checks: Mapping[str, pd.Series]) -> list[Picture]:
    """Return pictures of registrations with their status, the worst first."""
    order = {"poor": 0, "check": 1}
    pictures, width = [], _NARROW if len(checks) < _MANY else _SMALL
    for case, row in sorted(checks.items(), key=lambda item: order.get(str(item[1]["status"]), 2)):
        message = f" ({row['message']})" if row["message"] else ""
        caption = (
            f"{case}: {row['status']}{message}. Brain-mask Dice {row['brain_dice']:.3f}, correlation of T1 outside the "
            f"tumour {row['correlation']:.2f}."
        )
        pictures.append(sources.show(sources.case_dirs[case] / "qc.png", width, caption))
    return pictures


def _add_settings(page: Page, facts: RunFacts, record: RunRecord) -> None:
    page.heading("Settings and versions")
    page.paragraph("Settings that differ from the default; config/README.md explains all keys.")
    if facts.changed is not None and len(facts.changed.frame):
        page.table(facts.changed, sortable=False, folded=f"{len(facts.changed.frame)} settings with their meanings")
    versions = ", ".join(f"{name} {' and '.join(numbers)}" for name, numbers in record.versions.items())
    page.paragraph(
        f"Jobs on record: {record.jobs}. Versions: {versions or 'not recorded'}. The command “gliofit provenance FILE” "
        "shows how a file was made."
    )


def _glossary() -> list[tuple[str, str]]:
    """Return terms with their meanings; quantities of the growth model follow the concentration."""
    space = find_growth_model(DEFAULT).space
    first, *others = section("glossary").items()
    quantities = [
        (f"{quantity.heading} ({quantity.unit})" if quantity.unit else quantity.heading, f"{quantity.meaning}.")
        for quantity in (*space.others, *space.derived)
    ]
    return [first, *quantities, *others]
