from __future__ import annotations

import base64
import json
import re
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_table, write_volume
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion
from gliofit.invert.run import parameters_row
from gliofit.invert.settings import BoundsSettings
from gliofit.invert.uncertainty import Uncertainty
from gliofit.publish.estimates import estimates_table
from gliofit.publish.patient_page import write_patient_page
from gliofit.publish.patient_record import PatientSources, choose_method, read_record
from gliofit.publish.patient_warnings import patient_warnings
from gliofit.publish.settings import PublishSettings
from gliofit.register.settings import RegisterSettings
from page_reader import PageReader

CASE = "patient-00000"
METHODS = ("cmaes-solver", "direct", "gauss-newton-segmentation")
ORIGIN = (-30.0, 28.0, 8.0)
#: Standard errors of (x, y, z) in mm and of the logarithms of mu_D and mu_rho.
ERRORS = np.array([1.0, 1.0, 2.0, 0.1, 0.05])
ESCAPED = "<script>alert(1)</script>"


THETA = Theta(ORIGIN, 8.0, 2.0)


def inversion(status="ok", message="", theta=THETA, uncertainty=None):
    return Inversion(theta, 0.1, pd.DataFrame(), 10, 12.5, status, message, uncertainty=uncertainty)


def write_method(folder, method, outcome, observation, grid):
    """Write the tables of an estimate and of its forward simulation."""
    who = {"run": "fake", "cohort": "patients", "case": CASE, "method": method}
    row = parameters_row(who, outcome, grid, 1, observation, SPACE)
    write_table(folder / "invert" / method / "parameters.parquet", pd.DataFrame([row]))
    final = {"status": "failed" if outcome.theta is None else "ok", "message": "", "integrator": "accurate"}
    write_table(folder / "forward" / CASE / method / "forward.parquet", pd.DataFrame([final | {"wall_seconds": 1.0}]))


def score(folder):
    """Score every method with the real stage."""
    forward, invert = ({m: folder / part / m for m in METHODS} for part in (f"forward/{CASE}", "invert"))
    reference = folder / "forward" / CASE / "cmaes-solver/concentration.nii.gz"
    evaluate_case(
        "patients", CASE, folder / "register" / CASE, forward, invert, reference, folder / "evaluate" / CASE,
        EvaluateSettings(), "fake", 1,
    )  # fmt: skip


@pytest.fixture
def patient(tmp_path, fakes):
    """A patient with three successful methods, MRI and an uncertainty map."""
    fakes.write_patient(tmp_path / "register", tmp_path / "forward", CASE, METHODS)
    case_dir = tmp_path / "register" / CASE
    checks = {
        "case": CASE, "status": "ok", "message": "", "labels": "brats2021", "brain_dice": 0.981, "correlation": 0.7,
        "correlation_affine": 0.5, "jacobian_min": 0.4, "jacobian_max": 2.9, "tumour_csf_share": 0.03,
        "tumour_outside_brain_share": 0.0, "jacobian_folded_share": 0.0, "contrast_white_grey": 1.7,
        "tumour_cc": 24.19, "core_cc": 9.28, "enhancing_cc": 1.5,
    }  # fmt: skip
    write_table(case_dir / "qc.parquet", pd.DataFrame([checks]))
    Image.new("RGB", (30, 20), "navy").save(case_dir / "qc.png")
    uncertainty = Uncertainty(np.diag(ERRORS**2), np.eye(5))
    write_method(tmp_path, METHODS[0], inversion(), "segmentation", fakes.GRID)
    write_method(tmp_path, METHODS[1], inversion(), "reference", fakes.GRID)
    write_method(tmp_path, METHODS[2], inversion(uncertainty=uncertainty), "segmentation", fakes.GRID)
    score(tmp_path)
    t1 = read_volume(case_dir / "t1.nii.gz")
    for role in ("t1c", "flair"):
        write_volume(tmp_path / f"{role}.nii.gz", Volume(t1.data, t1.grid))
    field = read_volume(tmp_path / "forward" / CASE / METHODS[2] / "concentration.nii.gz")
    write_volume(tmp_path / "uncertainty.nii.gz", Volume(0.3 * field.data * (1 - field.data), field.grid))
    sources = PatientSources(
        CASE,
        case_dir,
        {method: tmp_path / "invert" / method for method in METHODS},
        {method: tmp_path / "forward" / CASE / method for method in METHODS},
        tmp_path / "evaluate" / CASE / "metrics.parquet",
        {role: tmp_path / f"{role}.nii.gz" for role in ("t1c", "flair")},
        {METHODS[2]: tmp_path / "uncertainty.nii.gz"},
    )
    return SimpleNamespace(folder=tmp_path, sources=sources, grid=fakes.GRID)


