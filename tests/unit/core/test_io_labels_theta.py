from __future__ import annotations

import pickle
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.header import Look
from gliofit.core.io import atomic_path, read_json, read_volume, scratch_folder, write_json, write_volume
from gliofit.core.labels import TumourLabel, core_mask, translate_labels, whole_tumour_mask
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE, diffusivity_mm2_per_day, theta_of_rates
from gliofit.growth.space import Bounds
from gliofit.growth.theta import Theta

GRID = Grid((4, 5, 6), np.diag([-1.0, -1.0, 1.0, 1.0]))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"x": np.float32(1), "y": np.arange(2)})
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise RuntimeError
    assert read_json(path) == {"x": 1.0, "y": [0, 1]}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


KILLED = """
import os, signal
from gliofit.core.io import atomic_path, scratch_folder
with scratch_folder("out/transforms") as scratch, atomic_path("out/a.json") as temporary:
    (scratch / "warp").write_text("half")
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_writer_leaves_is_removed_by_the_next(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED], cwd=tmp_path, check=False)
    out = tmp_path / "out"
    left = sorted(path.name for path in out.iterdir())
    # Two temporary names and their locks.
    assert len(left) == 4
    assert all(name.startswith(".tmp-") for name in left)
    # Whose name ends alike, and is being written.
    (out / ".tmp-abcdefgh-b-a.json").touch()
    write_json(out / "a.json", {"x": 1})
    with scratch_folder(out / "transforms") as scratch:
        assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in out.iterdir()) == [".tmp-abcdefgh-b-a.json", "a.json"]


def test_trailing_axis_is_dropped_and_floats_round(tmp_path):
    data = np.full((4, 5, 6, 1), 1.99999, np.float64)
    nib.save(nib.Nifti1Image(data, GRID.affine), tmp_path / "v.nii")
    volume = read_volume(tmp_path / "v.nii", np.uint8)
    assert volume.data.shape == (4, 5, 6)
    assert (volume.data == 2).all()


@pytest.mark.parametrize(
    ("scheme", "values", "expected"),
    [("brats2021", [0, 1, 2, 4], [0, 1, 2, 3]), ("brats2023", [0, 1, 2, 3], [0, 1, 2, 3]),
     ("brats2015", [1, 2, 3, 4], [1, 2, 4, 3]), ("brats2024", [1, 2, 3, 4], [1, 2, 3, 5])],
)  # fmt: skip
def test_label_schemes(scheme, values, expected):
    np.testing.assert_array_equal(translate_labels(np.array(values), scheme), expected)


@pytest.mark.parametrize(
    ("values", "scheme"), [([0, 1, 3], "brats2021"), ([4], "brats2023"), ([1], "brats"), ([0], "brats2021")]
)
def test_labels_of_another_scheme_are_refused(values, scheme):
    with pytest.raises(InputError):
        translate_labels(np.array(values), scheme)


def test_necrosis_counts_as_core_and_a_cavity_as_no_tumour():
    labels = np.array(list(TumourLabel), np.uint8)
    np.testing.assert_array_equal(whole_tumour_mask(labels), [False, True, True, True, True, False])
    np.testing.assert_array_equal(core_mask(labels), [False, True, False, True, True, False])


def test_theta_conversions():
    theta = theta_of_rates((1.0, 2.0, 3.0), 0.36, 0.09, 100.0)
    assert (theta.mu_d_mm, theta.mu_rho) == (pytest.approx(6.0), pytest.approx(3.0))
    assert diffusivity_mm2_per_day(theta) == pytest.approx(0.36)
    quarter = theta.at_fraction(0.25)
    assert (quarter.mu_d_mm, quarter.mu_rho) == (pytest.approx(3.0), pytest.approx(1.5))
    assert Theta.from_array(theta.to_array()) == theta
    voxel = theta.origin_voxel(GRID)
    assert Theta.from_voxel(voxel, 6.0, 3.0, grid=GRID).origin_mm == pytest.approx(theta.origin_mm)
    with pytest.raises(ValueError, match="theta"):
        Theta((0, 0, 0), -1.0, 1.0)


def test_bounds():
    bounds = SPACE.bounds_about((10.0, 0.0, 0.0))
    np.testing.assert_allclose(bounds.from_unit(np.full(5, 0.5)), [10, 0, 0, 20.05, 7.55])
    np.testing.assert_allclose(bounds.to_unit(bounds.upper), 1)
    assert bounds.clip([100, 0, 0, 50, 0])[0] == 58.0
    with pytest.raises(ValueError, match="lower"):
        Bounds(np.ones(5), np.ones(5))


def test_derived_seeds_are_stable():
    assert derive_seed(1, "invert", "case") == derive_seed(1, "invert", "case")
    assert len({derive_seed(s, n) for s in range(3) for n in ("a", "b", "ab")}) == 9
    assert derive_seed(2026, "x") == 390303897


def test_tissue_round_trip_and_checks(tmp_path, brain):
    brain.save(tmp_path)
    for kind in ("labels", "probabilities"):
        np.testing.assert_array_equal(Tissue.load(tmp_path, kind).wm, brain.wm)
    np.testing.assert_array_equal(Tissue.from_labels(Volume(brain.labels, brain.grid)).labels, brain.labels)
    with pytest.raises(InputError, match="label values"):
        Tissue.from_labels(Volume(np.full((3, 3, 3), 7), Grid((3, 3, 3), np.eye(4))))
    with pytest.raises(InputError, match="no grey or white"):
        Tissue.from_labels(Volume(np.ones((3, 3, 3)), Grid((3, 3, 3), np.eye(4))))
    assert brain.coarsen(2).wm.sum() * 8 == pytest.approx(brain.wm.sum())


def test_input_errors_survive_pickling():
    error = pickle.loads(pickle.dumps(InputError("file", "is bad", "correct it")))
    assert (error.subject, error.problem, error.hint) == ("file", "is bad", "correct it")
    assert str(error) == "file: is bad; correct it"


@pytest.mark.parametrize("shear", [0.0, 0.03])
def test_volume_round_trip_with_a_qform_where_it_can_hold_the_affine(tmp_path, shear):
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    affine[0, 1] = shear
    affine[:3, 3] = [90.0, 126.0, -72.0]
    volume = Volume(np.random.default_rng(0).random((60, 50, 40), np.float32), Grid((60, 50, 40), affine))
    write_volume(tmp_path / "a.nii.gz", volume)
    image = nib.load(tmp_path / "a.nii.gz")
    np.testing.assert_allclose(image.affine, affine, atol=1e-6)
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 0 if shear else 1)
    again = read_volume(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(again.data, volume.data)
    assert again.grid.matches(volume.grid)
    assert again.grid.axis_codes == "LPS"


def test_headers_keep_what_viewers_are_told_and_no_more(tmp_path):
    def header_of(kind, look=None):
        write_volume(tmp_path / "a.nii.gz", Volume(np.ones(GRID.shape, kind), GRID), look)
        return nib.load(tmp_path / "a.nii.gz").header

    # Whole numbers are labels, whether anybody says so or not.
    assert header_of(np.uint8).get_intent() == ("label", (), "")
    assert header_of(np.float32).get_intent() == ("none", (), "")
    header = header_of(np.uint8, Look("tumour", "label", (0, 5), "gliofit"))
    assert header.get_intent() == ("label", (), "tumour")
    assert (float(header["cal_min"]), float(header["cal_max"]), header["descrip"].item()) == (0, 5, b"gliofit")
