from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.core.grid import Volume
from gliofit.core.io import read_volume, write_table
from gliofit.core.tissue import Tissue
from gliofit.forward.run import concentration_deviation, map_uncertainty
from gliofit.forward.settings import ForwardSettings
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings

THETA = Theta((4.0, 0.0, -8.0), 8.0, 3.0)
ERRORS = np.array([0.4, 0.3, 0.5, 0.03, 0.02])
#: mu_D and mu_rho trade off against each other, and so do two components of the origin.
CORRELATION = np.eye(5)
CORRELATION[3, 4] = CORRELATION[4, 3] = -0.7
CORRELATION[0, 1] = CORRELATION[1, 0] = 0.4
COVARIANCE = CORRELATION * np.outer(ERRORS, ERRORS)


def map_of(folder, brain, integrator: dict | None = None, **changes) -> np.ndarray:
    """Return the map that the stage writes for a row of an inversion."""
    brain.save(folder / "case")
    row = THETA.space.row(THETA.to_array()) | {"covariance": COVARIANCE.flatten().tolist()} | changes
    write_table(folder / "p.parquet", pd.DataFrame([row]))
    settings = ForwardSettings.model_validate({} if integrator is None else {"integrator": integrator})
    map_uncertainty(folder / "case", folder / "p.parquet", folder / "out" / "u.nii.gz", settings, "labels")
    return read_volume(folder / "out" / "u.nii.gz").data


def test_it_is_the_spread_of_runs_at_random_thetas(brain):
    deviation = concentration_deviation(brain, THETA, COVARIANCE)
    draws = np.random.default_rng(1).multivariate_normal(np.zeros(5), COVARIANCE, 150)
    solver, fields = AccurateSolver(), []
    for draw in draws:
        theta = np.append(THETA.to_array()[:3] + draw[:3], THETA.to_array()[3:] * np.exp(draw[3:]))
        fields.append(solver.solve(brain, Theta.from_array(theta)).concentration)
    spread = np.std(fields, axis=0)
    front = (spread > 0.3 * spread.max()) & (brain.labels >= 2)
    assert front.sum() > 200
    ratio = deviation.data[front] / spread[front]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)
    assert np.percentile(np.abs(ratio - 1), 90) < 0.25
    assert deviation.data.sum(dtype=float) == pytest.approx(spread[brain.labels >= 2].sum(dtype=float), rel=0.1)


def test_it_is_no_larger_than_a_share_can_have(brain):
    c = AccurateSolver().solve(brain, THETA).concentration
    largest = np.sqrt(np.clip(c * (1 - c), 0, None))
    deviation = concentration_deviation(brain, THETA, 1e4 * COVARIANCE).data
    assert (deviation <= largest + 1e-3).all()
    assert (deviation[(c > 0.1) & (c < 0.9) & (brain.labels >= 2)] > 0.2).all()


def test_it_is_zero_outside_tissue_and_without_uncertainty(brain):
    deviation = concentration_deviation(brain, THETA, COVARIANCE).data
    assert deviation.dtype == np.float32
    assert np.isfinite(deviation).all()
    assert deviation.max() > 0.05
    assert not deviation[brain.labels < 2].any()
    assert not concentration_deviation(brain, THETA, np.zeros((5, 5))).data.any()


def test_it_follows_the_axes_of_the_tissue(brain):
    def turned(name: str) -> Volume:
        volume = brain.map(name)
        affine = volume.grid.affine @ np.array([[-1, 0, 0, 39], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
        return Volume(volume.data[::-1].transpose(0, 2, 1), type(volume.grid)(volume.grid.shape, affine))

    other = Tissue.from_maps(*map(turned, ("wm", "gm", "csf")))
    found = concentration_deviation(other, THETA, COVARIANCE).oriented_like(brain.grid)
    assert np.abs(found.data - concentration_deviation(brain, THETA, COVARIANCE).data).max() < 1e-3


@pytest.mark.parametrize("integrator", [{"name": "accurate"}, {"name": "reference"}])
def test_map_of_a_case(tmp_path, brain, integrator):
    found = map_of(tmp_path, brain, integrator)
    assert found.dtype == np.float32
    expected = concentration_deviation(brain, THETA, COVARIANCE, AccurateSettings())
    assert np.abs(found - expected.data).max() < 1e-6


@pytest.mark.parametrize(
    "changes", [{"covariance": None}, {"mu_d_mm": np.nan, "covariance": None}, {"origin_z_mm": 300.0}]
)
def test_map_is_zero_where_nothing_is_known(tmp_path, brain, changes):
    found = map_of(tmp_path, brain, **changes)
    assert found.shape == brain.grid.shape
    assert not found.any()