def write(patient, settings=None, run="fake"):
    """Write the page and return its text."""
    out = patient.folder / "out"
    write_patient_page(patient.sources, out, settings or PublishSettings(), BoundsSettings(), RegisterSettings(), run)
    return (out / f"{CASE}.html").read_text()


def record_of(patient, wanted="gauss-newton-segmentation"):
    names = {method: method for method in METHODS}
    return read_record(patient.sources, PublishSettings(preferred_method=wanted, method_names=names))


def change(path, **values):
    table = read_table(path)
    for name, value in values.items():
        table[name] = value
    write_table(path, table)


def test_page_is_self_contained_and_reproducible(patient, drawn):
    text = write(patient)
    reader = PageReader(text)
    sizes = []
    addresses = [attributes.get("src", attributes.get("href")) for _, attributes in reader.tags]
    for address in filter(None, addresses):
        kind, _, content = address.partition(",")
        assert kind == "data:image/webp;base64"
        sizes.append(Image.open(BytesIO(base64.b64decode(content))).size)
    with Image.open(patient.folder / "out" / f"{CASE}.png") as png:
        assert sizes == [png.size, (30, 20)]
    assert not re.search(r"https?:|@import|url\(", text)
    assert all(attributes["alt"] for attributes in reader.attributes("img"))
    assert write(patient) == text


def test_texts_of_input_are_escaped(patient):
    path = patient.sources.invert_dirs["direct"] / "parameters.parquet"
    change(path, status="failed", message=f"{ESCAPED} & so on", mu_d_mm=np.nan)
    change(patient.sources.case_dir / "qc.parquet", status="borderline", message=ESCAPED, labels=ESCAPED)
    score(patient.folder)
    reader = PageReader(write(patient, PublishSettings(method_names={"direct": ESCAPED}), run=ESCAPED))
    assert all(attributes["id"].startswith("viewer-") for attributes in reader.attributes("script"))
    assert " ".join(reader.texts).count(ESCAPED) >= 6
    assert ESCAPED in [layer["name"] for layer in json.loads(reader.scripts["viewer-data"])["layers"]]


def test_warnings_of_bounds_registration_and_failures(patient):
    def warnings(centre=ORIGIN):
        return patient_warnings(record_of(patient), BoundsSettings(), np.array(centre))

    assert not warnings()
    # All three methods have this origin at its bound: one warning.
    assert len(warnings(np.add(ORIGIN, [0, 0, 30]))) == 1
    assert not warnings(np.add(ORIGIN, [0, 0, 10]))
    write_method(patient.folder, METHODS[1], inversion("failed", "diverged", None), "reference", patient.grid)
    change(patient.sources.case_dir / "qc.parquet", status="borderline", message="the deformation made it worse")
    score(patient.folder)
    registration, failure = warnings()
    assert "the deformation made it worse" in registration
    assert "diverged" in failure


