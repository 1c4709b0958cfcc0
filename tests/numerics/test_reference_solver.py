"""Claims about the reference integrator: parity with the public toolkit, seeds, stopping by volume."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.grid import Grid
from gliofit.core.io import read_volume, write_volume
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import ReferenceSettings, ToolkitSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from numpy_scheme import solve_numpy
from tests.bad_input.made_up import Scene

from .brains import toolkit_case, white_box


@pytest.mark.shared_data
@pytest.mark.parametrize("case", ["small", "medium", "sharp", "stopped-by-volume"])
def test_equals_the_public_toolkit(shared_data, case):
    """Within 1e-6 of the toolkit's own output everywhere, with the same time and volume."""
    tissue, theta, expected, facts = toolkit_case(shared_data, case)
    solver = make_solver(ToolkitSettings())
    solution = solver.solve(tissue, theta, stopping_volume_mm3=facts["stopping_volume_mm3"])
    assert np.abs(solution.concentration - expected)[tissue.mask].max() < 1e-6
    assert solution.stopped_by == facts["stopped_by"]
    assert solution.final_time_days == pytest.approx(facts["reported_final_time_days"], abs=1e-9)
    assert solution.volume_mm3 == pytest.approx(facts["reported_final_volume_mm3"], rel=1e-6)


#: Front in white matter; thin front; wide one; seed partly beyond the brain, where the toolkit lets it grow unmoved.
_TOOLKIT_CASES = {
    "white": Theta((21.0, -13.0, 9.0), 8.0, 3.0),
    "thin": Theta((21.4, -13.7, 9.1), 3.0, 5.0),
    "wide": Theta((-20.0, 30.0, 9.0), 15.0, 1.0),
    "border": Theta((1.0, 80.0, 2.0), 6.0, 3.0),
}


@pytest.fixture(scope="module")
def partial() -> Tissue:
    """A small brain whose voxels are partly white, partly grey matter and partly neither."""
    scene = Scene((26, 30, 24), 6.0)
    labels = scene.tissue()
    maps = [gaussian_filter((labels == value).astype(np.float64), 0.7).astype(np.float32) for value in (3, 2, 1)]
    return Tissue(*maps, Grid(scene.shape, scene.affine))


@pytest.mark.parametrize("name", _TOOLKIT_CASES)
def test_toolkit_integrator_equals_plain_numpy(partial, name):
    """Parity with an independent implementation of the public toolkit's scheme, on a field that the test carries."""
    theta = _TOOLKIT_CASES[name]
    expected = solve_numpy(partial, theta)
    for precision, tolerance in (("float64", 1e-7), ("float32", 3e-6)):
        solution = make_solver(ToolkitSettings(precision=precision)).solve(partial, theta)
        assert np.abs(solution.concentration - expected.concentration).max() < tolerance
        assert solution.volume_mm3 == pytest.approx(expected.volume_mm3, rel=1e-5)
        assert solution.steps == expected.steps


def test_toolkit_integrator_stops_by_volume_as_the_toolkit(partial):
    theta = _TOOLKIT_CASES["white"]
    expected = solve_numpy(partial, theta, stopping_volume_mm3=2e4)
    solver = make_solver(ToolkitSettings(precision="float64"))
    solution = solver.solve(partial, theta, stopping_volume_mm3=2e4)
    assert (solution.stopped_by, solution.steps) == ("volume", expected.steps)
    assert solution.final_time_days == pytest.approx(expected.reported_days, rel=1e-12)
    assert np.abs(solution.concentration - expected.concentration).max() < 1e-7


def test_toolkit_and_reference_differ_by_the_toolkits_faults(partial):
    """Each fault alone changes the result, and all of them together are the toolkit."""
    theta = _TOOLKIT_CASES["border"]
    faults = {"mask_seed": False, "sub_voxel_seed": False, "limit_reaction_step": False, "exact_final_time": False}
    plain = make_solver(ReferenceSettings()).solve(partial, theta).concentration
    for name in ("mask_seed", "sub_voxel_seed", "limit_reaction_step"):
        changed = make_solver(ReferenceSettings(**{name: False})).solve(partial, theta).concentration
        assert np.abs(changed - plain).max() > 1e-3, name
    together = make_solver(ReferenceSettings(**faults)).solve(partial, theta).concentration
    assert np.array_equal(together, make_solver(ToolkitSettings()).solve(partial, theta).concentration)


