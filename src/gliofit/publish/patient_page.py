"""Page of one patient: pictures, estimates of all methods, target volumes and provenance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit import __version__
from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.io import read_table, read_volume
from gliofit.figures.colours import deviation_scale
from gliofit.growth.model import find_growth_model, space_of
from gliofit.invert.settings import BoundsSettings
from gliofit.plan.tables import PLAN_NUMBERS
from gliofit.publish.estimates import column_meanings, describe_estimate, estimates_table
from gliofit.publish.patient_picture import CellMap, PatientPicture, draw_patient_picture
from gliofit.publish.patient_record import (
    RESEARCH,
    MethodRecord,
    PatientRecord,
    PatientSources,
    add_provenance,
    read_record,
)
from gliofit.publish.patient_viewer import patient_viewer
from gliofit.publish.patient_warnings import patient_warnings, registration_text
from gliofit.publish.pictures import page_picture
from gliofit.publish.settings import PublishSettings
from gliofit.publish.slices import Anatomy
from gliofit.register.quality import criteria
from gliofit.register.settings import RegisterSettings
from gliofit.report.names import method_name
from gliofit.report.numbers import MISSING
from gliofit.report.page import Page
from gliofit.report.table import Table, column, text_table
from gliofit.report.texts import page_text

#: Method whose uncertainty is shown if the preferred one has none.
_UNCERTAIN = "gauss-newton-segmentation"


def write_patient_page(
    sources: PatientSources, out_dir: str | Path, settings: PublishSettings, bounds: BoundsSettings,
    register: RegisterSettings, run: str,
) -> None:  # fmt: skip
    """Write ``{case}.png`` and ``{case}.html``, a self-contained page with picture and viewer.

    Parameters
    ----------
    sources
        Files of the patient.
    out_dir, run
        Folder to write to, and name of the run.
    settings
        Preferred method and printed names.
    bounds, register
        Bounds of the search, and criteria for registrations.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the patient, the segmentation contains no tumour, or the
        metrics lack a method.
    """
    record = read_record(sources, settings)
    anatomy = Anatomy.load(sources.case_dir)
    picture = _picture(sources, record, anatomy)
    png = Path(out_dir) / f"{sources.case}.png"
    draw_patient_picture(png, picture)

    checks, centre = record.checks, centre_of_mass_mm(anatomy.whole)
    spacing = " × ".join(f"{step:g}" for step in np.round(anatomy.grid.spacing_mm, 3))
    page = Page(f"{sources.case}, run {run}")
    page.heading(f"Patient {sources.case}", 1)
    page.paragraph(
        f"Run {run}. Whole tumour {checks['tumour_cc']:.1f} cc, core {checks['core_cc']:.1f} cc (enhancing "
        f"{checks['enhancing_cc']:.1f} cc); voxels {spacing} mm; label scheme {checks['labels']}. {RESEARCH}"
    )
    _add_warnings(page, record, bounds, centre)
    page.heading("Viewer")
    patient_viewer(sources, record, settings, anatomy).add_to(page)
    _explain_empty_maps(page, sources, record)
    _add_estimates(page, record, settings, centre)
    if sources.plans:
        _add_plans(page, sources, settings)
    page.heading("Picture")
    page.image(page_picture(png), picture.description())
    _add_registration(page, sources, record, register)
    _add_provenance(page, sources, record)
    page.write(Path(out_dir) / f"{sources.case}.html")


def _add_warnings(page: Page, record: PatientRecord, bounds: BoundsSettings, centre_mm: NDArray[np.float64]) -> None:
    """Add the warnings (or that there are none) and the registration if no warning mentions it."""
    warnings = patient_warnings(record, bounds, centre_mm)
    texts = warnings or ["No warnings: all methods converged within their bounds."]
    if record.checks["status"] == "ok":
        texts = [*texts, registration_text(record)]
    page.heading("Warnings")
    page.items(texts, "warnings" if warnings else "quiet")


def _explain_empty_maps(page: Page, sources: PatientSources, record: PatientRecord) -> None:
    """Explain maps of the standard deviation that look empty."""
    exact, none = [], []
    for method in record.methods:
        if method.method in sources.uncertainties:
            most = float(read_volume(sources.uncertainties[method.method]).data.max())
            if most == 0:
                none.append(method.name)
            elif most < deviation_scale(0) / 2 and method.parameters["observation"] != "segmentation":
                exact.append(f"{method.name} (at most {most:.0e})")
    for text, names in (("exact-fit", exact), ("no-covariance", none)):
        if names:
            page.paragraph(page_text(text, names=", ".join(names)))


def _picture(sources: PatientSources, record: PatientRecord, anatomy: Anatomy) -> PatientPicture:
    """Read the slices of all volumes, one volume at a time."""
    slices = anatomy.slices
    t1 = slices.read_image(sources.case_dir / "t1.nii.gz")
    images = {"T1c": slices.read_image(sources.images["t1c"])} if "t1c" in sources.images else {"T1": t1}
    if "flair" in sources.images:
        images["FLAIR"] = slices.read_image(sources.images["flair"])
    maps = []
    for method in record.methods:
        cuts = None if method.status == "failed" else slices.read(sources.concentration(method.method))
        maps.append(CellMap(method.name, cuts, _scores_text(method)))
    deviation = None
    for method in sorted(record.methods, key=lambda m: (m.method != record.preferred, m.method != _UNCERTAIN)):
        if deviation is None and method.method in sources.uncertainties:
            values = slices.read(sources.uncertainties[method.method])
            # Zero if the method failed or has no covariance.
            if any(cut.any() for cut in values.values()):
                deviation = method.name, values
    return PatientPicture(
        slices, images, t1, slices.cut(anatomy.labels.data), slices.cut(anatomy.whole.data), slices.cut(anatomy.core),
        maps, record.preferred is not None, deviation,
    )  # fmt: skip


def _scores_text(method: MethodRecord) -> str:
    scores = (("Dice", method.scores["dice_whole_033"]), ("core", method.scores["dice_core_060"]))
    return ", ".join(f"{name} {value:.2f}" for name, value in scores if np.isfinite(value)) or " "


def _add_estimates(
    page: Page, record: PatientRecord, settings: PublishSettings, centre_mm: NDArray[np.float64]
) -> None:
    """Add the first method's estimate in words, and the table of all estimates with its explanation."""
    page.heading("Estimates")
    if record.preferred is None:
        page.paragraph("All methods failed on this patient.")
    else:
        chosen, *rest = record.methods
        if record.preferred == settings.preferred_method:
            page.paragraph(f"In words, by {chosen.name}:")
        else:
            wanted = method_name(settings.preferred_method, settings.method_names)
            page.paragraph(
                f"The preferred method, {wanted}, is not part of the run or failed; {chosen.name} is shown instead."
            )
        same = chosen.parameters["observation"]
        others = [other for other in rest if other.status != "failed" and other.parameters["observation"] == same]
        page.terms(describe_estimate(chosen, others))
    table = estimates_table(record.methods, centre_mm)
    page.table(table, sortable=False, first_row=record.preferred is not None)
    page.heading("How to read the table", 3)
    page.terms(column_meanings(table))
    models = dict.fromkeys(space_of(method.parameters).model for method in record.methods)
    page.paragraph(" ".join([*(find_growth_model(name).undetermined for name in models), RESEARCH]))


