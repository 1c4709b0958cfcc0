"""Images of users are read by one rule for each role: values, axis order, scale and header."""

from __future__ import annotations

import ast
import gzip
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

import gliofit
from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid
from gliofit.core.io import read_table, read_volume, write_volume
from gliofit.core.labels import LABEL_SCHEMES
from gliofit.inputs.images import (
    read_concentration,
    read_image,
    read_mask,
    read_segmentation,
    read_tissue_labels,
    read_tissue_maps,
)
from gliofit.register.ants import to_ants
from gliofit.register.check import check_patient
from gliofit.register.images import read_patient
from gliofit.register.patient_files import PatientFiles
from gliofit.register.run import register_patient
from gliofit.register.settings import RegisterSettings

from .conftest import Run, accepted, code_of, fit, plan, refused
from .made_up import SCENE, Scene, affine_of, save, save_with_header

GRID = Grid(SCENE.shape, SCENE.affine)
LAS = np.diag([-1.0, 1, 1, 1]) @ SCENE.affine


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good case, and PredictGBM's folder of it."""
    folder = tmp_path_factory.mktemp("case")
    SCENE.save(folder)
    SCENE.save_for_predictgbm(folder / "in")
    return folder


def copied(files: Path, folder: Path, name: str, write: Callable[[Path], object]) -> Path:
    """PredictGBM's folder with one of its files written by a function."""
    shutil.copytree(files / "in", folder, dirs_exist_ok=True)
    write(folder / f"Patient-00000/00000-{name}.nii.gz")
    return folder


def solve(tissue: Path, *others: object) -> list[object]:
    return ["solve", "--tissue", tissue, "--seed", 37, 23, 28, "--mu-d", 7.8, "--mu-rho", 2.5, "--backend", "numba",
            *others]  # fmt: skip


def interpolated(path: Path) -> Path:
    """Labels of BraTS 2023 resampled linearly, half a voxel away and back."""
    labels = SCENE.tumour(labels=(2, 3, 1)).astype(np.float32)
    return save(path, shift(shift(labels, (0.5,) * 3, order=1), (-0.5,) * 3, order=1))


@pytest.mark.parametrize("command", ["fit", "plan", "predictgbm"])
def test_row_1_interpolated_labels_are_refused(command: str, files: Path, tmp_path: Path, run: Run) -> None:
    seg = interpolated(tmp_path / "linear.nii.gz")
    out = tmp_path / "out"
    arguments = {
        "fit": fit(files, out, seg=seg, labels="brats2023"),
        "plan": plan(files, out, seg=seg, labels="brats2023"),
        "predictgbm": ["predictgbm", copied(files, tmp_path / "in", "tumorseg", interpolated), out],
    }
    error = refused(run, *arguments[command])
    assert error["code"] == "labels-not-whole"
    assert Path(error["subject"]).name in ("linear.nii.gz", "00000-tumorseg.nii.gz")
    assert not out.exists()


def test_row_1_and_14_every_role_refuses_values_that_are_not_its_own(tmp_path: Path) -> None:
    soft = gaussian_filter((SCENE.tissue() > 1).astype(np.float32), 1)
    per_cent, byte = save(tmp_path / "p.nii.gz", 100 * soft), save(tmp_path / "b.nii", np.rint(255 * soft).astype("u1"))
    fraction = save(tmp_path / "f.nii.gz", soft)
    for path in (per_cent, byte):
        assert code_of(read_mask, path, GRID) == "mask-scale"
        assert code_of(read_concentration, path, GRID) == "concentration-scale"
        assert code_of(read_tissue_maps, path, fraction) == "tissue-scale"
        assert code_of(read_tissue_maps, fraction, fraction, path) == "tissue-scale"
    # Per cent of bytes: within 0 and 1, yet no voxel is mostly tissue.
    faint = save(tmp_path / "faint.nii.gz", np.float32(100 / 255 / 2) * soft)
    assert code_of(read_tissue_maps, faint, faint) == "tissue-scale"
    assert code_of(read_segmentation, fraction, "brats2021", GRID) == "labels-not-whole"
    assert code_of(read_tissue_labels, fraction) == "labels-not-whole"
    assert code_of(read_mask, save(tmp_path / "empty.nii", np.zeros(SCENE.shape, "u1")), GRID) == "mask-empty"


