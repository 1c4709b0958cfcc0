"""The built-in atlas and atlases from a user's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gliofit.atlas.model import Atlas, brain_from_image, load_atlas, solid
from gliofit.atlas.prepare import prepare_atlas
from gliofit.atlas.settings import AtlasSettings
from gliofit.atlas.sources import atlas_from_folder, mni152
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_json, read_volume, write_volume


@pytest.fixture(scope="module")
def built_in() -> Atlas:
    return mni152()


GRID = Grid((14, 12, 10), np.diag([2.0, 2.0, 2.0, 1.0]))


@pytest.fixture
def tissue() -> dict[str, np.ndarray]:
    """A box of white matter in a shell of grey matter in a shell of CSF."""
    labels = np.zeros(GRID.shape, np.uint8)
    for label, margin in ((1, 1), (2, 2), (3, 4)):
        labels[(slice(margin, -margin),) * 3] = label
    maps = {name: (labels == value).astype(np.float32) for name, value in (("csf", 1), ("gm", 2), ("wm", 3))}
    return {"labels": labels, **maps}


def write(folder: Path, grid: Grid = GRID, **images: np.ndarray) -> Path:
    for name, data in images.items():
        write_volume(folder / f"{name}.nii.gz", Volume(data, grid))
    return folder


def test_the_built_in_atlas_is_a_skull_stripped_brain(built_in: Atlas) -> None:
    t1 = built_in.require_t1()
    brain, tissue = built_in.brain_mask.data, built_in.tissue
    assert t1.grid.isotropic_spacing_mm == 1.0
    assert (t1.data[~brain] == 0).all()
    assert 1700 < brain.sum() / 1000 < 2000
    assert 600 < tissue.wm.sum() / 1000 < 750
    assert 900 < tissue.gm.sum() / 1000 < 1100
    # white matter is the brightest on T1, CSF the darkest
    means = [t1.data[tissue.labels == value].mean() for value in (1, 2, 3)]
    assert means == sorted(means)


def test_csf_is_what_grey_and_white_matter_leave_of_the_brain(built_in: Atlas) -> None:
    tissue, brain = built_in.tissue, built_in.brain_mask.data
    total = tissue.wm + tissue.gm + tissue.csf
    np.testing.assert_allclose(total[brain], 1, atol=1e-5)
    assert (total[~brain] == 0).all()


def test_what_is_prepared_can_be_loaded(tmp_path: Path, tissue: dict[str, np.ndarray]) -> None:
    t1 = 100 * tissue["wm"] + 60 * tissue["gm"] + 20 * tissue["csf"] + 7
    source = write(tmp_path / "own", t1=t1, **{name: tissue[name] for name in ("wm", "gm", "csf")})
    prepare_atlas(AtlasSettings(source=str(source)), tmp_path / "out")
    atlas = load_atlas(tmp_path / "out")
    assert atlas.name == "own"
    np.testing.assert_array_equal(atlas.tissue.labels, tissue["labels"])
    np.testing.assert_array_equal(atlas.brain_mask.data, tissue["labels"] > 0)
    stripped = atlas.require_t1().data
    assert (stripped[tissue["labels"] == 0] == 0).all()
    assert stripped[7, 6, 5] == t1[7, 6, 5]
    facts = read_json(tmp_path / "out" / "atlas.json")
    assert facts["volume_cc"]["white_matter"] == pytest.approx(tissue["wm"].sum() * 8 / 1000, abs=0.05)
    for name in ("t1", "wm", "gm", "csf", "labels", "brain_mask"):
        assert read_volume(tmp_path / "out" / f"{name}.nii.gz").grid.matches(GRID)


def test_labels_alone_serve_everything_but_registration(tmp_path: Path, tissue: dict[str, np.ndarray]) -> None:
    source = write(tmp_path / "own", labels=tissue["labels"])
    prepare_atlas(AtlasSettings(source=str(source)), tmp_path / "out")
    atlas = load_atlas(tmp_path / "out")
    assert atlas.t1 is None
    np.testing.assert_array_equal(atlas.tissue.labels, tissue["labels"])
    with pytest.raises(InputError, match=r"no T1 image.*t1\.nii\.gz"):
        atlas.require_t1()


def test_csf_is_derived_from_a_skull_stripped_t1(tmp_path: Path, tissue: dict[str, np.ndarray]) -> None:
    fluid = np.zeros(GRID.shape, bool)
    fluid[2:-2, 2:-2, 1] = True
    t1 = ((tissue["wm"] + tissue["gm"] > 0) | fluid) * np.float32(50)
    t1[2, 2, 1] = -3  # resampled images go below zero at the edge of the brain
    source = write(tmp_path / "own", wm=tissue["wm"], gm=tissue["gm"], t1=t1)
    np.testing.assert_array_equal(atlas_from_folder(source, "auto", True, warnings=[]).tissue.csf, fluid)


def test_a_t1_with_skull_is_stripped_by_the_mask(tmp_path: Path, tissue: dict[str, np.ndarray]) -> None:
    t1 = np.full(GRID.shape, 9, np.float32)
    mask = (tissue["labels"] > 0).astype(np.uint8)
    source = write(tmp_path / "own", wm=tissue["wm"], gm=tissue["gm"], t1=t1, brain_mask=mask)
    np.testing.assert_array_equal(atlas_from_folder(source, "auto", True, warnings=[]).require_t1().data, 9.0 * mask)
    np.testing.assert_array_equal(atlas_from_folder(source, "auto", False, warnings=[]).require_t1().data, t1)


def test_other_axis_orders_are_turned_by_the_affine(tmp_path: Path, tissue: dict[str, np.ndarray]) -> None:
    source = write(tmp_path / "own", wm=tissue["wm"])
    ramp = np.broadcast_to(np.arange(GRID.shape[0], dtype=np.float32)[:, None, None] / 20, GRID.shape)
    gm = np.where(tissue["gm"] > 0, ramp, 0).astype(np.float32)
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    affine[0, 3] = 2.0 * (GRID.shape[0] - 1)
    write(source, Grid(GRID.shape, affine), gm=np.ascontiguousarray(gm[::-1]))
    np.testing.assert_allclose(atlas_from_folder(source, "auto", True, warnings=[]).tissue.gm, gm, atol=1e-6)


def _swap(images: dict[str, np.ndarray], **changes: np.ndarray) -> dict[str, np.ndarray]:
    return {**{name: images[name] for name in ("wm", "gm")}, **changes}


@pytest.mark.parametrize(
    "change",
    [
        lambda t: {"wm": t["wm"]},
        lambda t: _swap(t, labels=t["labels"]),
        lambda t: _swap(t, gm=100 * t["gm"]),
        lambda t: _swap(t, a_t1=t["wm"], b_t1=t["wm"]),
        lambda t: {"labels": t["labels"] * np.float32(0.7)},
        lambda t: {"labels": t["labels"] + np.uint8(2)},
        lambda t: {"labels": (t["labels"] == 1).astype(np.uint8)},
    ],
    ids=["one map", "maps and labels", "per cent", "two T1", "interpolated", "other labels", "CSF alone"],
)
def test_unusable_folders_are_refused(
    tmp_path: Path, tissue: dict[str, np.ndarray], change: Callable[[dict], dict]
) -> None:
    write(tmp_path / "own", **change(tissue))
    with pytest.raises(InputError):
        prepare_atlas(AtlasSettings(source=str(tmp_path / "own")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_brains_are_solid_and_may_be_negative() -> None:
    image = np.zeros((9, 9, 9), np.float32)
    image[2:7, 2:7, 2:7] = -1.5
    image[4, 4, 4] = 0
    image[0, 0, 0] = 3
    expected = np.zeros((9, 9, 9), bool)
    expected[2:7, 2:7, 2:7] = True
    np.testing.assert_array_equal(brain_from_image(image), expected)
    assert not solid(np.zeros((3, 3, 3), bool)).any()
