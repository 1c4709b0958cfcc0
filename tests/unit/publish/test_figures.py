from __future__ import annotations

import re
import shutil

import nibabel as nib
import numpy as np
import pytest
from matplotlib.image import imread

from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_table, read_volume, write_table, write_volume
from gliofit.publish.figure3 import draw_figure3
from gliofit.publish.figure4 import _layout, _load_view, choose_cases, draw_figure4
from gliofit.publish.figure7 import draw_figure7
from gliofit.publish.settings import PublishSettings

SETTINGS = PublishSettings(dpi=50)


@pytest.fixture(scope="module")
def roots(tmp_path_factory, fakes):
    root = tmp_path_factory.mktemp("images")
    for i in range(3):
        failed = ("lmi",) if i == 1 else ()
        fakes.write_patient(root / "register", root / "forward", f"patient-{i:05d}", fakes.PATIENT_SCALES, failed)
    return root / "register", root / "forward"


def test_figure3_is_written_and_repeats_byte_by_byte(tmp_path, synthetic_dir, drawn):
    for name in ("first", "second"):
        draw_figure3(synthetic_dir, tmp_path / name, SETTINGS)
    for kind in ("png", "pdf"):
        first, second = ((tmp_path / name / f"figure3.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second
    assert imread(tmp_path / "first" / "figure3.png").shape[1] == 360
    words = drawn.words(0)
    assert {"Hybrid", "Oracle (true parameters)", "paper’s mean"} <= set(words)
    assert words.count("MSE of c, whole volume (no unit)") == 2


def test_figure3_of_patients_compares_methods_that_observed_the_same(tmp_path, patients_dir, drawn):
    for observed in ("reference", "segmentation"):
        draw_figure3(patients_dir, tmp_path, SETTINGS, observed)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"figure3{suffix}.{kind}" for suffix in ("", "-segmentation") for kind in ("png", "pdf")
    }
    found, other = ({*drawn.words(number)} for number in (0, 1))
    # The paper puts both beside the reference-driven ones.
    assert {"LMI", "GliODIL"} <= found & other
    assert "Hybrid (COM fixed)" in found - other
    assert {"Static field", "Gauss-Newton on solver (segmentation)"} <= other - found
    assert any("against CMA-ES on solver" in text for text in found & other)
    assert "paper’s mean" in found - other


def test_figure3_copes_with_zero_errors_and_methods_without_a_score(tmp_path, synthetic_dir, drawn):
    metrics = read_table(synthetic_dir / "metrics.parquet")
    metrics.loc[metrics["method"] == "oracle", "mse_volume"] = 0.0
    metrics.loc[metrics["method"] == "direct", "mse_volume"] = np.nan
    metrics.loc[metrics["method"] == "direct", "status"] = "failed"
    write_table(tmp_path / "metrics.parquet", metrics)
    draw_figure3(tmp_path, tmp_path, SETTINGS)
    assert (tmp_path / "figure3.png").is_file()


def test_figure7_shows_the_methods_of_one_observation(tmp_path, patients_dir, drawn):
    for observed in ("reference", "segmentation"):
        draw_figure7(patients_dir, tmp_path, SETTINGS, observed)
    found, other = (drawn.words(number) for number in (0, 1))
    both = {"CMA-ES on solver (n = 3)", "LMI (n = 2)", "GliODIL (n = 3)"}
    assert both <= {*found} & {*other}
    assert "Hybrid (COM fixed) (n = 3)" in found
    assert "Hybrid (COM fixed) (n = 3)" not in other
    assert "Gauss-Newton on solver (segmentation) (n = 3)" in other
    assert "Gauss-Newton on solver (segmentation) (n = 3)" not in found


def test_figure4_shows_the_methods_of_one_observation(tmp_path, patients_dir, roots, drawn):
    names = ["hybrid-com", "lmi", "static-field"]
    settings = PublishSettings(dpi=50, figure4_methods=names, figure4_patients=2)
    for observed in ("reference", "segmentation"):
        draw_figure4(patients_dir, *roots, tmp_path, settings, observed)
    found, other = (drawn.words(number) for number in (0, 1))
    assert imread(tmp_path / "figure4.png").ndim == 3
    assert {"Reference: CMA-ES on solver", "LMI", "Hybrid (COM fixed)"} <= {*found}
    assert "Static field" not in found
    assert {"Reference: CMA-ES on solver", "LMI", "Static field"} <= {*other}
    assert "Hybrid (COM fixed)" not in other
    # Distances from the reference there, from the segmentation here.
    assert not any("HD95" in text for text in found)
    assert any(re.fullmatch(r"Dice \d\.\d\d HD95 \d+\.\d mm", text) for text in other)


def test_figure4_goes_on_in_a_second_block_where_there_are_many_methods(tmp_path, patients_dir, roots, drawn):
    draw_figure4(patients_dir, *roots, tmp_path, PublishSettings(dpi=50, figure4_patients=2))
    # Reference, seven others and the T1: a block of five and one of four, each with one title above all patients.
    assert drawn.words(0).count("Direct inverse") == 1
    pictures = [axes for axes in drawn.figures[0].axes if axes.images]
    assert len(pictures) == 2 * 9
    edges = sorted({round(axes.get_position().x0, 3) for axes in pictures})
    assert len(edges) == 5
    assert drawn.figures[0].get_figheight() < 9.1


def test_pictures_of_figure4_are_as_large_as_a_page_allows():
    # Few in one row, many in blocks of rows; more than a page has room for in small ones.
    assert _layout(2, 2, 3.5) == (2, pytest.approx(1.49))
    columns, side = _layout(4, 16, 7.2)
    assert columns == 8
    assert 0.6 < side < 0.85
    assert _layout(12, 21, 7.2) == (8, 0.6)


def test_field_of_figure4_holds_what_any_method_shows(roots):
    near = _load_view(roots[0] / "patient-00000")
    grid = near.slices.grid
    far = np.zeros(grid.shape, np.float32)
    far[tuple(np.rint(grid.world_to_voxel([50.0, -40.0, near.height_mm])).astype(int))] = 0.5
    view = _load_view(roots[0] / "patient-00000", [Volume(far, grid)])
    y, x = np.argwhere(view.cut(Volume(far, grid)) > 0)[0] * 4.0
    left, right, bottom, top = near.field
    assert not (left < x < right and bottom < y < top)
    left, right, bottom, top = view.field
    assert left < x < right
    assert bottom < y < top
    assert right - left == pytest.approx(top - bottom)


def test_slices_are_radiological_whatever_the_order_of_the_voxels(tmp_path, roots, fakes):
    """The brain's right half is bright and the tumour left in front: bright left, tumour right and up."""
    source, folder = roots[0] / "patient-00000", tmp_path / "case"
    shutil.copytree(source, folder)
    for path in folder.glob("*.nii.gz"):
        volume = read_volume(path)
        data, affine = np.asarray(volume.data).transpose(2, 0, 1)[::-1], fakes.GRID.affine[:, [2, 0, 1, 3]].copy()
        affine[:3, 3] += affine[:3, 0] * (data.shape[0] - 1)
        affine[:, 0] *= -1
        image = nib.Nifti1Image(np.ascontiguousarray(data), affine)
        nib.save(image, path)
    views = [_load_view(case) for case in (source, folder)]
    assert views[0].background == pytest.approx(views[1].background)
    image, whole = views[0].background, views[0].whole
    half = image.shape[1] // 2
    assert image[:, :half].mean() > 1.5 * image[:, half:].mean()
    y, x = np.argwhere(whole).mean(axis=0) / image.shape
    assert x > 0.6
    assert y > 0.6
    assert views[0].height_mm == pytest.approx(8)


def test_view_falls_back_to_tissue_and_refuses_a_case_without_tumour(tmp_path, roots, fakes):
    folder = tmp_path / "case"
    shutil.copytree(roots[0] / "patient-00000", folder)
    (folder / "t1.nii.gz").unlink()
    assert _load_view(folder).background.max() > 0.5
    write_volume(folder / "segmentation.nii.gz", Volume(np.zeros(fakes.GRID.shape, np.uint8), fakes.GRID))
    with pytest.raises(InputError, match="no tumour"):
        _load_view(folder)


def test_cases_are_the_named_ones_or_spread_from_best_to_worst(patients_dir):
    metrics = read_table(patients_dir / "metrics.parquet")
    errors = metrics[metrics["method"] == "hybrid-com"].set_index("case")["mse_volume"].sort_values()
    assert choose_cases(metrics, PublishSettings()) == list(errors.index)
    assert choose_cases(metrics, PublishSettings(figure4_patients=2)) == [errors.index[0], errors.index[-1]]
    assert choose_cases(metrics, PublishSettings(figure4_cases=["patient-00001"])) == ["patient-00001"]
    with pytest.raises(InputError, match="is no case"):
        choose_cases(metrics, PublishSettings(figure4_cases=["nobody"]))
    metrics["mse_volume"] = np.nan
    assert choose_cases(metrics, PublishSettings(figure4_patients=1)) == ["patient-00000"]
    with pytest.raises(InputError, match="no cases"):
        choose_cases(metrics.iloc[:0], PublishSettings())


def test_unknown_method_is_refused(tmp_path, patients_dir, roots):
    with pytest.raises(InputError, match="is no method"):
        draw_figure4(patients_dir, *roots, tmp_path, PublishSettings(figure4_methods=["nothing"]))