@pytest.mark.parametrize("scale", [100, 255])
def test_row_14_tissue_maps_on_another_scale(scale: int, files: Path, tmp_path: Path, run: Run) -> None:
    maps = files / "in" / "Patient-00000"

    def scaled(path: Path) -> Path:
        return save(path, np.rint(scale * read_volume(maps / "00000-gm.nii.gz").data).astype(np.uint8))

    given = ("--wm", maps / "00000-wm.nii.gz", "--gm", scaled(tmp_path / "gm.nii.gz"))
    seg = ("--seg", files / "seg.nii.gz", "--labels", "brats2021")
    for arguments in (
        ["fit", *given, *seg, "--out", tmp_path / "out"],
        ["predictgbm", copied(files, tmp_path / "in", "gm", scaled), tmp_path / "out"],
        ["solve", *given, *solve(tmp_path)[3:], "--out", tmp_path / "c.nii.gz"],
    ):
        error = refused(run, *arguments)
        assert error["code"] == "tissue-scale"
        assert error["subject"].endswith("gm.nii.gz")
        assert f"0 to {scale}" in error["problem"]


def test_masks_are_cut_at_one_half_and_may_have_several_labels(tmp_path: Path) -> None:
    tissue = SCENE.tissue()
    brain = tissue > 0
    soft = np.select([tissue > 1, brain], [0.51, 0.49]).astype(np.float32)
    for name, data, expected in (
        ("bool", brain.astype(np.uint8), brain),
        ("byte", (255 * brain).astype(np.uint8), brain),
        ("soft", soft, tissue > 1),
        ("labels", tissue, brain),
        ("almost", np.where(brain, np.float32(1.9999999), 0), brain),
    ):
        mask = read_mask(save(tmp_path / f"{name}.nii.gz", data), GRID, warnings=[])
        np.testing.assert_array_equal(mask.data, expected, err_msg=name)


@pytest.mark.parametrize("pixdim", [2.0, (3.0, 3.0, 3.1)])
def test_row_15_pixdim_and_sform_that_disagree(pixdim: Any, files: Path, tmp_path: Path, run: Run) -> None:
    tissue = save_with_header(tmp_path / "tissue.nii.gz", SCENE.tissue(), SCENE.affine, 1, pixdim)
    seg = save_with_header(tmp_path / "seg.nii.gz", SCENE.tumour(), SCENE.affine, 1, pixdim)
    out = tmp_path / "out"
    calls = [fit(files, out, seg=seg), plan(files, out, seg=seg), plan(files, out, image=seg)]
    for arguments in (solve(tissue, "--out", tmp_path / "c.nii.gz"), *calls):
        assert refused(run, *arguments)["code"] == "spacing-disagrees"
    assert code_of(read_patient, PatientFiles("x", labels="brats2021", t1=tissue, seg=seg)) == "spacing-disagrees"
    one = save_with_header(tmp_path / "row-16.nii.gz", SCENE.tissue(), affine_of(1.0, SCENE.shape), 1, 3.0)
    assert code_of(read_image, one) == "spacing-disagrees"


def nameless(path: Path, data: np.ndarray) -> Path:
    """An image whose header has no form code."""
    return save_with_header(path, data, SCENE.affine, 0, 3.0)


def analyze(path: Path, data: np.ndarray) -> Path:
    image, path = nib.AnalyzeImage(data, None), path.with_suffix("").with_suffix(".img")
    image.header.set_zooms((3, 3, 3))
    nib.save(image, path)
    return path


@pytest.mark.parametrize("write", [nameless, analyze])
def test_rows_17_and_18_an_orientation_that_is_a_guess(
    write: Callable[[Path, np.ndarray], Path], tmp_path: Path, run: Run
) -> None:
    tissue = write(tmp_path / "tissue.nii.gz", SCENE.tissue())
    result, said = accepted(run, *solve(tissue, "--out", tmp_path / "c.nii.gz"))
    assert [warning["code"] for warning in result["warnings"]] == ["orientation-unknown"]
    assert result["warnings"][0]["subject"] == str(tissue)
    assert said == [f"gliofit: warning: {InputWarning(**result['warnings'][0])}"]
    written = nib.load(tmp_path / "c.nii.gz")
    assert int(written.header["sform_code"]) == int(written.header["qform_code"]) == 0
    np.testing.assert_array_equal(written.affine, LAS)
    # The voxels stay where they were in the array, so that any program shows input and output on each other.
    assert np.asarray(written.dataobj)[SCENE.tissue() == 0].max() == 0
    # Both files with the same guess fit each other again, and the plan keeps the note.
    seg = write(tmp_path / "seg.nii.gz", SCENE.tumour())
    result, said = accepted(run, *plan(tmp_path, tmp_path / "plan", tissue=tissue, seg=seg))
    assert len(said) == len(result["warnings"]) == 3
    assert all(warning["subject"] in result["plan"]["message"] for warning in result["warnings"])
    assert result["plan"]["clinical_cc"] == pytest.approx(88.7, abs=0.1)
    assert int(nib.load(tmp_path / "plan" / "clinical.nii.gz").header["sform_code"]) == 0


