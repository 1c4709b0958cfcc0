"""Report of a run: settings, warnings, tables, figures and provenance."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit import __version__
from gliofit.core.io import read_json, read_table
from gliofit.publish.captions import CAPTIONS
from gliofit.publish.cohort import Cohort
from gliofit.publish.glossary import CITATIONS, GLOSSARY
from gliofit.publish.notes import patient_count
from gliofit.publish.patient_index import INDEX_HEADINGS, index_note, index_rows
from gliofit.publish.report_sources import ReportSources, RunFacts
from gliofit.publish.report_summary import summary_sentences
from gliofit.publish.report_warnings import run_warnings
from gliofit.publish.run_record import RunRecord, read_run_record, stage_times
from gliofit.publish.settings import PublishSettings
from gliofit.publish.shown import show_file
from gliofit.publish.thumbnail import show_patient
from gliofit.report.names import method_name, quoted_name
from gliofit.report.page import Page
from gliofit.report.table import Picture, Table, load_table
from gliofit.report.texts import columns, page_text

#: Rule that writes the report; its own records are ignored.
RULE = "write_report"

_RESEARCH = "Research output, not for clinical decisions."

#: Widths of pictures in pixels: full width, side by side, and many.
_WIDE, _NARROW, _SMALL = 1600, 760, 420

#: Number of patients from which on pictures of registrations are small.
_MANY = 16

_KINDS = {
    "surrogate": "surrogate: predicts the tumour",
    "direct-inverse": "direct inverse: predicts θ",
    "atlas-inverse": "inverse in the atlas: predicts θ from outlines",
}

_COHORTS = {"synthetic": "Synthetic tumours", "patients": "Patients"}


def write_report(path: str | Path, sources: ReportSources, facts: RunFacts) -> None:
    """Write the report as one self-contained HTML file.

    Parameters
    ----------
    path
        File to write.
    sources, facts
        Files of the run, and facts from its configuration.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    settings = facts.publish
    cohorts = {name: Cohort.load(folder) for name, folder in sources.evaluations.items()}
    checks = {case: read_table(folder / "qc.parquet").iloc[0] for case, folder in sources.case_dirs.items()}
    networks = {folder.name: read_json(folder / "model.json") for folder in sources.networks}
    record, times = read_run_record(sources.run_dir, RULE), stage_times(sources.run_dir, RULE)

    page = Page(f"gliofit report, run {facts.run}", contents=True)
    page.heading(f"Report of run {facts.run}", 1)
    page.paragraph(f"Growth models of brain tumours, personalised by gliofit. {_RESEARCH}")
    summary = summary_sentences(cohorts, facts.phantoms, settings)
    if summary:
        page.heading("Summary")
        page.paragraph(" ".join(summary), "lead")
    page.heading("Warnings")
    warnings = run_warnings(cohorts, checks, networks, record, facts.phantoms, settings)
    none = ["No warnings: all methods converged on all cases, and all registrations are good."]
    page.items(warnings or none, "warnings" if warnings else "quiet")
    page.heading("Run")
    page.terms(_what_was_run(sources, facts, cohorts, networks, record, times), "facts")
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
        _add_networks(page, sources, networks)
    if sources.plans:
        page.heading("Target volumes")
        _add_tables(page, sources.plans, "Target volumes")
        page.paragraph(CAPTIONS["plan"])
        page.gallery(_show(sources, path, _NARROW, case) for case, path in sources.plan_pictures.items())
    for title, tables, figures in (
        ("Study", sources.study, sources.study_figures),
        ("Surrogates and solver", sources.assess, sources.assess_figures),
    ):
        if tables or figures:
            page.heading(title)
            _add_figures(page, sources, figures)
            _add_tables(page, tables, title)
    _add_times(page, times)
    _add_settings(page, facts, record)
    page.heading("Glossary")
    page.terms(GLOSSARY, "symbols")
    page.heading("How to cite")
    page.items(CITATIONS)
    page.paragraph(_RESEARCH)
    page.write(path)


def _what_was_run(
    sources: ReportSources, facts: RunFacts, cohorts: Mapping[str, Cohort], networks: Mapping[str, Any],
    record: RunRecord, times: pd.DataFrame,
) -> list[tuple[str, str]]:  # fmt: skip
    """Return facts about the run as terms and descriptions."""
    tumours = patients = when = spent = ""
    if "synthetic" in cohorts:
        n = cohorts["synthetic"].metrics["case"].nunique()
        tumours = f"{n}, voxels of {facts.spacing_mm:g} mm, priors “{facts.preset}”"
    if "patients" in cohorts:
        patients = f"{patient_count(cohorts['patients'].cases)}{' (phantoms)' if facts.phantoms else ''}"
    if record.started is not None and record.finished is not None:
        when = f"{record.started:%Y-%m-%d %H:%M} to {record.finished:%Y-%m-%d %H:%M %Z}"
    if len(times):
        spent = f"{_duration(times['cpu_seconds'].sum())} in {times['jobs'].sum()} jobs"
    counts = [f"{sum(role != 'oracle' for role in c.methods.values())} on {name}" for name, c in cohorts.items()]
    atlas = read_json(sources.atlas)
    voxels = " × ".join(f"{step:g}" for step in atlas["spacing_mm"])
    versions = ", ".join(record.versions.get("gliofit", ())) or __version__
    revisions = ", ".join(map(_short, record.revisions)) or "not recorded"
    found = {
        "Run": f"{facts.run}, seed {facts.seed}; each job derives its seed from it",
        "Synthetic tumours": tumours, "Patients": patients, "Methods": ", ".join(counts),
        "Networks": ", ".join(networks), "Atlas": f"{atlas['name']}, voxels of {voxels} mm", "When": when,
        "Processor time": spent, "Machine": ", ".join(record.devices) or "not recorded",
        "gliofit": f"version {versions}, revision {revisions}",
    }  # fmt: skip
    return [(term, text) for term, text in found.items() if text]


