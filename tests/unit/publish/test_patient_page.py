from __future__ import annotations

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from io import BytesIO
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, read_volume, write_json, write_table, write_volume
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion
from gliofit.invert.run import parameters_row
from gliofit.invert.settings import BoundsSettings
from gliofit.invert.uncertainty import Uncertainty, _vague
from gliofit.observation.masks import tumour_masks
from gliofit.publish.estimates import estimates_table
from gliofit.publish.patient_index import write_patient_index
from gliofit.publish.patient_page import PatientSources, write_patient_page
from gliofit.publish.patient_record import choose_method, read_record
from gliofit.publish.patient_warnings import warnings_of
from gliofit.publish.provenance import add_provenance
from gliofit.publish.settings import PublishSettings
from gliofit.publish.slices import PLANES, PatientSlices
from gliofit.publish.theta_words import theta_words
from gliofit.register.settings import RegisterSettings
from gliofit.report.numbers import MISSING
from gliofit.report.page import Page

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
    """Tables of an estimate and of its final run, as the stages before write them."""
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
    """A patient with three methods, all well, MRI of its own, an uncertainty map and a plan."""
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
    sure = Uncertainty(np.diag(ERRORS**2), np.eye(5))
    write_method(tmp_path, METHODS[0], inversion(), "segmentation", fakes.GRID)
    write_method(tmp_path, METHODS[1], inversion(), "reference", fakes.GRID)
    write_method(tmp_path, METHODS[2], inversion(uncertainty=sure), "segmentation", fakes.GRID)
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
    """The page's text, and what a browser would make of it."""
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