def test_row_17_a_guess_and_a_known_orientation_are_not_mixed(files: Path, tmp_path: Path) -> None:
    """The array lies as that of the tissue; turned by the guess it would match its grid, and be mirrored."""
    path = nameless(tmp_path / "seg.nii.gz", SCENE.tumour())
    assert code_of(read_segmentation, path, "brats2021", GRID) == "orientation-unknown"
    warnings: list[InputWarning] = []
    found = read_segmentation(path, "brats2021", Grid(SCENE.shape, LAS), warnings=warnings)
    assert [warning.code for warning in warnings] == ["orientation-unknown"]
    np.testing.assert_array_equal(found.data > 0, SCENE.tumour() > 0)
    known = Grid(SCENE.shape, LAS, orientation_known=False)
    assert code_of(read_concentration, files / "c.nii.gz", known) == "orientation-unknown"


def test_row_17_ants_gets_the_grid_that_gliofit_takes(tmp_path: Path) -> None:
    volume = read_image(nameless(tmp_path / "t1.nii.gz", SCENE.tissue()), warnings=[])
    image = to_ants(volume)
    # LPS, with x to the left: the first axis of LAS runs along it, the second against it.
    np.testing.assert_array_equal(image.direction, np.diag([1.0, -1.0, 1.0]))
    np.testing.assert_allclose(image.origin, LAS[:3, 3] * (-1, -1, 1))
    assert image.spacing == (3.0, 3.0, 3.0)


def test_row_17_register_notes_it_and_writes_no_orientation(
    patient: PatientFiles, atlas_dir: Path, tmp_path: Path
) -> None:
    """The arrays lie as the guess has it, so that the brain is where the atlas has it."""
    files = {}
    for role in ("t1", "seg"):
        data = read_volume(getattr(patient, role)).data[::-1]
        files[role] = save_with_header(tmp_path / f"{role}.nii.gz", np.ascontiguousarray(data), np.eye(4), 0, 5.0)
    warnings: list[InputWarning] = []
    nameless_patient = PatientFiles("x", labels="brats2021", **files)
    out = tmp_path / "out"
    quick = RegisterSettings(
        resolution_mm=5, affine_resolution_mm=5, affine_iterations=(100, 50), affine_shrink=(2, 1),
        deformable_iterations=(15, 4),
    )  # fmt: skip
    register_patient(nameless_patient, atlas_dir, out, quick, seed=1, threads=1, warnings=warnings)
    assert [(w.code, w.subject) for w in warnings] == [
        ("orientation-unknown", str(files[role])) for role in ("t1", "seg")
    ]
    row = read_table(out / "qc.parquet").iloc[0]
    assert all(warning.note in row["notes"] for warning in warnings)
    # The atlas' white matter came onto the brain, which it would not have if ANTs had another orientation.
    assert row["brain_dice"] > 0.95
    for name in ("t1", "wm", "labels", "segmentation"):
        header = nib.load(out / f"{name}.nii.gz").header
        assert (int(header["sform_code"]), int(header["qform_code"])) == (0, 0)
    np.testing.assert_array_equal(nib.load(out / "t1.nii.gz").affine, nib.load(files["t1"]).affine)


def test_row_17_check_lists_it_as_a_warning(patient: PatientFiles, atlas_dir: Path, tmp_path: Path) -> None:
    seg = read_volume(patient.seg)
    path = save_with_header(tmp_path / "t1.nii.gz", read_volume(patient.t1).data, seg.grid.affine, 0, 5.0)
    findings = check_patient(
        PatientFiles("x", labels="brats2021", t1=path, seg=path), read_volume(atlas_dir / "brain_mask.nii.gz"),
        RegisterSettings(),
    )  # fmt: skip
    found = [finding for finding in findings if finding.code == "orientation-unknown"]
    assert [(finding.severity, finding.file) for finding in found] == [("warning", str(path))]


