"""Quality measures, verdicts and filled tumours, compared with values computed by hand."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit.core.grid import Grid
from gliofit.core.tissue import Tissue
from gliofit.register.quality import (
    contrast,
    correlation,
    jacobian_determinant,
    mutual_information,
    tumour_shares,
    verdict,
)
from gliofit.register.run import fill_tumour
from gliofit.register.settings import RegisterSettings

GRID = Grid((4, 1, 1), np.eye(4))
GOOD = {
    "brain_dice": 0.97, "correlation": 0.7, "correlation_affine": 0.6, "jacobian_min": 0.4, "jacobian_max": 2.0,
    "jacobian_folded_share": 0.0, "tumour_csf_share": 0.05, "tumour_outside_brain_share": 0.0,
    "contrast_white_grey": 1.0,
}  # fmt: skip


def row(*values: float) -> np.ndarray:
    return np.array(values, np.float32).reshape(-1, 1, 1)


def test_correlation_and_contrast_use_the_mask() -> None:
    where = np.array([True, True, True, False]).reshape(-1, 1, 1)
    assert correlation(row(1, 2, 3, 90), row(2, 4, 6, -90), where) == pytest.approx(1)
    assert np.isnan(correlation(row(1, 1, 1, 2), row(1, 2, 3, 4), where))
    bright, dark = (np.array(m, bool).reshape(-1, 1, 1) for m in ([1, 1, 0, 0], [0, 0, 1, 1]))
    # means 6 and 2, both standard deviations 1
    assert contrast(row(5, 7, 1, 3), bright, dark) == pytest.approx(4)
    assert np.isnan(contrast(row(5, 7, 1, 3), bright, np.zeros_like(dark)))


def test_mutual_information_of_the_same_and_of_independent_images() -> None:
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 2, (2, 40, 40, 40)).astype(np.float32)
    everywhere = np.ones(a.shape, bool)
    assert mutual_information(a, 3 - 2 * a, everywhere) == pytest.approx(1, abs=1e-3)
    assert mutual_information(a, b, everywhere) == pytest.approx(0, abs=1e-3)
    assert np.isnan(mutual_information(a, np.zeros_like(a), everywhere))


@pytest.mark.parametrize(
    "affine", [np.diag([2.0, 2, 2, 1]), np.array([[0, -2.0, 0, 5], [-3, 0, 0, 1], [0, 0, 4, 2], [0, 0, 0, 1]])]
)
def test_the_jacobian_of_a_linear_displacement_is_its_determinant(affine: np.ndarray) -> None:
    grid = Grid((6, 7, 8), affine)
    gradient = np.array([[0.2, 0.1, 0.0], [0.0, -0.3, 0.2], [0.1, 0.0, 0.1]])
    lps = grid.voxel_to_world(np.moveaxis(np.indices(grid.shape), 0, -1)) * (-1, -1, 1)
    change = jacobian_determinant(lps @ gradient.T, grid)
    np.testing.assert_allclose(change, np.linalg.det(np.eye(3) + gradient), rtol=1e-4)


def test_shares_of_the_tumour() -> None:
    labels = np.array([0, 1, 2, 3, 1], np.uint8)
    brain = np.array([0, 1, 1, 1, 1], bool)
    assert tumour_shares(labels, brain, np.array([1, 1, 1, 1, 0], bool)) == (0.25, 0.25)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, "ok"),
        ({"brain_dice": 0.94}, "borderline"),
        ({"brain_dice": 0.85}, "poor"),
        ({"jacobian_min": -0.1, "jacobian_folded_share": 0.001}, "poor"),
        ({"jacobian_max": 12.0}, "borderline"),
        ({"correlation": 0.5}, "borderline"),
        ({"tumour_csf_share": 0.3}, "borderline"),
        ({"tumour_outside_brain_share": 0.2}, "borderline"),
        ({"contrast_white_grey": -0.2}, "borderline"),
        ({"brain_dice": 0.85, "tumour_csf_share": 0.3}, "poor"),
    ],
)
def test_verdicts_have_reasons(change: dict[str, float], status: str) -> None:
    rating, message = verdict({**GOOD, **change}, RegisterSettings())
    assert rating == status
    assert len(message.split("; ") if message else []) == len(change.keys() - {"jacobian_min"})


@pytest.fixture
def tissue() -> Tissue:
    """Background, CSF, mostly grey, mostly white."""
    return Tissue(row(0, 0, 0.2, 0.9), row(0, 0.1, 0.8, 0.1), row(0, 0.9, 0, 0), GRID)


TUMOUR = np.array([1, 1, 1, 0], bool).reshape(-1, 1, 1)


def test_fill_white(tissue: Tissue) -> None:
    filled, share = fill_tumour(tissue, TUMOUR, "white")
    np.testing.assert_array_equal(filled.wm.ravel(), np.float32([1, 1, 1, 0.9]))
    np.testing.assert_array_equal((filled.gm + filled.csf).ravel(), np.float32([0, 0, 0, 0.1]))
    assert share == 1


def test_fill_keep_if_brain(tissue: Tissue) -> None:
    filled, share = fill_tumour(tissue, TUMOUR, "keep-if-brain")
    np.testing.assert_array_equal(filled.labels.ravel(), [2, 2, 2, 3])
    np.testing.assert_array_equal(filled.gm.ravel(), np.float32([1, 1, 0.8, 0.1]))
    assert share == pytest.approx(2 / 3)
    np.testing.assert_array_equal(tissue.labels.ravel(), [0, 1, 2, 3])
