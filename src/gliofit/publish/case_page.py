"""Page of one synthetic case: true tumour, the estimate of every method, and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.grid import Volume
from gliofit.core.io import read_like, read_table, read_volume
from gliofit.core.tissue import Tissue
from gliofit.figures.colours import TISSUE_KINDS
from gliofit.invert.uncertainty import INTERVAL_LEVEL
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.estimates import errors_table
from gliofit.publish.patient_record import CaseSources, MethodRecord, add_provenance, read_methods
from gliofit.publish.settings import PublishSettings
from gliofit.publish.viewer import Viewer, cell_colours, difference_colours
from gliofit.report.page import Page
from gliofit.report.texts import page_text

#: Largest absolute difference on the colour scale.
_DIFFERENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_TRUTH_COLOUR = "#FFFFFF"


def write_case_page(sources: CaseSources, path: str | Path, settings: PublishSettings, run: str) -> None:
    """Write the page of a case of a run as a self-contained HTML file.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the case, or the metrics lack a method.
    """
    methods = read_methods(sources, settings)
    row = read_table(sources.case_dir / "truth.parquet").iloc[0]
    truth = read_volume(sources.case_dir / "concentration.nii.gz")
    spacing = " × ".join(f"{step:g}" for step in np.round(truth.grid.spacing_mm, 3))

    page = Page(f"{sources.case}, run {run}")
    page.heading(f"Synthetic case {sources.case}", 1)
    page.paragraph(
        f"Run {run}. A tumour of {row['volume_mm3'] / 1000:.1f} cc that the forward solver ({row['integrator']}) grew "
        f"from known parameters; voxels {spacing} mm. Estimates can therefore be compared with the ground truth."
    )
    page.heading("Viewer")
    _viewer(sources, methods, truth).add_to(page)
    page.heading("Parameters and their errors")
    page.table(errors_table(methods, row), sortable=False, first_row=True)
    page.paragraph(page_text("case-errors", level=INTERVAL_LEVEL))
    page.heading("Provenance")
    if not add_provenance(page, sources, methods):
        page.paragraph("No provenance was recorded.")
    page.write(path)


def _viewer(sources: CaseSources, methods: Sequence[MethodRecord], truth: Volume) -> Viewer:
    """Return the viewer with tissue, ground truth, estimates, and their differences on one scale."""
    tissue = Tissue.load(sources.case_dir, "probabilities")
    labels = read_like(sources.case_dir / "labels.nii.gz", truth.grid)
    # The concentration may be positive outside the labelled brain.
    brain = Volume((labels.data > 0) | (truth.data > 0), truth.grid)
    viewer = Viewer(brain, centre_of_mass_mm(truth), "the tumour's centre", "the case's files")
    viewer.grey("tissue as grey values", 0.85 * tissue.wm + 0.55 * tissue.gm + 0.25 * tissue.csf)
    group = "Tumour-cell concentration"
    viewer.map("truth", group, truth.data, cell_colours(), visible=True, line=(WHOLE_THRESHOLD, _TRUTH_COLOUR, ()))
    cells = viewer.cells(methods, sources, group)
    differences = {name: values.astype(np.float32) - truth.data for name, values in cells.items()}
    most = max((float(np.abs(values).max()) for values in differences.values()), default=0.0)
    scale = difference_colours(next((end for end in _DIFFERENCES if most <= end), _DIFFERENCES[-1]))
    for name, values in differences.items():
        viewer.map(name, "Estimate minus truth", values, scale)
    viewer.labels("tissue labels", "Tissue", labels.data, TISSUE_KINDS)
    return viewer