def test_a_part_of_a_guessed_grid_keeps_its_place(tmp_path: Path) -> None:
    part = read_image(nameless(tmp_path / "t1.nii.gz", SCENE.tissue()), warnings=[]).extract((5, 5, 5), (20, 30, 20))
    write_volume(tmp_path / "part.nii.gz", part)
    written = nib.load(tmp_path / "part.nii.gz")
    assert int(written.header["sform_code"]) == 2
    np.testing.assert_allclose(written.affine, part.grid.affine)


def test_row_30_plan_accepts_any_axis_order(files: Path, tmp_path: Path, run: Run) -> None:
    turned = nib.load(files / "seg.nii.gz").as_reoriented(np.array([[0, -1], [1, -1], [2, 1]]))
    lps = save(tmp_path / "lps.nii.gz", np.asarray(turned.dataobj), turned.affine)
    field = nib.load(files / "c.nii.gz").as_reoriented(np.array([[1, 1], [2, -1], [0, 1]]))
    other = save(tmp_path / "c.nii.gz", np.asarray(field.dataobj), field.affine)
    rows = [
        accepted(run, *plan(files, tmp_path / f"plan{number}", **turned))[0]["plan"]
        for number, turned in enumerate([{}, {"seg": lps, "concentration": other}])
    ]
    assert rows[0]["clinical_cc"] == pytest.approx(88.7, abs=0.1)
    for name in ("clinical_cc", "dice", "level"):
        assert rows[0][name] == rows[1][name]
    first, second = (nib.load(tmp_path / f"plan{number}" / "clinical.nii.gz") for number in (0, 1))
    np.testing.assert_array_equal(np.asarray(first.dataobj), np.asarray(second.dataobj))


def test_rows_38_to_40_labels_that_are_whole_but_for_their_storage(tmp_path: Path) -> None:
    segmentation, tissue = SCENE.tumour(), SCENE.tissue()
    expected = np.select([segmentation == value for value in (1, 2, 4)], [1, 2, 3])

    def scaled(name: str, data: np.ndarray) -> Path:
        image = nib.Nifti1Image(data.astype(float), SCENE.affine)
        image.set_data_dtype(np.uint8)
        image.set_sform(SCENE.affine, 1)
        nib.save(image, tmp_path / name)
        return tmp_path / name

    stored = scaled("seg.nii.gz", segmentation)
    assert np.unique(nib.load(stored).get_fdata()) == pytest.approx([0, 1.0039, 1.9922, 4], abs=1e-4)
    almost = save(tmp_path / "almost.nii.gz", np.where(segmentation == 4, 3.9999, segmentation).astype(np.float32))
    for path in (stored, almost):
        found = read_segmentation(path, "brats2021", GRID, warnings=[])
        np.testing.assert_array_equal(found.data, expected)
    labels = scaled("tissue.nii.gz", tissue)
    np.testing.assert_array_equal(read_tissue_labels(labels, warnings=[]).labels, tissue)
    # The scale excuses half a step, and not more: interpolated labels stay refused however they are stored.
    blurred = gaussian_filter(segmentation.astype(float), 0.5)
    assert code_of(read_segmentation, scaled("blurred.nii.gz", blurred), "brats2021", GRID) == "labels-not-whole"