class Reader(HTMLParser):
    """Elements and texts of a page, without its programs and what they read."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.texts, self.scripts = [], [], [], {}
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.addresses += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        if self.cdata_elem:
            self.scripts[self.tags[-1][1].get("id", self.cdata_elem)] = data
        else:
            self.texts.append(data)


def test_page_is_one_file_with_the_picture_in_it(patient, drawn):
    text = write(patient)
    found = Reader(text)
    sizes = []
    for address in found.addresses:
        kind, _, content = address.partition(",")
        assert kind == "data:image/webp;base64"
        sizes.append(Image.open(BytesIO(base64.b64decode(content))).size)
    with Image.open(patient.folder / "out" / f"{CASE}.png") as png:
        assert sizes == [png.size, (30, 20)]
    assert not re.search(r"https?:|@import|url\(", text)
    assert ("html", {"lang": "en"}) in found.tags
    picture, _ = (attributes for tag, attributes in found.tags if tag == "img")
    for part in ("T1c, FLAIR", "standard deviation", "Direct inverse", "Gauss-Newton on solver (segmentation)"):
        assert part in picture["alt"]
    said = " ".join(found.texts)
    assert "Whole tumour 24.2 cc, core 9.3 cc (enhancing 1.5 cc); voxels 4 × 4 × 4 mm; label scheme brats2021." in said
    assert "Nothing to warn of" in said
    assert "not for clinical decisions" in said
    # Every column is explained, beside the table itself.
    for heading in estimates_table(record_of(patient).methods, np.zeros(3)).grid().headings[1:]:
        assert said.count(re.split(r"[ (,]", heading)[0]) >= 2, heading


def test_same_results_give_the_same_bytes(patient):
    texts = [write(patient) for _ in range(2)]
    assert texts[0] == texts[1]


def test_text_of_others_is_never_markup(patient):
    path = patient.sources.invert_dirs["direct"] / "parameters.parquet"
    change(path, status="failed", message=f"{ESCAPED} & so on", mu_d_mm=np.nan)
    change(patient.sources.case_dir / "qc.parquet", status="borderline", message=ESCAPED, labels=ESCAPED)
    score(patient.folder)
    found = Reader(write(patient, PublishSettings(method_names={"direct": ESCAPED}), run=ESCAPED))
    assert all(attributes["id"].startswith("viewer-") for tag, attributes in found.tags if tag == "script")
    assert " ".join(found.texts).count(ESCAPED) >= 6
    assert ESCAPED in [layer["name"] for layer in json.loads(found.scripts["viewer-data"])["layers"]]


def test_warnings_come_first_and_by_gravity(patient):
    vague = _vague(SPACE, np.diag([1.0, 1.0, 1.0, 4.0, 0.01]))
    labels = Volume(np.array([[[1, 2]]], np.uint8), Grid((1, 1, 2), np.eye(4)))
    notes = [*vague, *tumour_masks(labels, 1.5).notes]
    assert len(notes) == 2
    grid = patient.grid
    stuck = inversion("not-converged", "; ".join(["1 mm: budget", *notes]), Theta(ORIGIN, 39.9, 2.0))
    write_method(patient.folder, METHODS[0], stuck, "segmentation", grid)
    write_method(patient.folder, METHODS[1], inversion("failed", "diverged", None), "reference", grid)
    change(patient.sources.case_dir / "qc.parquet", status="borderline", message="the deformation made it worse")
    score(patient.folder)
    found = warnings_of(record_of(patient), BoundsSettings(), np.array(ORIGIN))
    assert found[0].startswith("Look at the registration")
    assert "the deformation made it worse" in found[0]
    assert found[1].startswith("direct failed (diverged")
    assert found[2] == "cmaes-solver did not converge (1 mm: budget)."
    assert found[3].startswith("cmaes-solver: estimate at the edge of the search box (μ_D 39.9)")
    assert found[4:] == [f"cmaes-solver: {note}." for note in notes]


def test_a_tumour_that_shows_nowhere_is_a_warning(patient):
    assert not warnings_of(record_of(patient), BoundsSettings(), np.array(ORIGIN))
    table = read_table(patient.sources.metrics)
    write_table(
        patient.sources.metrics,
        table.assign(dice_whole_033=table["dice_whole_033"].mask(table["method"] == "direct", 0)),
    )
    [text] = warnings_of(record_of(patient), BoundsSettings(), np.array(ORIGIN))
    assert text.startswith("direct shows nothing where the tumour is")


def test_an_origin_at_the_edge_of_the_box_is_a_warning(patient):
    centre = np.add(ORIGIN, [0, 0, 30])
    [text] = warnings_of(record_of(patient), BoundsSettings(), centre)
    assert "origin z −30 mm from the tumour's centre" in text
    # All three methods have this origin: it is said once.
    assert text.startswith("gauss-newton-segmentation, cmaes-solver, direct: ")
    assert not warnings_of(record_of(patient), BoundsSettings(), centre - [0, 0, 20])


def test_table_of_theta(patient):
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


def test_methods_without_theta_have_a_row(patient):
    nothing = inversion("failed", "diverged", None)
    write_method(patient.folder, METHODS[1], nothing, "reference", patient.grid)
    score(patient.folder)
    row = estimates_table(record_of(patient).methods, np.array(ORIGIN)).grid().rows[2]
    assert {cell.text for cell in row[2:-2]} == {MISSING}
    assert row[-1].text == "failed"
    assert "diverged" in row[-1].below
    assert "Direct inverse (failed)" in write(patient)


@pytest.mark.parametrize(
    ("statuses", "chosen"),
    [
        ({"a": "ok", "wanted": "not-converged"}, "wanted"),
        ({"a": "not-converged", "b": "ok", "wanted": "failed"}, "b"),
        ({"a": "failed", "b": "not-converged"}, "b"),
        ({"a": "failed"}, None),
    ],
)
def test_method_to_show_first(statuses, chosen):
    assert choose_method(statuses, "wanted") == chosen


def test_stand_in_of_the_preferred_method_is_named(patient):
    assert "stands in its place" not in write(patient)
    text = write(patient, PublishSettings(preferred_method="hybrid"))
    assert "The preferred method, Hybrid, is not part of the run or failed; CMA-ES on solver stands in its" in text


def test_every_method_failed(patient):
    for method in METHODS:
        write_method(patient.folder, method, inversion("failed", "diverged", None), "segmentation", patient.grid)
    score(patient.folder)
    text = write(patient)
    assert "Every method failed on this patient." in text
    assert "three planes" not in text


def turned(path, out):
    """The same image with its voxels stored in another order."""
    volume = read_volume(path)
    data, affine = np.asarray(volume.data).transpose(2, 0, 1)[::-1], volume.grid.affine[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += affine[:3, 0] * (data.shape[0] - 1)
    affine[:, 0] *= -1
    nib.save(nib.Nifti1Image(np.ascontiguousarray(data), affine), out)


def test_slices_are_radiological_whatever_the_order_of_the_voxels(patient):
    """The patient's right, in sagittal pictures the front, is on the left; front, or top, is up."""
    case_dir = patient.sources.case_dir
    whole = read_volume(case_dir / "segmentation.nii.gz")
    slices = PatientSlices.through(Volume(whole.data > 0, whole.grid), read_volume(case_dir / "labels.nii.gz"))
    world = patient.grid.voxel_to_world(np.moveaxis(np.indices(patient.grid.shape), 0, -1)).astype(np.float32)
    found = []
    for axis in range(3):
        path = patient.folder / "straight.nii.gz"
        write_volume(path, Volume(world[..., axis], patient.grid))
        turned(path, patient.folder / "turned.nii.gz")
        straight, other = (slices.read(patient.folder / f"{name}.nii.gz") for name in ("straight", "turned"))
        assert all(np.array_equal(straight[name], other[name]) for name in straight)
        found.append(straight)
    for plane, across, up in zip(PLANES, (0, 0, 1), (1, 2, 2), strict=True):
        assert (np.diff(found[across][plane.name], axis=1) == -4).all()
        assert (np.diff(found[up][plane.name], axis=0) == 4).all()
        # Through the tumour, and where it says it is.
        assert found[plane.axis][plane.name] == pytest.approx(slices.position_mm(plane))
        assert slices.position_mm(plane) == pytest.approx((-32, 28, 8)[plane.axis], abs=4)
        width, height = slices.size_mm(plane)
        assert found[0][plane.name].shape == (height / 4, width / 4)