@pytest.mark.parametrize("integrator", ["toolkit", "reference"])
def test_solve_offers_both_by_name(partial, tmp_path, integrator, monkeypatch):
    # The command sets thread counts for its own process, which numba refuses once its threads run.
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)
    for name in ("wm", "gm"):
        write_volume(tmp_path / f"{name}.nii.gz", partial.map(name))
    theta = _TOOLKIT_CASES["border"]
    arguments = [
        "solve", "--wm", tmp_path / "wm.nii.gz", "--gm", tmp_path / "gm.nii.gz", "--integrator", integrator,
        "--seed", *theta.origin_voxel(partial.grid), "--mu-d", theta.mu_d_mm, "--mu-rho", theta.mu_rho,
        "--out", tmp_path / "c.nii.gz",
    ]  # fmt: skip
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    assert stop.value.code == 0
    error = np.abs(read_volume(tmp_path / "c.nii.gz").data - solve_numpy(partial, theta).concentration).max()
    assert error < 3e-6 if integrator == "toolkit" else error > 1e-2


def test_logistic_growth():
    """Without diffusion every voxel follows the logistic curve; the error falls with the reaction step, first order."""
    tissue = white_box((24, 24, 24), 1.0)
    theta = Theta(tuple(tissue.grid.centre_mm), 1e-6, 2.0)
    start = ReferenceSolver().solve(tissue, Theta(theta.origin_mm, 1e-6, 1e-6)).concentration.astype(float)
    growth = np.exp(theta.mu_rho**2)
    exact = start * growth / (1 + start * (growth - 1))
    errors = []
    for step in (0.02, 0.01):
        settings = ReferenceSettings(max_reaction_step=step, precision="float64")
        errors.append(np.abs(ReferenceSolver(settings).solve(tissue, theta).concentration - exact).max())
    assert errors[0] < 0.01
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.1)


def test_stops_at_the_volume(brain):
    theta = Theta((0.0, 0.0, 10.0), 12.0, 4.0)
    solver = ReferenceSolver()
    solution = solver.solve(brain, theta, stopping_volume_mm3=50_000.0)
    assert solution.stopped_by == "volume"
    assert 50_000.0 <= solution.volume_mm3 < 55_000.0
    # Growing the same D and rho for the reported time gives the same tumour: the reported time is the exact one.
    again = solver.solve(brain, theta.at_fraction(solution.final_time_days / 100.0))
    assert again.volume_mm3 == pytest.approx(solution.volume_mm3, rel=0.02)
    parity = ReferenceSettings(exact_final_time=False)
    quirky = ReferenceSolver(parity).solve(brain, theta, stopping_volume_mm3=50_000.0)
    assert quirky.final_time_days < solution.final_time_days


def test_truncated_seed_jumps(brain):
    """The toolkit's quirk: all origins within a voxel give one field."""
    solver = ReferenceSolver(ReferenceSettings(sub_voxel_seed=False))
    first, second = (
        solver.solve(brain, Theta.from_voxel((20.0 + s, 20.0, 20.0), 5.0, 2.0, grid=brain.grid)) for s in (0.1, 0.8)
    )
    np.testing.assert_array_equal(first.concentration, second.concentration)


def test_unmasked_seed_grows_outside_tissue(brain):
    """The quirk behind `mask_seed`: seed mass beyond the tissue grows logistically without ever moving."""
    theta = Theta((0.0, 0.0, 66.0), 5.0, 3.0)
    quirky = ReferenceSolver(ReferenceSettings(mask_seed=False)).solve(brain, theta).concentration
    assert quirky[~brain.mask].max() > 0.9