def test_row_41_images_are_told_by_their_content(tmp_path: Path) -> None:
    plain = save(tmp_path / "plain.nii", SCENE.tumour()).read_bytes()
    packed = gzip.compress(plain)
    for name, content in (("gzip.nii", packed), ("plain.nii.gz", plain), ("bare", plain), ("bare-packed", packed)):
        (tmp_path / name).write_bytes(content)
        found = read_segmentation(tmp_path / name, "brats2021", GRID, warnings=[])
        np.testing.assert_array_equal(found.data > 0, SCENE.tumour() > 0, err_msg=name)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("seg.nii", lambda _: b"/annex/objects/SHA256E-s9--0.nii\n", "not-nifti"),
        ("seg.nrrd", lambda _: b"NRRD0005\ntype: uint8\n", "not-nifti"),
        ("seg.mha", lambda _: b"ObjectType = Image\nNDims = 3\n" + bytes(9), "not-nifti"),
        ("seg.nii.gz", lambda _: b"ObjectType = Image\nNDims = 3\n" + bytes(9), "not-nifti"),
        ("seg.dcm", lambda _: bytes(128) + b"DICM" + bytes(400), "not-nifti"),
        ("seg.nii.gz", lambda _: b"<!DOCTYPE html><html></html>", "not-nifti"),
        ("seg.nii.gz", lambda plain: gzip.compress(plain)[:-20], "damaged-file"),
        ("seg.nii", lambda plain: plain[:-20], "damaged-file"),
        ("seg.nii", lambda _: b"", "damaged-file"),
    ],
)
def test_row_41_other_files_are_named_for_what_they_are(
    name: str, content: Callable[[bytes], bytes], code: str, tmp_path: Path
) -> None:
    plain = save(tmp_path / "plain.nii", SCENE.tumour()).read_bytes()
    (tmp_path / name).write_bytes(content(plain))
    with pytest.raises(InputError) as caught:
        read_segmentation(tmp_path / name, "brats2021", GRID, warnings=[])
    assert (caught.value.code, caught.value.subject) == (code, str(tmp_path / name))


def test_row_49_voxels_that_are_not_cubes(files: Path, tmp_path: Path, run: Run) -> None:
    scene = Scene((80, 80, 14), (1.0, 1.0, 5.0))
    tissue = save(tmp_path / "flat.nii.gz", scene.tissue(), scene.affine)
    for arguments in (fit(files, tmp_path / "out", tissue=tissue), solve(tissue, "--out", tmp_path / "out.nii.gz")):
        error = refused(run, *arguments)
        assert (error["code"], error["subject"]) == ("anisotropic-voxels", str(tissue))


def test_row_72_predictgbm_has_one_label_scheme(files: Path, tmp_path: Path, run: Run) -> None:
    folder = copied(files, tmp_path / "in", "tumorseg", lambda path: save(path, SCENE.tumour()))
    error = refused(run, "predictgbm", folder, tmp_path / "out")
    assert error["code"] == "labels-of-another-scheme"
    assert not [name for name in (*LABEL_SCHEMES, "scheme", "--labels") if name in error["hint"]]


def test_row_73_a_method_that_needs_another_spacing(files: Path, tmp_path: Path, run: Run) -> None:
    error = refused(run, *fit(files, tmp_path / "out", method="gradient-surrogate"))
    assert (error["code"], error["subject"]) == ("spacing-not-multiple", str(files / "seg.nii.gz"))


#: Packages whose modules start from results of gliofit: they read no image that was not checked by another one.
LATER_STAGES = {"evaluate", "export", "forward", "invert", "publish", "simulate"}

#: Everywhere else, functions that read results of gliofit itself, by module.
OWN_RESULTS = {
    "atlas/model.py": {"load_atlas"},
    "pipeline/predictgbm.py": {"run_case"},
    "plan/run.py": {"_mask", "draw_patient", "plan_patient"},
    "register/ants.py": {"read_displacement"},
    "core/tissue.py": {"Tissue"},
}


def readers(module: Path) -> set[str]:
    """Outermost functions and classes of a module that use something which reads an image."""
    found = set()
    for outer in ast.parse(module.read_text(encoding="utf-8")).body:
        for node in ast.walk(outer):
            if isinstance(node, ast.Name):
                reads = node.id in {"read_volume", "read_like", "read_stored", "read_grid"}
            elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                reads = (node.value.id, node.attr) in {("nib", "load"), ("nibabel", "load"), ("ants", "image_read")}
            else:
                continue
            if reads:
                found.add(getattr(outer, "name", "module"))
    return found


def test_images_of_users_are_read_by_the_readers_of_roles_alone() -> None:
    root = Path(gliofit.__file__).parent
    modules = {path.relative_to(root).as_posix(): readers(path) for path in root.rglob("*.py")}
    found = {name: own for name, own in modules.items() if own and name not in ("core/io.py", "inputs/images.py")}
    assert {name.split("/")[0] for name in found} >= LATER_STAGES, "a package that reads nothing any more is listed"
    assert {name: own for name, own in found.items() if name.split("/")[0] not in LATER_STAGES} == OWN_RESULTS