def test_slices_meet_a_tumour_in_two_parts():
    """Where the plane through the centre of mass meets no tumour, it is moved to where most of it is."""
    grid = Grid((21, 21, 21), np.eye(4))
    mask = np.zeros(grid.shape, bool)
    mask[[2, 18], 10, 10] = True
    mask[18, 9:12, 10] = True
    slices = PatientSlices.through(Volume(mask, grid), Volume(np.ones(grid.shape, np.uint8), grid))
    assert slices.centre == (18, 10, 10)


def test_mri_on_another_grid_is_refused(patient):
    volume = read_volume(patient.folder / "flair.nii.gz")
    write_volume(patient.folder / "flair.nii.gz", Volume(volume.data, volume.grid.crop((1, 0, 0), volume.grid.shape)))
    with pytest.raises(InputError, match=r"flair\.nii\.gz: lies on another grid"):
        write(patient)


def test_metrics_without_a_method_are_refused(patient):
    table = read_table(patient.sources.metrics)
    write_table(patient.sources.metrics, table[table["method"] != "direct"])
    with pytest.raises(InputError, match="has no row of method 'direct'"):
        write(patient)


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
    # There was no follow-up.
    assert "recurrence" not in text
    names = [layer["name"] for layer in json.loads(Reader(text).scripts["viewer-data"])["layers"]]
    assert [name for name in names if "target" in name] == [
        "clinical target, 15 mm", "personalised target, 15 mm, Direct inverse",
    ]  # fmt: skip


def packed(found, layer, folder):
    """Values of a layer of the viewer, read by another library than the one that wrote them."""
    path = folder / "layer.nii"
    path.write_bytes(gzip.decompress(base64.b64decode(found.scripts[layer["volume"]])))
    image = nib.load(path)
    return image.get_fdata(), image.affine


def test_volumes_of_the_viewer_are_the_results(patient):
    """Wherever the box was cut, and though the case is stored towards left and back."""
    found = Reader(write(patient))
    content = json.loads(found.scripts["viewer-data"])
    layers = {layer["name"]: layer for layer in content["layers"] if layer["group"] != "Uncertainty"}
    names = {"direct": "Direct inverse", "cmaes-solver": "CMA-ES on solver"}
    for method, name in names.items():
        cells = read_volume(patient.sources.forward_dirs[method] / "concentration.nii.gz").canonical()
        values, affine = packed(found, layers[name], patient.folder)
        assert list(values.shape) == content["place"]["shape"]
        assert np.prod(values.shape) < np.prod(cells.data.shape)
        assert affine[:3, 3] == pytest.approx(content["place"]["origin"])
        start = np.rint(cells.grid.world_to_voxel(affine[:3, 3])).astype(int)
        box = tuple(slice(first, first + size) for first, size in zip(start, values.shape, strict=True))
        assert np.abs(values - cells.data[box]).max() < 0.502 / 255
        # Nothing was cut away.
        assert cells.data.sum() == pytest.approx(cells.data[box].sum())
    # The voxel that the read-out gives is that of the case's own files.
    rows = np.array(content["place"]["voxelFromMm"])
    world = patient.grid.voxel_to_world([10, 20, 30])
    assert rows[:, :3] @ world + rows[:, 3] == pytest.approx([10, 20, 30])
    tissue, _ = packed(found, layers["registered tissue"], patient.folder)
    assert set(np.unique(tissue)) == {0, 3}
    assert [layer["visible"] for layer in content["layers"] if layer["group"] == "Tumour-cell concentration"] == [
        True, False, False,
    ]  # fmt: skip