def _short(revision: str) -> str:
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
        seen, name = part["observation"].dropna(), method_name(str(method), settings.method_names)
        row = {"method": name, "sees": "true θ" if seen.empty else str(seen.iloc[0]), "cases": len(part)}
        row |= {status: int((part["status"] == status).sum()) for status in ("ok", "not-converged", "failed")}
        rows.append(row | {name: part[name].median() for name in ("wall_seconds", "forward_wall_seconds")})
    return Table("Methods", pd.DataFrame(rows), columns("methods"))


def _add_cases(page: Page, sources: ReportSources, settings: PublishSettings) -> None:
    """Add patients with small pictures and links, and links to pages of synthetic cases."""
    patients = {case: folder / "qc.parquet" for case, folder in sources.case_dirs.items()}
    others = [case for case in sources.pages if case not in patients]
    if "patients" in sources.evaluations:
        page.heading("Patients")
        page.paragraph("Names link to the patients' pages with pictures and estimates of all methods.")
        rows = index_rows(patients, sources.evaluations["patients"] / "metrics.parquet", settings)
        for row, case in zip(rows, patients, strict=True):
            small = show_patient(case, sources.case_dirs[case], sources.concentrations[case])
            # Twice the resolution, for high-density screens.
            small = replace(small, size=(small.size[0] // 2, small.size[1] // 2))
            row[0] = replace(row[0], picture=small, link=_link(sources, sources.pages[case]))
        page.grid(INDEX_HEADINGS, rows, sortable=True)
        pictures = page_text("patient-pictures", methods=_drawn_methods(sources, settings))
        page.paragraph(f"{pictures} {index_note(settings)}")
    if sources.views:
        page.heading("Patients in three dimensions", 3)
        page.paragraph(CAPTIONS["view3d"])
        width = _NARROW if len(sources.views) < _MANY else _SMALL
        page.gallery(_show(sources, path, width, case) for case, path in sources.views.items())
    if others:
        page.heading("Synthetic cases")
        page.links("Pages of single cases:", [(case, _link(sources, sources.pages[case])) for case in others])


def _drawn_methods(sources: ReportSources, settings: PublishSettings) -> str:
    """Return the methods shown in the small pictures."""
    methods = dict.fromkeys(path.parent.name for path in sources.concentrations.values())
    return ", ".join(quoted_name(method, settings.method_names) for method in methods)


def _link(sources: ReportSources, path: Path) -> str:
    return Path(os.path.relpath(path, sources.out_dir)).as_posix()


def _add_tables(page: Page, paths: Sequence[Path], section: str = "") -> None:
    """Add tables with captions and folded notes; no heading if the title equals that of the section."""
    for path in paths:
        table = load_table(path)
        if table.title != section:
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
        page.figure(_show(sources, path, _WIDE, CAPTIONS[path.stem]))


def _show(sources: ReportSources, path: Path, width: int, caption: str) -> Picture:
    """Return a picture that links to its file."""
    return show_file(path, caption.partition(". ")[0], width, caption, _link(sources, path))


def _registrations(sources: ReportSources, checks: Mapping[str, pd.Series]) -> list[Picture]:
    """Return pictures of registrations with their status, the worst first."""
    order = {"poor": 0, "check": 1}
    found, width = [], _NARROW if len(checks) < _MANY else _SMALL
    for case in sorted(checks, key=lambda case: order.get(str(checks[case]["status"]), 2)):
        row = checks[case]
        message = f" ({row['message']})" if row["message"] else ""
        caption = (
            f"{case}: {row['status']}{message}. Brain-mask Dice {row['brain_dice']:.3f}, correlation of T1 outside the "
            f"tumour {row['correlation']:.2f}."
        )
        found.append(_show(sources, sources.case_dirs[case] / "qc.png", width, caption))
    return found


def _add_networks(page: Page, sources: ReportSources, networks: Mapping[str, Any]) -> None:
    """Add the pilot, a table of networks and their learning curves."""
    _add_figures(page, sources, sources.pilot)
    if not networks:
        return
    rows = []
    for name, model in networks.items():
        training, validation = model["training"], model["validation"]
        row = {"name": name, "kind": _KINDS.get(model["kind"], model["kind"]), "loss": validation["loss"]}
        row |= {key: training[key] for key in ("parameters", "samples", "epochs", "minutes")}
        row |= {"share": validation["loss"] / validation["baseline"]["loss"], "validated": validation["samples"]}
        rows.append(row | {"init": training["settings"]["init"] or ""})
    page.heading("Networks", 3)
    page.table(Table("Networks", pd.DataFrame(rows), columns("networks")))
    page.paragraph(page_text("networks"))
    page.paragraph(CAPTIONS["learning_curve"])
    page.gallery(_show(sources, folder / "learning_curve.png", _NARROW, folder.name) for folder in sources.networks)


def _add_times(page: Page, times: pd.DataFrame) -> None:
    if times.empty:
        return
    page.heading("Times")
    page.table(Table("Times", times, columns("times")))
    page.paragraph(page_text("times"))


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
