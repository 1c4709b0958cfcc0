"""Properties of real data, each shown with a changed phantom."""

from __future__ import annotations

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


def change(path: Path, function: object) -> None:
    """Replace the array of an image."""
    volume = read_volume(path)
    write_volume(path, Volume(np.ascontiguousarray(function(volume.data)), volume.grid))  # type: ignore[operator]


def findings(patient: PatientFiles, atlas: Atlas) -> list[Finding]:
    return check_patient(patient, atlas.brain_mask, RegisterSettings())


def register(patient: PatientFiles, atlas_dir: Path, folder: Path, settings: RegisterSettings) -> pd.Series:
    register_patient(patient, atlas_dir, folder / "out", settings, seed=5, threads=1)
    return read_table(folder / "out" / "qc.parquet").iloc[0]


def assert_noted_and_good(row: pd.Series) -> None:
    assert row.notes
    assert row.status in {"ok", "borderline"}
    assert row.brain_dice > 0.95


def test_cavity_is_not_tumour_and_causes_a_warning(patient: PatientFiles, atlas: Atlas) -> None:
    """The same four values are a tumour with a core of three labels, or a tumour after surgery."""
    change(patient.seg, lambda data: np.where(data > 0, np.resize((1, 2, 3, 4), data.shape), 0).astype(data.dtype))
    before, after = (replace(patient, labels=name) for name in ("brats2015", "brats2024"))
    four = read_volume(patient.seg).data == 4
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


def test_z_scored_t1c_replaces_a_missing_native_t1(
    patient: PatientFiles, atlas: Atlas, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    """As some BraTS 2015 cases: no native T1, intensities negative inside the brain, so the brain is a file."""
    brain = read_patient(patient, warnings=[]).brain
    for role in ("t1c", "t2", "flair"):
        z_score(getattr(patient, role), brain.data)
    write_volume(tmp_path / "brain.nii.gz", brain)
    patient.t1.unlink()
    without_t1 = patient_in_folder(patient.t1.parent, "brats2021", patient.case)
    assert (without_t1.t1, without_t1.has_native_t1) == (patient.t1c, False)
    with pytest.raises(InputError, match="brain_mask"):
        read_patient(without_t1, warnings=[])
    masked = replace(without_t1, brain_mask=tmp_path / "brain.nii.gz")
    images = read_patient(masked, warnings=[])
    assert (images.t1.data[brain.data] < 0).mean() > 0.2
    np.testing.assert_array_equal(images.brain.data, brain.data)
    (finding,) = findings(masked, atlas)
    assert (finding.severity, finding.file) == ("warning", patient.t1c)
    assert_noted_and_good(register(masked, atlas_dir, tmp_path, quick))


def cut(patient: PatientFiles, axis: int, keep: slice) -> None:
    """Crop all images of a patient along an axis."""
    for path in patient.paths:
        volume = read_volume(path)
        start, shape = [0, 0, 0], list(volume.grid.shape)
        start[axis], shape[axis] = keep.start, keep.stop - keep.start
        write_volume(path, volume.extract(start, shape))


def test_brain_cut_by_the_edge_of_the_volume(
    patient: PatientFiles, atlas: Atlas, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    used = np.flatnonzero(read_patient(patient, warnings=[]).brain.data.any(axis=(0, 1)))
    cut(patient, 2, slice(0, int(used[-1]) - 3))
    (finding,) = findings(patient, atlas)
    assert (finding.severity, finding.file) == ("warning", str(patient.t1))
    assert finding.code == "brain-cut"
    assert_noted_and_good(register(patient, atlas_dir, tmp_path, quick))


def test_tumour_over_the_ventricles(
    patient: PatientFiles, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    """About 10 % of a tumour in the CSF of the warped atlas is reported, and the registration is still good."""
    first = register(patient, atlas_dir, tmp_path, quick)
    csf = read_volume(tmp_path / "out" / "labels.nii.gz").data == 1
    brain = read_volume(tmp_path / "out" / "brain_mask.nii.gz").data > 0
    ball = np.zeros_like(brain)
    voxels = np.argwhere(brain)
    ball[tuple(voxels[np.linalg.norm(voxels - voxels.mean(0), axis=1) < 7].T)] = True
    # A ball around the ventricles of which 9 % are CSF.
    csf_voxels = np.argwhere(ball & csf)
    excess = len(csf_voxels) - round(0.09 / 0.91 * np.count_nonzero(ball & ~csf))
    assert excess > 0
    ball[tuple(csf_voxels[:excess].T)] = False
    change(patient.seg, lambda data: np.where(ball, 2, 0).astype(data.dtype))
    row = register(patient, atlas_dir, tmp_path, quick)
    assert first.tumour_csf_share < 0.05 < row.tumour_csf_share < 0.15
    assert row.status == "ok"
    assert row.message == ""