def test_an_empty_map_of_the_uncertainty_is_explained(patient):
    assert "No uncertainty to be seen" not in write(patient)
    change(patient.sources.invert_dirs[METHODS[2]] / "parameters.parquet", observation="reference")
    field = read_volume(patient.folder / "uncertainty.nii.gz")
    for factor, words in ((1e-6, "holds no noise and is met almost exactly"), (0, "the map is zero everywhere")):
        write_volume(patient.folder / "uncertainty.nii.gz", Volume(factor * field.data, field.grid))
        found = Reader(write(patient))
        assert words in " ".join(found.texts)
        layers = json.loads(found.scripts["viewer-data"])["layers"]
        assert [layer["kind"] for layer in layers if layer["group"] == "Uncertainty"] == ["missing"]


def test_registration_is_judged_by_its_own_limits(patient):
    out = patient.folder / "out"
    limits = RegisterSettings(good_dice=0.99, poor_dice=0.97)
    write_patient_page(patient.sources, out, PublishSettings(), BoundsSettings(), limits, "fake")
    texts = Reader((out / f"{CASE}.html").read_text()).texts
    place = texts.index("Overlap of the brain masks (Dice)")
    assert texts[place + 1 : place + 5] == ["0.981", "0.99 and more", "0.97 to 0.99", "under 0.97"]


def test_estimate_in_words(patient):
    chosen, *others = record_of(patient).methods
    words = dict(theta_words(chosen, others))
    length, growth, sure, undetermined = words
    both = 1.6448536 * np.hypot(0.1, 0.05)
    assert length.endswith("4.00 [3.33, 4.81] mm")
    assert "tenfold over 9.2 mm" in words[length]
    assert "found a front width of 4.0 to 4.0 mm" in words[sure]
    assert growth.endswith(": 4")
    assert "2 μ_D μ_ρ = 32 mm" in words[growth]
    assert f"μ_D/μ_ρ roughly determined (the ends differ by a factor of {np.exp(2 * both):.2f})" in words[sure]
    assert f"μ_ρ well determined (the ends differ by a factor of {np.exp(2 * 1.6448536 * 0.05):.2f})" in words[sure]
    assert "the age T (days)" in words[undetermined]
    # A method without uncertainty does not seem sure.
    assert "gives no intervals" in dict(theta_words(others[0]))["How sure"]


def test_provenance_names_no_folders(tmp_path):
    content = {
        "input": [
            {"path": "/home/someone/data/a_seg.nii.gz", "sha256": "0" * 64},
            {"path": "results/r/train/guided-unet/weights.safetensors", "sha256": "1" * 64},
        ],
        "params": {"settings": {"methods": {"m": {"integrator": {"name": "reference"}}}}},
        "seed": 7,
        "versions": {"gliofit": "1.2.3"},
    }
    write_json(tmp_path / "parameters.parquet.json", content)
    jobs = [("m: estimate", tmp_path / "parameters.parquet"), ("m: final run", tmp_path / "other.nii.gz")]
    page = Page("provenance")
    assert add_provenance(page, jobs)
    [row] = page.blocks[0]["grid"].rows
    inputs = "a_seg.nii.gz, guided-unet/weights.safetensors"
    assert [cell.text for cell in row] == ["m: estimate", "7", "reference", "1.2.3", inputs]


def test_index_links_to_the_pages(patient):
    other = patient.folder / "qc.parquet"
    change(patient.sources.case_dir / "qc.parquet", status="poor", message=ESCAPED)
    write_table(other, read_table(patient.sources.case_dir / "qc.parquet").assign(status="ok", message=""))
    rows = read_table(patient.sources.metrics)
    failed = rows.assign(case="patient-00001", status=["ok", "ok", "failed"], dice_whole_033=[0.41, 0.42, np.nan])
    write_table(patient.folder / "metrics.parquet", pd.concat([rows, failed]))
    checks = {CASE: patient.sources.case_dir / "qc.parquet", "patient-00001": other}
    out = patient.folder / "index.html"
    write_patient_index(checks, patient.folder / "metrics.parquet", out, PublishSettings(), "fake")
    found = Reader(out.read_text())
    assert found.addresses == [f"{CASE}.html", "patient-00001.html"]
    said = found.texts[found.texts.index(CASE) :]
    assert said[1:6] == ["24.2", "9.3", "poor", ESCAPED, "Gauss-Newton on solver (segmentation)"]
    said = said[said.index("patient-00001") :]
    assert said[1:6] == ["24.2", "9.3", "ok", "CMA-ES on solver", "0.41"]
    with pytest.raises(InputError, match="has no row of patient 'nobody'"):
        write_patient_index({"nobody": other}, patient.folder / "metrics.parquet", out, PublishSettings(), "fake")