def test_estimates_table(patient):
    centre = np.add(ORIGIN, [3, 0, -4])
    grid = estimates_table(record_of(patient).methods, centre).grid()
    rows = grid.rows
    cells = dict(zip(grid.headings, rows[0], strict=True))
    reach = 1.6448536
    mu_d = cells["Diffusion μ_D (mm)"]
    assert mu_d.text == "8.0"
    assert mu_d.below == f"[{8 * np.exp(-0.1 * reach):.1f}, {8 * np.exp(0.1 * reach):.1f}]"
    width = cells["Front width μ_D/μ_ρ (mm)"]
    both = np.hypot(0.1, 0.05)
    assert width.text.startswith("4.0")
    assert np.array(json.loads(width.below)) == pytest.approx([4 * np.exp(s * both * reach) for s in (-1, 1)], abs=0.01)
    origin = cells["Origin x, y, z (mm)"]
    assert (origin.text, origin.below) == ("−30.0, 28.0, 8.0", "± 1.6, 1.6, 3.3")
    assert cells["Origin to centre (mm)"].text == "5.0"
    assert cells["Seconds"].text == "12.5"
    # Methods without uncertainty have no brackets.
    assert not rows[1][2].below
    dice = read_table(patient.sources.metrics).set_index("method")["dice_whole_033"]
    assert cells["Dice, whole at 0.33"].text == f"{dice[METHODS[2]]:.2f}"


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ({"a": "ok", "wanted": "not-converged"}, "wanted"),
        ({"a": "not-converged", "b": "ok", "wanted": "failed"}, "b"),
        ({"a": "failed", "b": "not-converged"}, "b"),
        ({"a": "failed"}, None),
    ],
)
def test_choose_method(statuses, chosen):
    assert choose_method(statuses, "wanted") == chosen


def test_target_volumes(patient):
    assert "Target volumes" not in write(patient)
    shape = patient.grid.shape
    for kind in ("clinical", "personalised"):
        write_volume(patient.folder / f"{kind}-15mm.nii.gz", Volume(np.ones(shape, np.uint8), patient.grid))
    numbers = ["clinical_cc", "personalised_cc", "dice", "clinical_only_cc", "personalised_only_cc", "surface_mean_mm"]
    numbers += ["surface_95_mm", "level", "coverage_clinical", "coverage_personalised", "coverage_clinical_all"]
    row = dict.fromkeys([*numbers, "coverage_personalised_all"], np.nan)
    row |= {"status": "ok", "message": "kept", "margin_mm": 15.0, "clinical_cc": 73.44, "dice": 0.816}
    path = patient.folder / "plan.parquet"
    write_table(path, pd.DataFrame([row]))
    patient.sources.plans["direct"] = path
    text = write(patient)
    assert "Target volumes" in text
    assert "73.4" in text
    # Without follow-up.
    assert "recurrence" not in text
    names = [layer["name"] for layer in json.loads(PageReader(text).scripts["viewer-data"])["layers"]]
    assert [name for name in names if "target" in name] == [
        "clinical target, 15 mm", "personalised target, 15 mm, Direct inverse",
    ]  # fmt: skip


def test_volumes_of_the_viewer_are_the_results(patient):
    """The box is a part of the grid, and the case is stored in LPS order."""
    reader = PageReader(write(patient))
    content = json.loads(reader.scripts["viewer-data"])
    layers = {layer["name"]: layer for layer in content["layers"] if layer["group"] != "Uncertainty"}
    names = {"direct": "Direct inverse", "cmaes-solver": "CMA-ES on solver"}
    for method, name in names.items():
        cells = read_volume(patient.sources.forward_dirs[method] / "concentration.nii.gz").canonical()
        values, affine = reader.volume(layers[name], patient.folder)
        assert list(values.shape) == content["place"]["shape"]
        assert np.prod(values.shape) < np.prod(cells.data.shape)
        assert affine[:3, 3] == pytest.approx(content["place"]["origin"])
        start = np.rint(cells.grid.world_to_voxel(affine[:3, 3])).astype(int)
        box = tuple(slice(first, first + size) for first, size in zip(start, values.shape, strict=True))
        assert np.abs(values - cells.data[box]).max() < 0.502 / 255
        # The box contains all cells.
        assert cells.data.sum() == pytest.approx(cells.data[box].sum())
    # The read-out gives voxels of the files of the case.
    rows = np.array(content["place"]["voxelFromMm"])
    world = patient.grid.voxel_to_world([10, 20, 30])
    assert rows[:, :3] @ world + rows[:, 3] == pytest.approx([10, 20, 30])
    tissue, _ = reader.volume(layers["registered tissue"], patient.folder)
    assert set(np.unique(tissue)) == {0, 3}
    assert [layer["visible"] for layer in content["layers"] if layer["group"] == "Tumour-cell concentration"] == [
        True, False, False,
    ]  # fmt: skip
