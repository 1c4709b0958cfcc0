from __future__ import annotations

import matplotlib.image
import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Volume
from gliofit.figures.style import figure_style
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
    values["covariance"] = known.covariance.flatten().tolist()
    ends = zip(("_low", "_high"), known.interval(THETA), strict=True)
    for suffix, numbers in (("_se", known.standard_errors * THETA.space.derivative(THETA.to_array())), *ends):
        values |= THETA.space.row(numbers, suffix=suffix)
    return values


@pytest.fixture
def make_page(brain, row):
    def make(segmentation: bool = True, core: bool = True, deviation: bool = True, **changes) -> SummaryPage:
        fitted, observed = blob(brain, THETA.origin_mm, 20), blob(brain, (14.0, -6.0, 4.0), 21)
        levels = ["1: 4 mm"] * 12 + ["2: 2 mm"] * 18
        trace = pd.DataFrame({"evaluation": range(1, 31), "loss": np.geomspace(1, 1e-3, 30), "level": levels})
        return SummaryPage(
            brain, fitted, observed, changes.pop("trace", trace), row | changes,
            whole=observed.data > 0.33 if segmentation else None,
            core=observed.data > 0.6 if segmentation and core else None,
            deviation=Volume(0.1 * fitted.data, brain.grid) if deviation else None,
            facts={"forward simulation": "integrator accurate"},
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


@pytest.mark.parametrize(("options", "columns"), [({}, 4), ({"deviation": False}, 3), ({"segmentation": False}, 4)])
def test_columns_depend_on_the_content(make_page, options, columns):
    figure = draw(make_page(**options))
    pictures = [panel for panel in figure.axes if panel.images]
    assert len(pictures) == 3 * columns
    assert [text.get_text() for text in pictures[3].texts] == ["R", "L"]
    # The first picture of each plane has the bar of known length as well.
    assert [text.get_text() for text in pictures[0].texts] == ["R", "L", "5 cm"]
    assert [text.get_text() for text in pictures[-1].texts] == ["A", "P"]


def test_pictures_are_radiological(make_page):
    panel = draw(make_page()).axes[1]
    tumour = np.argwhere(~np.ma.getmaskarray(panel.images[1].get_array()))
    # x is +12 mm: to the right of the middle.
    assert tumour[:, 1].mean() < panel.images[0].get_array().shape[1] / 2 - 2


def test_thresholds_of_the_row(make_page):
    page = make_page(threshold_whole=0.2, threshold_core=0.7)
    fitted = page.fitted.data > 0.2
    assert page.dice()["whole"] == pytest.approx(2 * (fitted & page.whole).sum() / (fitted.sum() + page.whole.sum()))
    assert make_page(core=False).dice().keys() == {"whole"}


@pytest.mark.parametrize(
    "changes",
    [
        {"message": "; ".join([NOTE] * 12)},
        {"deviation": False, "core": False},
        {"segmentation": False, "trace": pd.DataFrame({"evaluation": [], "loss": [], "level": []})},
        {"trace": pd.DataFrame({"evaluation": [1, 2], "loss": [0.0, np.inf], "level": ["", ""]})},
    ],
)
def test_summary_is_legible(make_page, tmp_path, changes, drawn):
    plot_summary(tmp_path / "summary.png", make_page(**changes))
    assert matplotlib.image.imread(tmp_path / "summary.png").shape[1] > 1000


def test_digits_follow_the_interval():
    assert number(13.1234, (12.81, 13.42)) == ("13.12", "[12.81, 13.42]")
    assert number(13.1234, (9.0, 19.0)) == ("13.1", "[9.0, 19.0]")
    assert number(151.2, (90.0, 220.0)) == ("151", "[90, 220]")
    assert number(2.5, None, 3) == ("2.500", "")
    assert number(5.0, (4.0, float("inf"))) == ("5.00", "[4.00, inf]")
    assert interval_kind({"mu_rho_low": 1.0}) == ""
    assert interval_kind({"mu_rho_low": 1.0, "mu_rho_profile_low": 1.1}) == "_profile"
    assert interval_kind({}) == "none"
    assert interval({"mu_rho_low": 3.0, "mu_rho_high": 3.0}, "mu_rho") is None
