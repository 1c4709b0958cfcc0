"""The viewer on a patient's page, driven as a reader would: what is asked of it must show in its pixels."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_table, write_volume
from gliofit.core.labels import TumourLabel
from gliofit.core.tissue import Tissue
from gliofit.evaluate.case import evaluate_case
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion
from gliofit.invert.run import parameters_row
from gliofit.invert.settings import BoundsSettings
from gliofit.publish.patient_page import write_patient_page
from gliofit.publish.patient_record import PatientSources
from gliofit.publish.settings import PublishSettings
from gliofit.register.settings import RegisterSettings
from gliofit.solver.accurate import AccurateSolver

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tools.look import Watched

CASE = "patient-00000"
#: On the patient's left, in front and above the middle.
ORIGIN = (-32.0, 18.0, 10.0)
METHODS = {"gauss-newton-segmentation": Theta(ORIGIN, 7.0, 2.4), "cmaes-solver": Theta(ORIGIN, 10.0, 2.6)}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory, brain: Tissue) -> PatientSources:
    """A ball of a brain at 4 mm, stored towards left and back as BraTS is, with tumours that the solver grew in it."""
    folder = tmp_path_factory.mktemp("patient")
    case_dir = folder / "register" / CASE
    shade = np.select([brain.wm > 0, brain.gm > 0, brain.csf > 0], [900, 650, 250])
    save(case_dir / "labels.nii.gz", brain.labels, brain)
    grown = {method: AccurateSolver().solve(brain, theta).concentration for method, theta in METHODS.items()}
    first = next(iter(grown.values()))
    segmentation = np.select([first > 0.6, first > 0.33], [TumourLabel.ENHANCING, TumourLabel.OEDEMA])
    save(case_dir / "segmentation.nii.gz", segmentation.astype(np.uint8), brain)
    save(case_dir / "t1.nii.gz", shade.astype(np.float32), brain)
    # With the contrast of the tissues turned over, so that one image can be told from the other.
    other = np.where(shade > 0, 1300 - shade, 0) + 400 * (first > 0.6)
    save(folder / "t1c.nii.gz", other.astype(np.float32), brain)
    Image.new("RGB", (60, 40), "navy").save(case_dir / "qc.png")
    checks = {
        "case": CASE, "status": "ok", "message": "", "labels": "brats2021", "brain_dice": 0.98, "correlation": 0.7,
        "correlation_affine": 0.5, "jacobian_min": 0.4, "jacobian_max": 2.9, "tumour_csf_share": 0.03,
        "tumour_outside_brain_share": 0.0, "jacobian_folded_share": 0.0, "contrast_white_grey": 1.7, "tumour_cc": 24.2,
        "core_cc": 9.3, "enhancing_cc": 1.5,
    }  # fmt: skip
    write_table(case_dir / "qc.parquet", pd.DataFrame([checks]))
    grid = read_volume(case_dir / "labels.nii.gz").grid
    for method, theta in METHODS.items():
        who = {"run": "fake", "cohort": "patients", "case": CASE, "method": method}
        outcome = Inversion(theta, 0.1, pd.DataFrame(), 10, 12.5, "ok", "")
        row = parameters_row(who, outcome, grid, 1, "segmentation", SPACE)
        write_table(folder / "invert" / method / "parameters.parquet", pd.DataFrame([row]))
        final = {"status": "ok", "message": "", "integrator": "accurate", "wall_seconds": 1.0}
        write_table(folder / "forward" / CASE / method / "forward.parquet", pd.DataFrame([final]))
        save(folder / "forward" / CASE / method / "concentration.nii.gz", grown[method], brain)
    invert = {method: folder / "invert" / method for method in METHODS}
    forward = {method: folder / "forward" / CASE / method for method in METHODS}
    reference = forward["cmaes-solver"] / "concentration.nii.gz"
    evaluate_case(
        "patients", CASE, case_dir, forward, invert, reference, folder / "evaluate", EvaluateSettings(), "fake", 1
    )
    deviation = folder / "uncertainty.nii.gz"
    save(deviation, (first * (1 - first)).astype(np.float32), brain)
    return PatientSources(
        CASE, case_dir, invert, forward, folder / "evaluate" / "metrics.parquet", {"t1c": folder / "t1c.nii.gz"},
        {"gauss-newton-segmentation": deviation},
    )  # fmt: skip


def save(path: Path, data: NDArray[Any], brain: Tissue) -> None:
    """Write an array of the brain with its axes towards left, back and top."""
    affine = brain.grid.affine @ np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[:3, 3] = brain.grid.voxel_to_world([data.shape[0] - 1, data.shape[1] - 1, 0])
    write_volume(path, Volume(data[::-1, ::-1], type(brain.grid)(data.shape, affine)))


@pytest.fixture(scope="module")
def html(sources: PatientSources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pages")
    write_patient_page(sources, out, PublishSettings(), BoundsSettings(), RegisterSettings(), "fake")
    return out / f"{CASE}.html"


class Viewer:
    """The viewer of an open page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        if not page.evaluate("Boolean(document.createElement('canvas').getContext('webgl2'))"):
            pytest.skip("this Chromium has no WebGL 2")
        self.wait()

    def wait(self) -> None:
        """Until everything that was asked for is drawn."""
        self.page.wait_for_function("window.gliofitViewer && window.gliofitViewer.ready", timeout=30_000)

    def ask(self, what: str, *arguments: Any) -> Any:
        """A property, or what a function returns."""
        call = f"(given) => window.gliofitViewer.{what}" + ("(...given)" if arguments else "")
        found = self.page.evaluate(call, list(arguments))
        self.wait()
        return found

    def layer(self, name: str, group: str = "") -> dict[str, Any]:
        return next(x for x in self.ask("layers") if x["name"] == name and x["group"].startswith(group))

    def click(self, selector: str) -> None:
        self.page.locator(selector).first.click()
        self.wait()

    def slide(self, selector: str, value: float) -> None:
        self.page.locator(selector).first.evaluate(
            "(input, value) => { input.value = value; input.dispatchEvent(new Event('input')); }", value
        )
        self.wait()

    def pixels(self) -> NDArray[np.int32]:
        """What the reader sees of the slices, three colours per CSS pixel."""
        content = self.page.locator(".viewer-stage").screenshot()
        return np.asarray(Image.open(BytesIO(content)).convert("RGB")).astype(np.int32)

    def changed(self, act: Callable[[], object]) -> int:
        """Number of pixels that look different after an action."""
        before = self.pixels()
        act()
        self.wait()
        return int((np.abs(self.pixels() - before).max(axis=-1) > 8).sum())


