"""The page of one synthetic case: the true tumour, every method's, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from gliofit.publish.patient_record import MethodRecord, read_methods
from gliofit.publish.provenance import provenance_table
from gliofit.publish.settings import PublishSettings
from gliofit.publish.viewer import Viewer
from gliofit.publish.viewer_colours import cell_colours, difference_colours
from gliofit.publish.viewer_volumes import ViewerBox
from gliofit.report.names import method_name, method_styles
from gliofit.report.page import Page

__all__ = ["CaseSources", "write_case_page"]

#: Ends of the scale of differences.
_DIFFERENCES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_TRUTH_COLOUR = "#FFFFFF"
#: Grey of white and grey matter and of CSF in the background.
_GREYS = {"wm": 0.85, "gm": 0.55, "csf": 0.25}


@dataclass(frozen=True, eq=False)
class CaseSources:
    """Files of one synthetic case.

    Parameters
    ----------
    case
        Name of the case.
    case_dir
        ``simulate/synthetic/{case}``, with tissue, ``truth.parquet`` and ``concentration.nii.gz``.
    invert_dirs, forward_dirs
        Folders with ``parameters.parquet`` and with ``concentration.nii.gz``, by method.
    metrics
        ``metrics.parquet`` of the case.
    """

    case: str
    case_dir: Path
    invert_dirs: Mapping[str, Path]
    forward_dirs: Mapping[str, Path]
    metrics: Path


def write_case_page(sources: CaseSources, path: str | Path, settings: PublishSettings, run: str) -> None:
    """Write the page, which needs no other file.

    Parameters
    ----------
    sources
        Files of the case.
    path
        HTML file to write.
    settings
        Printed names of methods.
    run
        Name of the run.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the case, or the metrics lack a method.
    """
    names = {method: method_name(method, settings.method_names) for method in sources.invert_dirs}
    parameters = {method: folder / "parameters.parquet" for method, folder in sources.invert_dirs.items()}
    methods = read_methods(parameters, sources.metrics, names)
    row = read_table(sources.case_dir / "truth.parquet").iloc[0]
    truth = read_volume(sources.case_dir / "concentration.nii.gz")
    spacing = " × ".join(f"{step:g}" for step in np.round(truth.grid.spacing_mm, 3))

    page = Page(f"{sources.case}, run {run}")
    page.heading(f"Synthetic case {sources.case}", 1)
    page.paragraph(
        f"Run {run}. A tumour of {row['volume_mm3'] / 1000:.1f} cc that the forward solver ({row['integrator']}) grew "
        f"from known parameters; voxels {spacing} mm. What methods found can therefore be held against the truth."
    )
    page.heading("Viewer")
    _viewer(sources, methods, truth).add_to(page)
    page.heading("Parameters and their errors")
    page.table(errors_table(methods, row), sortable=False, first_row=True)
    page.paragraph(
        f"Errors of parameters are relative to the truth. In brackets: the {INTERVAL_LEVEL:.0%} interval, "
        "where a method gives one. MSE: mean squared error of the final run's concentration over the volume. Dice: "
        "overlap with the true tumour where both are cut at the same concentration (1: the same, 0: apart)."
    )
    _add_provenance(page, sources, methods)
    page.write(path)


def _viewer(sources: CaseSources, methods: Sequence[MethodRecord], truth: Volume) -> Viewer:
    """Tissue, the truth, every method's cells, and their differences from the truth in one scale."""
    tissue = Tissue.load(sources.case_dir, "probabilities")
    labels = read_like(sources.case_dir / "labels.nii.gz", truth.grid)
    # Cells may reach where the labels see no brain.
    brain = Volume((labels.data > 0) | (truth.data > 0), truth.grid)
    viewer = Viewer(ViewerBox.around(brain), centre_of_mass_mm(truth), "the tumour's centre", "the case's files")
    viewer.grey("tissue as grey values", sum(shade * getattr(tissue, name) for name, shade in _GREYS.items()))
    group, differences = "Tumour-cell concentration", "Estimate minus truth"
    viewer.map("truth", group, truth.data, cell_colours(), visible=True, line=(WHOLE_THRESHOLD, _TRUTH_COLOUR, ()))
    styles = method_styles(method.method for method in methods)
    apart = {}
    for method in methods:
        if method.status == "failed":
            viewer.missing(method.name, group, "failed")
            continue
        cells = read_like(sources.forward_dirs[method.method] / "concentration.nii.gz", truth.grid).data
        style = styles[method.method]
        viewer.map(method.name, group, cells, cell_colours(), line=(WHOLE_THRESHOLD, style.colour, style.line[1]))
        apart[method.name] = cells.astype(np.float32) - truth.data
    most = max((float(np.abs(values).max()) for values in apart.values()), default=0.0)
    scale = difference_colours(next((end for end in _DIFFERENCES if most <= end), _DIFFERENCES[-1]))
    for name, values in apart.items():
        viewer.map(name, differences, values, scale)
    viewer.labels("tissue labels", "Tissue", labels.data, TISSUE_KINDS)
    return viewer


def _add_provenance(page: Page, sources: CaseSources, methods: Sequence[MethodRecord]) -> None:
    """The jobs that left a sidecar."""
    jobs = []
    for method in methods:
        jobs.append((f"{method.name}: estimate", sources.invert_dirs[method.method] / "parameters.parquet"))
        jobs.append((f"{method.name}: final run", sources.forward_dirs[method.method] / "concentration.nii.gz"))
    table = provenance_table(jobs)
    if len(table.frame):
        page.heading("How this came about")
        page.table(table, sortable=False, folded=f"{len(table.frame)} jobs with seeds and inputs")
