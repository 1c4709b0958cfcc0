"""What real data does to a pipeline, one made-up image for each thing seen; the others are shown elsewhere.

| seen | shown in |
| --- | --- |
| header without the matching flip: the brain is back to front | ``test_run``: stops the case; ``test_orientation`` |
| label values that do not tell the scheme | ``test_images``: refused; here: what the message says |
| segmentations in every number type, interpolated labels | ``test_images``; here: rounding noise |
| z-scores with a background of zero, or of something else | ``test_images``; here: with a mask and without native T1 |
| a field of view cut so much that poses become alike | ``test_orientation`` |
| the core without enhancing tumour, in a fit | ``tests/unit/invert/test_observation.py``; here: who says so |
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gliofit.atlas.model import Atlas
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_volume
from gliofit.core.labels import TumourLabel, core_mask, whole_tumour_mask
from gliofit.register.brats_folders import patient_in_folder
from gliofit.register.check import Finding, check_patient
from gliofit.register.images import read_patient
from gliofit.register.patient_files import PatientFiles
from gliofit.register.run import register_patient
from gliofit.register.settings import RegisterSettings


@pytest.fixture
def copy(phantom: PatientFiles, tmp_path: Path) -> PatientFiles:
    """The phantom's files in a folder where they can be spoilt."""
    changes = {}
    for role, path in phantom.images.items():
        changes[role] = tmp_path / "case" / path.name
        changes[role].parent.mkdir(exist_ok=True)
        shutil.copy(path, changes[role])
    return replace(phantom, **changes)


def change(path: Path, function: object) -> None:
    """Write an image anew with its array changed."""
    volume = read_volume(path)
    write_volume(path, Volume(np.ascontiguousarray(function(volume.data)), volume.grid))  # type: ignore[operator]


def findings(patient: PatientFiles, atlas: Atlas) -> list[Finding]:
    return check_patient(patient, atlas.brain_mask, RegisterSettings())


def register(patient: PatientFiles, atlas_dir: Path, folder: Path, settings: RegisterSettings) -> pd.Series:
    register_patient(patient, atlas_dir, folder / "out", settings, seed=5, threads=1)
    return read_table(folder / "out" / "qc.parquet").iloc[0]


def spread(data: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """The tumour's voxels with these values, in turn."""
    out = np.zeros_like(data)
    where = data > 0
    out[where] = np.resize(values, np.count_nonzero(where))
    return out


def test_a_cavity_is_neither_tumour_nor_core_and_the_check_says_so(copy: PatientFiles, atlas: Atlas) -> None:
    """The same four values are a tumour with a core of three labels, or one after surgery."""
    change(copy.seg, lambda data: spread(data, (1, 2, 3, 4)))
    before, after = (replace(copy, labels=name) for name in ("brats2015", "brats2024"))
    four = read_volume(copy.seg).data == 4
    assert core_mask(read_patient(before, warnings=[]).segmentation.data)[four].all()
    labels = read_patient(after, warnings=[]).segmentation.data
    assert (labels[four] == TumourLabel.CAVITY).all()
    assert not whole_tumour_mask(labels)[four].any()
    assert not core_mask(labels)[four].any()
    assert "resection-cavity" not in {finding.code for finding in findings(before, atlas)}
    assert "resection-cavity" in {finding.code for finding in findings(after, atlas)}


def z_score(path: Path, brain: np.ndarray) -> None:
    """Zero mean and unit variance inside the brain, and a background that is not zero."""
    change(path, lambda d: np.where(brain, (d - d[brain].mean()) / d[brain].std(), d[brain].min()).astype(np.float32))


def test_without_native_t1_a_z_scored_t1c_is_registered_and_that_is_said(
    copy: PatientFiles, atlas: Atlas, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    """As some BraTS 2015 cases: no native T1, intensities negative inside the brain, so the brain is a file."""
    brain = read_patient(copy, warnings=[]).brain
    for role in ("t1c", "t2", "flair"):
        z_score(getattr(copy, role), brain.data)
    write_volume(tmp_path / "brain.nii.gz", brain)
    copy.t1.unlink()
    found = patient_in_folder(copy.t1.parent, "brats2021", copy.case)
    assert (found.t1, found.has_native_t1) == (copy.t1c, False)
    with pytest.raises(InputError, match="brain_mask"):
        read_patient(found, warnings=[])
    patient = replace(found, brain_mask=tmp_path / "brain.nii.gz")
    assert (read_patient(patient, warnings=[]).t1.data[brain.data] < 0).mean() > 0.2
    (finding,) = findings(patient, atlas)
    assert (finding.severity, finding.file) == ("warning", copy.t1c)
    row = register(patient, atlas_dir, tmp_path, quick)
    assert row.notes
    assert row.status in {"ok", "borderline"}
    assert row.brain_dice > 0.95


def cut(patient: PatientFiles, axis: int, keep: slice) -> None:
    """Every image of a patient with a part of its voxels only, on the grid of that part."""
    for path in patient.paths:
        volume = read_volume(path)
        start, shape = [0, 0, 0], list(volume.grid.shape)
        start[axis], shape[axis] = keep.start, keep.stop - keep.start
        write_volume(path, volume.extract(start, shape))


def test_a_brain_cut_by_the_edge_of_the_volume_is_registered_and_that_is_said(
    copy: PatientFiles, atlas: Atlas, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    used = np.flatnonzero(read_patient(copy, warnings=[]).brain.data.any(axis=(0, 1)))
    cut(copy, 2, slice(0, int(used[-1]) - 3))
    (found,) = findings(copy, atlas)
    assert (found.severity, found.file) == ("warning", str(copy.t1))
    assert found.code == "brain-cut"
    row = register(copy, atlas_dir, tmp_path, quick)
    assert row.notes
    assert row.status in {"ok", "borderline"}
    assert row.brain_dice > 0.95


def test_a_tumour_over_the_ventricles_is_registered_with_its_share_in_csf(
    copy: PatientFiles, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    """Up to 10 % of a tumour in what the warped atlas calls CSF is a row's number; more makes it borderline."""
    first = register(copy, atlas_dir, tmp_path, quick)
    csf = read_volume(tmp_path / "out" / "labels.nii.gz").data == 1
    brain = read_volume(tmp_path / "out" / "brain_mask.nii.gz").data > 0
    distance = np.linalg.norm(np.argwhere(brain) - np.argwhere(brain).mean(0), axis=1)
    near = distance < 7
    ball = np.zeros_like(brain)
    ball[tuple(np.argwhere(brain)[near].T)] = True
    # the ball about the ventricles with as much CSF as makes 9 % of it
    wet = np.argwhere(ball & csf)
    spare = len(wet) - round(0.09 / 0.91 * np.count_nonzero(ball & ~csf))
    assert spare > 0
    ball[tuple(wet[:spare].T)] = False
    change(copy.seg, lambda data: np.where(ball, 2, 0).astype(data.dtype))
    row = register(copy, atlas_dir, tmp_path, quick)
    assert first.tumour_csf_share < 0.05 < row.tumour_csf_share < 0.15
    assert row.status == "ok"
    assert row.message == ""