@pytest.fixture
def viewer(watched: Watched, html: Path) -> Viewer:
    return Viewer(watched.open(html))


def test_layers_and_opacity_show(viewer: Viewer) -> None:
    cells = viewer.layer("Gauss-Newton on solver (segmentation)", "Tumour")
    other = viewer.layer("CMA-ES on solver", "Tumour")
    assert cells["visible"]
    assert not other["visible"]
    # Nothing is unpacked before somebody wants to see it.
    assert not other["loaded"]
    box = "[data-layer={}] .viewer-name input"
    assert viewer.changed(lambda: viewer.click(box.format(cells["id"]))) > 500
    assert not viewer.layer(cells["name"], "Tumour")["visible"]
    assert viewer.changed(lambda: viewer.click(box.format(other["id"]))) > 500
    assert viewer.layer("CMA-ES on solver", "Tumour")["loaded"]
    slider = f"[data-layer={other['id']}] input[type=range]"
    assert viewer.changed(lambda: viewer.slide(slider, 0.2)) > 500
    assert viewer.layer("CMA-ES on solver", "Tumour")["opacity"] == pytest.approx(0.2)
    contour = f"[data-layer={other['id']}] .viewer-contour input"
    assert viewer.changed(lambda: viewer.click(contour)) > 50
    for name in ("segmentation, whole", "segmentation, core", "registered tissue"):
        assert viewer.changed(lambda name=name: viewer.click(box.format(viewer.layer(name)["id"]))) > 50, name
    deviation = viewer.layer("Gauss-Newton on solver (segmentation)", "Uncertainty")
    assert viewer.changed(lambda: viewer.click(box.format(deviation["id"]))) > 200
    bars = viewer.page.locator(".viewer-scale").all_inner_texts()
    assert [text.splitlines()[0] for text in bars] == ["tumour-cell concentration c", "standard deviation of c"]
    assert viewer.changed(lambda: viewer.page.locator("#viewer-background").select_option(label="T1")) > 500


