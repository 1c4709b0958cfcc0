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

import re
import shutil
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import binary_dilation

from gliofit.atlas.model import Atlas
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_volume
from gliofit.core.labels import TumourLabel, core_mask, whole_tumour_mask
from gliofit.inputs.anatomy import edge_share
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


def test_another_axis_order_and_a_fourth_axis_leave_the_tumour_where_it_is(copy: PatientFiles) -> None:
    """A segmentation is LPS; the T1 image is LAS with a trailing axis, so its indices mean other places."""
    before = read_patient(copy, warnings=[])
    t1 = nib.load(copy.t1)
    turned = t1.as_reoriented(nib.orientations.ornt_transform(
        nib.orientations.axcodes2ornt("LPS"), nib.orientations.axcodes2ornt("LAS")))  # fmt: skip
    nib.save(nib.Nifti1Image(np.asarray(turned.dataobj)[..., None], turned.affine), copy.t1)
    assert nib.load(copy.t1).shape[3:] == (1,)
    after = read_patient(copy, warnings=[])
    assert after.t1.grid.axis_codes == "LAS"
    for name in ("t1", "segmentation", "brain"):
        one, two = (getattr(images, name).canonical() for images in (before, after))
        np.testing.assert_array_equal(one.data, two.data)
        np.testing.assert_allclose(one.grid.affine, two.grid.affine)
    same_index = read_volume(copy.seg).data > 0
    assert (same_index != whole_tumour_mask(after.segmentation.data)).any()


@pytest.mark.parametrize(
    ("values", "named", "schemes"),
    [
        ((1, 2, 3, 4), "brats2023", ["brats2015", "brats2024", "brats2024-ped", "gliofit"]),
        ((1, 2, 3, 4), "brats2021", ["brats2015", "brats2024", "brats2024-ped", "gliofit"]),
        ((1, 2, 3), "brats2021", ["brats2023", "brats2015", "brats2024", "brats2024-ped", "msd", "gliofit"]),
        ((1, 2, 9), "brats2021", []),
    ],
)
def test_a_value_outside_the_scheme_is_refused_with_the_schemes_that_would_fit(
    copy: PatientFiles, values: tuple[int, ...], named: str, schemes: list[str]
) -> None:
    change(copy.seg, lambda data: spread(data, values))
    with pytest.raises(InputError) as caught:
        read_patient(replace(copy, labels=named), warnings=[])
    assert re.findall(r"[(;] ?([a-z0-9-]+):", caught.value.hint) == schemes


def spread(data: np.ndarray, values: tuple[int, ...]) -> np.ndarray:
    """The tumour's voxels with these values, in turn."""
    out = np.zeros_like(data)
    where = data > 0
    out[where] = np.resize(values, np.count_nonzero(where))
    return out


def test_values_one_and_two_fit_any_scheme_and_mean_the_same(copy: PatientFiles) -> None:
    change(copy.seg, lambda data: spread(data, (1, 2)))
    found = [
        read_patient(replace(copy, labels=name), warnings=[]).segmentation.data for name in ("brats2021", "brats2015")
    ]
    np.testing.assert_array_equal(*found)


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
    assert not any("cavity" in finding.problem for finding in findings(before, atlas))
    assert any("resection cavity" in f.problem and "before surgery" in f.hint for f in findings(after, atlas))


def test_registration_does_not_look_at_a_cavity(copy: PatientFiles, quick: RegisterSettings) -> None:
    from gliofit.register.run import _tumour_and_rim

    expected = _tumour_and_rim(read_patient(copy, warnings=[]), quick).data
    change(copy.seg, lambda data: np.where(data == 1, 4, np.where(data == 4, 3, data)))
    np.testing.assert_array_equal(
        _tumour_and_rim(read_patient(replace(copy, labels="brats2024"), warnings=[]), quick).data, expected
    )


def test_a_cavity_alone_is_no_tumour(copy: PatientFiles) -> None:
    change(copy.seg, lambda data: spread(data, (4,)))
    with pytest.raises(InputError, match="no tumour label"):
        read_patient(replace(copy, labels="brats2024"), warnings=[])


@pytest.mark.parametrize(
    ("values", "problem"), [((1, 2), "has no enhancing tumour"), ((2,), "has no core, oedema alone")]
)
def test_who_lacks_the_enhancing_label_is_told_what_the_core_is(
    copy: PatientFiles, atlas: Atlas, values: tuple[int, ...], problem: str
) -> None:
    change(copy.seg, lambda data: spread(data, values))
    (found,) = findings(copy, atlas)
    assert (found.severity, found.problem) == ("warning", problem)
    warnings: list[InputWarning] = []
    images = read_patient(copy, warnings=warnings)
    assert [warning.problem for warning in warnings] == [problem]
    np.testing.assert_array_equal(core_mask(images.segmentation.data), images.segmentation.data == TumourLabel.NECROTIC)


