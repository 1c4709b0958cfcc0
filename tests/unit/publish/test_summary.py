from __future__ import annotations

import itertools
from dataclasses import replace

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Volume
from gliofit.figures.style import figure_style
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.invert.uncertainty import Uncertainty
from gliofit.publish.interval_text import interval, interval_kind, number
from gliofit.publish.summary import SummaryPage, _draw, plot_summary

THETA = Theta((12.0, -8.0, 4.0), 7.0, 3.0)
NOTE = "not identifiable: origin x +12 mm, mu_D by a factor of 2.3 (one standard deviation) changes the fit little"


def blob(brain, centre_mm, radius_mm: float) -> Volume:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in brain.grid.shape), indexing="ij"), axis=-1)
    distance = np.linalg.norm(brain.grid.voxel_to_world(index) - centre_mm, axis=-1)
    return Volume((brain.mask / (1 + np.exp((distance - radius_mm) / 4))).astype(np.float32), brain.grid)


@pytest.fixture
def row() -> dict:
    known = Uncertainty(np.diag([0.3, 0.2, 0.4, 0.02, 0.01]) ** 2, np.eye(5))
    values = dict(zip(("origin_x_mm", "origin_y_mm", "origin_z_mm"), THETA.origin_mm, strict=True))
    values |= {"mu_d_mm": THETA.mu_d_mm, "mu_rho": THETA.mu_rho, "origin_i": 22.5, "origin_j": 17.5, "origin_k": 20.5}
    values |= {"case": "case-1", "method": "gauss-newton", "status": "ok", "message": "1 mm: steps are small"}
    values |= {"loss": 2.5e-4, "evaluations": 30, "wall_seconds": 12.3}
    values |= {"threshold_whole": np.nan, "threshold_core": np.nan}
    return values | known.columns(THETA)


@pytest.fixture
def make_page(brain, row):
    def make(segmentation: bool = True, core: bool = True, deviation: bool = True, **changes) -> SummaryPage:
        fitted, observed = blob(brain, THETA.origin_mm, 20), blob(brain, (14.0, -6.0, 4.0), 21)
        trace = pd.DataFrame(
            {
                "evaluation": range(1, 31),
                "loss": np.geomspace(1, 1e-3, 30),
                "level": ["1: 4 mm"] * 12 + ["2: 2 mm"] * 18,
            }
        )
        return SummaryPage(
            brain, fitted, observed, changes.pop("trace", trace), row | changes,
            whole=observed.data > 0.33 if segmentation else None,
            core=observed.data > 0.6 if segmentation and core else None,
            deviation=Volume(0.1 * fitted.data, brain.grid) if deviation else None,
            facts={"final run": "integrator accurate"},
        )  # fmt: skip

    return make


def draw(page: SummaryPage):
    """The page as it is written."""
    with figure_style():
        return _draw(page)


def texts(figure) -> list[str]:
    found = [text.get_text() for text in figure.texts]
    for panel in figure.axes:
        legend = panel.get_legend()
        found += [text.get_text() for text in (*panel.texts, panel.title, *(legend.get_texts() if legend else []))]
    return [text for text in found if text]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ["observation", "fit", "residual, whole tumour", "standard deviation of c"]),
        ({"deviation": False}, ["observation", "fit", "residual, whole tumour"]),
        ({"segmentation": False}, ["observation", "fit", "fit - observation", "standard deviation of c"]),
    ],
)
def test_columns_are_those_that_the_fit_has(make_page, options, expected):
    figure = draw(make_page(**options))
    pictures = [panel for panel in figure.axes if panel.images]
    assert len(pictures) == 3 * len(expected)
    assert [text.get_text() for text in figure.texts[1:]] == expected
    assert [panel.get_ylabel().split(",")[0] for panel in pictures[:3]] == ["axial", "coronal", "sagittal"]
    assert [text.get_text() for text in pictures[3].texts] == ["R", "L"]
    # The first picture of each plane has the bar of known length as well.
    assert [text.get_text() for text in pictures[0].texts] == ["R", "L", "5 cm"]
    assert [text.get_text() for text in pictures[-1].texts] == ["A", "P"]


def test_the_patients_right_is_on_the_left(make_page):
    panel = draw(make_page()).axes[1]
    tumour = np.argwhere(~np.ma.getmaskarray(panel.images[1].get_array()))
    # x is +12 mm: to the right of the middle.
    assert tumour[:, 1].mean() < panel.images[0].get_array().shape[1] / 2 - 2


