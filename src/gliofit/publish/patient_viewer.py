"""Viewer of a patient page: MRI, tissue, segmentation, concentrations, uncertainty and target volumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gliofit.core.crop import centre_of_mass_mm
from gliofit.core.grid import Volume
from gliofit.core.io import read_like
from gliofit.core.labels import TumourLabel
from gliofit.figures.colours import BLACK, CLINICAL, CORE, PERSONALISED, TISSUE_KINDS, WHOLE, deviation_scale
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.patient_record import CaseSources, PatientRecord
from gliofit.publish.slices import Anatomy
from gliofit.publish.viewer import Viewer
from gliofit.publish.viewer_colours import cell_colours, deviation_colours
from gliofit.publish.viewer_volumes import ViewerBox

#: Files of the clinical and of the personalised target volume, by margin in mm and printed name of the method.
TargetFiles = Mapping[tuple[float, str], tuple[Path, Path]]

#: Names of layer groups.
CELLS, _TISSUE, _OUTLINES, _DEVIATIONS = "Tumour-cell concentration", "Tissue", "Outlines", "Uncertainty"

#: Dashes in line widths.
_DASHES = (2.0, 1.5)

_TUMOUR = [TumourLabel.NECROTIC, TumourLabel.OEDEMA, TumourLabel.ENHANCING, TumourLabel.NON_ENHANCING]
_CORE = [label for label in _TUMOUR if label != TumourLabel.OEDEMA]


def patient_viewer(
    record: PatientRecord,
    anatomy: Anatomy,
    sources: CaseSources,
    images: Mapping[str, Path],
    uncertainties: Mapping[str, Path],
    targets: TargetFiles,
    truth: Path | None = None,
) -> Viewer:
    """Create the viewer; it initially shows the first MRI, the segmentation and the first method.

    Parameters
    ----------
    record
        The patient.
    anatomy
        Segmentation and tissue.
    sources
        Files of the patient.
    images
        MRI by printed name.
    uncertainties
        Standard deviation of the concentration by method.
    targets
        Target volumes.
    truth
        True concentration of a phantom.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the patient.
    """
    grid, segmentation = anatomy.grid, anatomy.segmentation
    brain = Volume(anatomy.brain.data | anatomy.whole.data, grid)
    viewer = Viewer(ViewerBox.around(brain), centre_of_mass_mm(anatomy.whole), "the tumour's centre", "the T1 image")
    for name, path in images.items():
        viewer.image(name, read_like(path, grid).data)
    viewer.outline("segmentation, whole", _OUTLINES, segmentation.data, _TUMOUR, WHOLE, visible=True)
    viewer.outline("segmentation, core", _OUTLINES, segmentation.data, _CORE, CORE, _DASHES, visible=True)
    _add_targets(viewer, targets)
    if truth is not None:
        cells = read_like(truth, grid).data
        viewer.map("truth of the phantom", CELLS, cells, cell_colours(), line=(WHOLE_THRESHOLD, BLACK, ()))
    viewer.cells(record.methods, sources, CELLS, record.preferred)
    _add_deviations(viewer, record, uncertainties)
    viewer.labels("registered tissue", _TISSUE, anatomy.labels.data, TISSUE_KINDS)
    return viewer


def _add_targets(viewer: Viewer, targets: TargetFiles) -> None:
    """Add outlines of target volumes; the clinical target of a margin is the same for all methods."""
    clinical_done = set()
    for (margin, name), files in targets.items():
        clinical, personalised = (read_like(path, viewer.box.source).data > 0 for path in files)
        both = (clinical + 2 * personalised).astype(np.uint8)
        if margin not in clinical_done:
            viewer.outline(f"clinical target, {margin:g} mm", _OUTLINES, both, (1, 3), CLINICAL)
            clinical_done.add(margin)
        viewer.outline(f"personalised target, {margin:g} mm, {name}", _OUTLINES, both, (2, 3), PERSONALISED, _DASHES)


def _add_deviations(viewer: Viewer, record: PatientRecord, uncertainties: Mapping[str, Path]) -> None:
    """Add maps of the standard deviation on one scale, or a remark if a map would look empty."""
    maps = {
        method: read_like(uncertainties[method.method], viewer.box.source).data
        for method in record.methods
        if method.method in uncertainties
    }
    scale = deviation_scale(max((float(values.max()) for values in maps.values()), default=0.0))
    for method, values in maps.items():
        most = float(values.max())
        if most < deviation_scale(0.0) / 2:
            viewer.missing(method.name, _DEVIATIONS, f"not shown: at most {most:.1g}" if most else "none")
        else:
            viewer.map(method.name, _DEVIATIONS, values, deviation_colours(scale))