def test_read_out_is_the_value_of_the_files(viewer: Viewer, sources: PatientSources) -> None:
    def file_value(path: Path, mm: list[float]) -> tuple[float, list[int]]:
        volume = read_volume(path)
        voxel = np.rint(volume.grid.world_to_voxel(mm)).astype(int)
        return float(volume.data[tuple(voxel)]), voxel.tolist()

    cells = viewer.layer("Gauss-Newton on solver (segmentation)", "Tumour")
    path = sources.forward_dirs["gauss-newton-segmentation"] / "concentration.nii.gz"
    found = set()
    for shift in (0, 8, 12, 20):
        viewer.ask("moveTo", [ORIGIN[0], ORIGIN[1] - shift, ORIGIN[2]])
        mm = viewer.ask("crosshair")
        assert mm == pytest.approx([ORIGIN[0], ORIGIN[1] - shift, ORIGIN[2]], abs=2.001)
        value, voxel = file_value(path, mm)
        assert viewer.ask("voxel") == voxel
        assert viewer.layer(cells["name"], "Tumour")["value"] == pytest.approx(value, abs=0.502 / 255)
        label, _ = file_value(sources.case_dir / "segmentation.nii.gz", mm)
        assert viewer.layer("segmentation, whole")["value"] == (label > 0)
        t1c, _ = file_value(sources.images["t1c"], mm)
        assert viewer.layer("T1c")["value"] == pytest.approx(t1c, abs=1050 / 63)
        found.add(round(value, 2))
        said = viewer.page.locator(".viewer-readout").inner_text()
        for text in (", ".join(map(str, voxel)), f"{viewer.layer(cells['name'], 'Tumour')['value']:.3f}"):
            assert text in said
    assert len(found) == 4


def test_slices_move_by_keys_sliders_and_pointer(viewer: Viewer) -> None:
    marks = viewer.page.locator("#viewer-marks")
    start = viewer.ask("crosshair")
    # A click moves the crosshair to where it is.
    target = [start[0] + 16, start[1] - 12, start[2]]
    x, y = viewer.ask("screenOf", "axial", target)
    assert viewer.changed(lambda: marks.click(position={"x": x, "y": y})) > 500
    viewer.wait()
    assert viewer.ask("crosshair") == pytest.approx(target, abs=0.01)
    for key, axis, step in (
        ("ArrowUp", 1, 4), ("ArrowDown", 1, -4), ("PageUp", 2, 4), ("PageDown", 2, -4),
        # Radiological: to the right of the picture is towards the patient's left.
        ("ArrowRight", 0, -4), ("ArrowLeft", 0, 4),
    ):  # fmt: skip
        before = viewer.ask("crosshair")
        assert viewer.changed(lambda key=key: viewer.page.keyboard.press(key)) > 100, key
        moved = np.subtract(viewer.ask("crosshair"), before)
        assert moved == pytest.approx(step * np.eye(3)[axis], abs=0.01), key
    marks.hover(position={"x": x, "y": y})
    before = viewer.ask("crosshair")
    viewer.page.mouse.wheel(0, -100)
    viewer.page.wait_for_function("(z) => window.gliofitViewer.crosshair[2] !== z", arg=before[2])
    assert viewer.ask("crosshair")[2] == pytest.approx(before[2] + 4)
    viewer.click("#viewer-home")
    assert viewer.ask("crosshair") == pytest.approx(start, abs=0.01)
    for axis in range(3):
        slider = f".viewer-sliders input[data-axis='{axis}']"
        assert viewer.changed(lambda slider=slider: viewer.slide(slider, 20)) > 100
    assert viewer.ask("crosshair") != pytest.approx(start, abs=0.01)
    assert viewer.changed(lambda: viewer.slide("#viewer-zoom", 2)) > 1000


def bright_side(viewer: Viewer, plane: str) -> float:
    """Where the colours of the tumour are in a slice: from −1, its left edge, to 1."""
    box = next(item for item in viewer.ask("slices") if item["plane"] == plane)
    part = [(box["top"], box["height"]), (box["left"], box["width"])]
    pixels = viewer.pixels()[tuple(slice(round(first), round(first + size)) for first, size in part)]
    # Cells are the only thing that is more red than blue.
    where = np.argwhere(pixels[..., 0] - pixels[..., 2] > 60)
    assert len(where) > 200
    return float(where[:, 1].mean() / pixels.shape[1] * 2 - 1)


def test_the_patients_left_is_where_the_letters_say(viewer: Viewer) -> None:
    assert viewer.ask("radiological")
    for letters, side in ((["R", "L"], 1), (["L", "R"], -1)):
        if side < 0:
            viewer.click("#viewer-radiological")
        assert [item["letters"] for item in viewer.ask("slices")] == [letters, letters, ["A", "P"]]
        # The tumour is on the patient's left and in front.
        assert bright_side(viewer, "axial") * side > 0.2
        assert bright_side(viewer, "coronal") * side > 0.2
        assert bright_side(viewer, "sagittal") < -0.1
    assert "Neurological" in viewer.page.locator(".viewer-convention").inner_text()


def test_without_webgl_the_picture_is_pointed_at(watched: Watched, html: Path) -> None:
    watched.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null;")
    page = watched.open(html)
    assert "needs WebGL 2" in page.locator("#viewer").inner_text()
    assert page.locator("img").first.evaluate("(image) => image.naturalWidth") > 1000
