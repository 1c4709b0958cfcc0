from __future__ import annotations

import re
import shutil

import nibabel as nib
import numpy as np
import pytest
from matplotlib.image import imread

from gliofit.core.errors import InputError
from gliofit.core.io import read_table, read_volume
from gliofit.publish.figure3 import draw_figure3
from gliofit.publish.figure4 import _load_view, choose_cases, draw_figure4
from gliofit.publish.figure7 import draw_figure7
from gliofit.publish.settings import PublishSettings
from gliofit.publish.slices import AXIAL

SETTINGS = PublishSettings(dpi=50)


@pytest.fixture(scope="module")
def roots(tmp_path_factory, fakes):
    root = tmp_path_factory.mktemp("images")
    for i in range(3):
        failed = ("lmi",) if i == 1 else ()
        fakes.write_patient(root / "register", root / "forward", f"patient-{i:05d}", fakes.PATIENT_SCALES, failed)
    return root / "register", root / "forward"


def test_figure3_is_reproducible(tmp_path, synthetic_dir, drawn):
    for name in ("first", "second"):
        draw_figure3(synthetic_dir, tmp_path / name, SETTINGS)
    for kind in ("png", "pdf"):
        first, second = ((tmp_path / name / f"figure3.{kind}").read_bytes() for name in ("first", "second"))
        assert first == second
    assert imread(tmp_path / "first" / "figure3.png").shape[1] == 360
    words = drawn.words(0)
    assert {"Hybrid", "Oracle (true parameters)", "paper’s mean"} <= set(words)
    assert words.count("MSE of c, whole volume (no unit)") == 2


def test_figure7_shows_the_methods_of_one_observation(tmp_path, patients_dir, drawn):
    for observed in ("reference", "segmentation"):
        draw_figure7(patients_dir, tmp_path, SETTINGS, observed)
    reference, segmentation = (set(drawn.words(number)) for number in (0, 1))
    both = {"CMA-ES on solver (n = 3)", "LMI (n = 2)", "GliODIL (n = 3)"}
    assert both <= reference & segmentation
    assert "Hybrid (COM fixed) (n = 3)" in reference - segmentation
    assert "Gauss-Newton on solver (segmentation) (n = 3)" in segmentation - reference


def test_figure4_shows_the_methods_of_one_observation(tmp_path, patients_dir, roots, drawn):
    names = ["hybrid-com", "lmi", "static-field"]
    settings = PublishSettings(dpi=50, figure4_methods=names, figure4_patients=2)
    for observed in ("reference", "segmentation"):
        draw_figure4(patients_dir, *roots, tmp_path, settings, observed)
    reference, segmentation = (set(drawn.words(number)) for number in (0, 1))
    assert imread(tmp_path / "figure4.png").ndim == 3
    assert {"Reference: CMA-ES on solver", "LMI"} <= reference & segmentation
    assert "Hybrid (COM fixed)" in reference - segmentation
    assert "Static field" in segmentation - reference
    # Scores are relative to the observation.
    assert not any("HD95" in text for text in reference)
    assert any(re.fullmatch(r"Dice \d\.\d\d HD95 \d+\.\d mm", text) for text in segmentation)


def test_slices_are_radiological_for_any_voxel_order(tmp_path, roots, fakes):
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
    views = [_load_view(case, {}) for case in (source, folder)]
    assert views[0].background == pytest.approx(views[1].background)
    image, whole = views[0].background, views[0].whole
    half = image.shape[1] // 2
    assert image[:, :half].mean() > 1.5 * image[:, half:].mean()
    y, x = np.argwhere(whole).mean(axis=0) / image.shape
    assert x > 0.6
    assert y > 0.6
    assert views[0].slices.position_text(AXIAL) == "z = 8 mm"


def test_choose_cases(patients_dir):
    metrics = read_table(patients_dir / "metrics.parquet")
    errors = metrics[metrics["method"] == "hybrid-com"].set_index("case")["mse_volume"].sort_values()
    assert choose_cases(metrics, PublishSettings()) == list(errors.index)
    assert choose_cases(metrics, PublishSettings(figure4_patients=2)) == [errors.index[0], errors.index[-1]]
    assert choose_cases(metrics, PublishSettings(figure4_cases=["patient-00001"])) == ["patient-00001"]
    with pytest.raises(InputError, match="is not a case"):
        choose_cases(metrics, PublishSettings(figure4_cases=["missing"]))
    metrics["mse_volume"] = np.nan
    assert choose_cases(metrics, PublishSettings(figure4_patients=1)) == ["patient-00000"]
    with pytest.raises(InputError, match="no cases"):
        choose_cases(metrics.iloc[:0], PublishSettings())
