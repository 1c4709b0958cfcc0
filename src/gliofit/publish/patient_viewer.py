"""Viewer of a patient page: MRI, tissue, segmentation, concentrations, uncertainty and target volumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.grid import Volume
from gliofit.core.io import read_like, read_table
from gliofit.core.labels import TumourLabel
from gliofit.figures.colours import BLACK, CLINICAL, CORE, PERSONALISED, TISSUE_KINDS, WHOLE, deviation_scale
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.patient_record import PatientRecord, PatientSources
from gliofit.publish.settings import PublishSettings
from gliofit.publish.slices import Anatomy
from gliofit.publish.viewer import Viewer, cell_colours, deviation_colours
from gliofit.report.names import method_name

#: Names of layer groups.
_CELLS, _OUTLINES, _DEVIATIONS = "Tumour-cell concentration", "Outlines", "Uncertainty"

#: Dashes in line widths.
_DASHES = (2.0, 1.5)

_TUMOUR = [TumourLabel.NECROTIC, TumourLabel.OEDEMA, TumourLabel.ENHANCING, TumourLabel.NON_ENHANCING]
_CORE = [label for label in _TUMOUR if label != TumourLabel.OEDEMA]


def patient_viewer(
    sources: PatientSources, record: PatientRecord, settings: PublishSettings, anatomy: Anatomy
) -> Viewer:
    """Create the viewer; it initially shows the first MRI, the segmentation and the first method.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the patient.
    """
    grid, segmentation = anatomy.grid, anatomy.segmentation.data
    brain = Volume(anatomy.brain.data | anatomy.whole.data, grid)
    viewer = Viewer(brain, centre_of_mass_mm(anatomy.whole), "the tumour's centre", "the T1 image")
    images = {**sources.images, "t1": sources.case_dir / "t1.nii.gz"}
    for role, name in (("t1c", "T1c"), ("flair", "FLAIR"), ("t1", "T1")):
        if role in images:
            viewer.image(name, read_like(images[role], grid).data)
    viewer.outline("segmentation, whole", _OUTLINES, segmentation, _TUMOUR, WHOLE, visible=True)
    viewer.outline("segmentation, core", _OUTLINES, segmentation, _CORE, CORE, _DASHES, visible=True)
    _add_targets(viewer, sources, settings)
    if sources.truth is not None:
        truth = read_like(sources.truth, grid).data
        viewer.map("truth of the phantom", _CELLS, truth, cell_colours(), line=(WHOLE_THRESHOLD, BLACK, ()))
    viewer.cells(record.methods, sources, _CELLS, record.preferred)
    _add_deviations(viewer, record, sources.uncertainties)
    viewer.labels("registered tissue", "Tissue", anatomy.labels.data, TISSUE_KINDS)
    return viewer


def _add_targets(viewer: Viewer, sources: PatientSources, settings: PublishSettings) -> None:
    """Add outlines of target volumes; the clinical target of a margin is the same for all methods."""
    margins = set()
    for method, table in sources.plans.items():
        name = method_name(method, settings.method_names)
        for margin in read_table(table)["margin_mm"].astype(float):
            files = (table.parent / f"{kind}-{margin:g}mm.nii.gz" for kind in ("clinical", "personalised"))
            clinical, personalised = (read_like(path, viewer.grid).data > 0 for path in files)
            both = (clinical + 2 * personalised).astype(np.uint8)
            if margin not in margins:
                viewer.outline(f"clinical target, {margin:g} mm", _OUTLINES, both, (1, 3), CLINICAL)
                margins.add(margin)
            title = f"personalised target, {margin:g} mm, {name}"
            viewer.outline(title, _OUTLINES, both, (2, 3), PERSONALISED, _DASHES)


def _add_deviations(viewer: Viewer, record: PatientRecord, uncertainties: Mapping[str, Path]) -> None:
    """Add maps of the standard deviation on one scale, or a remark if a map would look empty."""
    methods = [method for method in record.methods if method.method in uncertainties]
    maps = {method.name: read_like(uncertainties[method.method], viewer.grid).data for method in methods}
    scale = deviation_scale(max((float(values.max()) for values in maps.values()), default=0.0))
    for name, values in maps.items():
        most = float(values.max())
        if most < deviation_scale(0.0) / 2:
            viewer.missing(name, _DEVIATIONS, f"not shown: at most {most:.1g}" if most else "none")
        else:
            viewer.map(name, _DEVIATIONS, values, deviation_colours(scale))