def test_specks_of_enhancing_label_are_told(copy: PatientFiles, atlas: Atlas) -> None:
    def specks(data: np.ndarray) -> np.ndarray:
        out = np.where(data == 4, 1, data)
        out[tuple(np.argwhere(data == 1)[0])] = 4
        return out

    change(copy.seg, specks)
    (found,) = findings(copy, atlas)
    assert found.problem == "has only 0.1 cc of enhancing tumour"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_with_rounding_noise_are_those_labels(copy: PatientFiles, dtype: type) -> None:
    expected = read_patient(copy, warnings=[]).segmentation.data
    image = nib.load(copy.seg)
    noise = np.random.default_rng(0).uniform(-4e-4, 4e-4, image.shape)
    nib.save(nib.Nifti1Image((np.asarray(image.dataobj) + noise).astype(dtype), image.affine), copy.seg)
    np.testing.assert_array_equal(read_patient(copy, warnings=[]).segmentation.data, expected)


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
    with pytest.raises(InputError, match=r"background is not zero.*brain_mask"):
        read_patient(found, warnings=[])
    patient = replace(found, brain_mask=tmp_path / "brain.nii.gz")
    assert (read_patient(patient, warnings=[]).t1.data[brain.data] < 0).mean() > 0.2
    (finding,) = findings(patient, atlas)
    assert (finding.severity, finding.file) == ("warning", copy.t1c)
    assert "takes the place of the native T1" in finding.problem
    row = register(patient, atlas_dir, tmp_path, quick)
    assert row.notes == "registered by T1c, since there is no native T1"
    assert row.status in {"ok", "borderline"}
    assert row.brain_dice > 0.95


def test_without_any_t1_the_case_is_refused_with_what_to_add(copy: PatientFiles) -> None:
    copy.t1.unlink()
    copy.t1c.unlink()  # type: ignore[union-attr]
    with pytest.raises(InputError, match=r"_t1\.nii\.gz: file not found.*add the file or a contrast-enhanced T1"):
        patient_in_folder(copy.t1.parent, "brats2021", copy.case)


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
    assert "the edge of the volume cuts the brain" in found.problem
    row = register(copy, atlas_dir, tmp_path, quick)
    assert "cuts the brain" in row.notes
    assert row.status in {"ok", "borderline"}
    assert row.brain_dice > 0.95


def test_a_tumour_cut_by_the_edge_of_the_volume_is_told(copy: PatientFiles, atlas: Atlas) -> None:
    tumour = np.flatnonzero((read_volume(copy.seg).data > 0).any(axis=(1, 2)))
    middle, size = int(tumour.mean()), read_volume(copy.seg).grid.shape[0]
    cut(copy, 0, slice(0, middle) if middle > size / 2 else slice(middle, size))
    problems = [found.problem for found in findings(copy, atlas) if found.severity == "warning"]
    assert any("the edge of the volume cuts the tumour" in problem for problem in problems)


def test_the_share_of_a_surface_on_the_edge_is_counted_in_faces() -> None:
    box = np.zeros((6, 6, 6), bool)
    assert edge_share(box) == 0
    box[2:4, 2:4, 2:4] = True
    assert edge_share(box) == 0
    box[2:4, 2:4, :] = True
    assert edge_share(box) == pytest.approx(2 * 4 / (2 * 4 + 4 * 12))
    assert edge_share(np.ones((3, 3, 3), bool)) == 1


def test_labels_just_outside_the_brain_count_but_do_not_stop_the_case(
    copy: PatientFiles, atlas: Atlas, atlas_dir: Path, quick: RegisterSettings, tmp_path: Path
) -> None:
    """A tumour at the edge whose label reaches a voxel beyond the brain mask."""
    images = read_patient(copy, warnings=[])
    brain = images.brain.data
    tumour = whole_tumour_mask(images.segmentation.data)
    rim = binary_dilation(brain) & ~brain
    nearest = np.argwhere(rim)[np.abs(np.argwhere(rim) - np.argwhere(tumour).mean(0)).sum(1).argsort()[:4]]

    def spill(data: np.ndarray) -> np.ndarray:
        out = data.copy()
        out[tuple(nearest.T)] = 2
        return out

    change(copy.seg, spill)
    share = 4 / (tumour.sum() + 4)
    (found,) = findings(copy, atlas)
    assert found.severity == "warning"
    assert "of the tumour lies outside the brain" in found.problem
    row = register(copy, atlas_dir, tmp_path, quick)
    assert row.tumour_outside_brain_share == pytest.approx(share)
    assert row.status in {"ok", "borderline"}
    assert ("outside the brain" in row.message) == (share > 0.05)
    # the tumour is written as it was given, and tissue ends at the brain
    assert read_volume(tmp_path / "out" / "segmentation.nii.gz").data[tuple(nearest.T)].all()
    assert not read_volume(tmp_path / "out" / "wm.nii.gz").data[~brain].any()


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