def _add_registration(page: Page, sources: PatientSources, record: PatientRecord, register: RegisterSettings) -> None:
    """Add the picture for quality control of the registration, with criteria."""
    page.heading("Registration")
    page.paragraph(page_text("registration"))
    page.paragraph(registration_text(record))
    rows = [
        [item.name, item.value, *(text or MISSING for text in (item.good, item.borderline, item.poor))]
        for item in criteria(record.checks, register)
    ]
    headings = ("Criterion", "This patient", "Good", "Borderline", "Poor")
    page.table(text_table(headings, rows), sortable=False)
    page.paragraph("One criterion is sufficient. A registration with a failed deformable step is also poor.")
    page.image(page_picture(sources.case_dir / "qc.png"), page_text("registration-picture"))


def _add_plans(page: Page, sources: PatientSources, settings: PublishSettings) -> None:
    """Add the target volumes of all methods and margins."""
    frames = [
        read_table(path).assign(method=method_name(method, settings.method_names))
        for method, path in sources.plans.items()
    ]
    columns = (
        column("method", "Method"), column("margin_mm", "Margin", "mm", format="g"), *PLAN_NUMBERS,
        column("status", "Status"), column("message", "Remark"),
    )  # fmt: skip
    page.heading("Target volumes")
    page.table(Table("Target volumes", pd.concat(frames, ignore_index=True), columns), sortable=False)
    page.paragraph(f"{page_text('targets')} {RESEARCH}")


def _add_provenance(page: Page, sources: PatientSources, record: PatientRecord) -> None:
    """Add integrators of forward simulations and the jobs with a sidecar."""
    page.heading("Provenance")
    integrators: dict[str, list[str]] = {}
    for method in record.methods:
        integrator = method.scores["final_integrator"]
        # `none` if the method estimates the concentration directly.
        text = str(integrator) if isinstance(integrator, str) else "not recorded"
        integrators.setdefault(text, []).append(method.name)
    runs = "; ".join(f"{name} ({', '.join(methods)})" for name, methods in integrators.items())
    page.paragraph(f"This page was written by gliofit {__version__}. Integrator of the forward simulations: {runs}.")
    if add_provenance(page, sources, record.methods, ("registration", sources.case_dir / "t1.nii.gz")):
        page.paragraph(page_text("seeds"))