def test_pictures_are_cropped_to_the_brain(make_page):
    page = make_page()
    box = (-9, -9, -9), (60, 60, 60)
    wider = replace(
        page,
        tissue=page.tissue.extract(*box),
        fitted=page.fitted.extract(*box),
        observed=page.observed.extract(*box),
        deviation=page.deviation.extract(*box),
        whole=np.pad(page.whole, (9, 11)),
        core=np.pad(page.core, (9, 11)),
    )
    shapes = [draw(one).axes[0].images[0].get_array().shape for one in (page, wider)]
    assert max(shapes[1]) <= max(shapes[0]) + 2 < 45


def test_text_says_what_was_found(make_page):
    said = texts(draw(make_page()))
    assert "case-1: gauss-newton" in said
    assert "90% interval" in said
    assert {"7.00 mm", "[6.77, 7.23]", "3.000 ", "[2.951, 3.050]", "2.333 mm"} <= set(said)
    assert {"1: 4 mm", "2: 2 mm", "whole tumour", "core", "Dice, whole tumour", "Dice, core"} <= set(said)
    assert {"12.3 s, 30 evaluations", "integrator accurate", "- 1 mm: steps are small"} <= set(said)
    assert "fit, c = 0.33 and 0.60" in said


def test_thresholds_of_the_row_are_used(make_page):
    page = make_page(threshold_whole=0.2, threshold_core=0.7)
    assert "fit, c = 0.20 and 0.70" in texts(draw(page))
    fitted = page.fitted.data > 0.2
    assert page.dice()["whole"] == pytest.approx(2 * (fitted & page.whole).sum() / (fitted.sum() + page.whole.sum()))
    assert make_page(core=False).dice().keys() == {"whole"}


def test_a_profile_comes_before_the_covariance(make_page, row):
    page = make_page(mu_d_mm_profile_low=6.5, mu_d_mm_profile_high=float("inf"))
    said = texts(draw(page))
    assert "90% profile interval" in said
    assert "[6.50, inf]" in said


def test_methods_without_uncertainty_have_a_page_too(make_page):
    page = make_page(segmentation=False, deviation=False, **Uncertainty.no_columns(SPACE))
    said = texts(draw(page))
    assert not any("interval" in text or "bound" in text for text in said)
    assert "7.00 mm" in said


def test_a_held_origin_says_so(make_page):
    known = Uncertainty(np.diag([0, 0, 0, 0.02, 0.01]) ** 2, np.eye(5)).columns(THETA)
    assert texts(draw(make_page(**known))).count("held, or at its bound") == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "; ".join([NOTE] * 12)},
        {"deviation": False, "core": False},
        {"segmentation": False, "trace": pd.DataFrame({"evaluation": [], "loss": [], "level": []})},
        {"trace": pd.DataFrame({"evaluation": [1, 2], "loss": [0.0, np.inf], "level": ["", ""]})},
    ],
)
def test_nothing_is_cut_off_or_overlaps(make_page, tmp_path, changes, drawn):
    page = make_page(**changes)
    figure = draw(page)
    figure.canvas.draw()
    width, height = figure.canvas.get_width_height()
    panel = figure.axes[-1]
    boxes = [text.get_window_extent() for text in (*figure.texts, *panel.texts)]
    for box in boxes:
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= width
        assert box.y1 <= height
    for one, other in itertools.combinations(boxes, 2):
        assert not one.padded(-1).overlaps(other.padded(-1))
    plot_summary(tmp_path / "summary.png", page)
    assert matplotlib.image.imread(tmp_path / "summary.png").shape[1] > 1000


def test_numbers_have_the_digits_of_their_interval():
    assert number(13.1234, (12.81, 13.42)) == ("13.12", "[12.81, 13.42]")
    assert number(13.1234, (9.0, 19.0)) == ("13.1", "[9.0, 19.0]")
    assert number(151.2, (90.0, 220.0)) == ("151", "[90, 220]")
    assert number(2.5, None, 3) == ("2.500", "")
    assert number(5.0, (4.0, float("inf"))) == ("5.00", "[4.00, inf]")
    assert interval_kind({"mu_rho_low": 1.0}) == ""
    assert interval_kind({"mu_rho_low": 1.0, "mu_rho_profile_low": 1.1}) == "_profile"
    assert interval_kind({}) == "none"
    assert interval({"mu_rho_low": 3.0, "mu_rho_high": 3.0}, "mu_rho") is None
