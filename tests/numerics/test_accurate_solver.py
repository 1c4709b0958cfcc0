"""Claims about the accurate integrator: order, exact solutions, invariants, events, tangents."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.grid import Grid
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver, integrate
from gliofit.solver.autograd import grow
from gliofit.solver.backends import make_stepper
from gliofit.solver.backends.base import Growth
from gliofit.solver.control import StepControl
from gliofit.solver.domain import domain_of
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import AccurateSettings, ReferenceSettings, ToolkitSettings

from .brains import check_tangents, toolkit_case, uneven_brain, white_box

DOUBLE = AccurateSettings(precision="float64")
TIGHT = AccurateSettings(precision="float64", tolerance=1e-6, active=1e-18)
THETA = Theta((21.3, -13.1, 9.2), 8.0, 3.0)
REFERENCE_DOUBLE = ReferenceSettings(precision="float64")


def run(
    tissue: Tissue, field: np.ndarray, growth: Growth, settings: AccurateSettings = DOUBLE, steps: int | None = None
) -> np.ndarray:
    """Grow any initial field, on the tissue's grid."""
    domain = domain_of(tissue, settings.precision)
    stepper = make_stepper(settings, domain, [domain.from_grid(field.astype(settings.precision))[None]], [growth])
    schedule = None if steps is None else [1 / steps] * steps
    integrate(stepper, [StepControl(growth, settings.tolerance, stepper.totals()[0], schedule=schedule)])
    return domain.to_grid(stepper.fields(0)[0], settings.precision)


def order(errors: list[float], factor: float = 2.0) -> np.ndarray:
    """Observed orders between neighbouring resolutions."""
    e = np.array(errors)
    return np.log(e[:-1] / e[1:]) / np.log(factor)


def test_order_in_time():
    """Three where c is smooth on the grid (two, extrapolated once); more than two on the worst tissue."""
    growth = Growth(6.0, 2.0)
    smooth = white_box((12, 12, 40), 2.0)
    x = np.arange(40) * 2.0
    start = np.broadcast_to(0.05 + 0.8 / (1 + np.exp((x - 40) / 5)), smooth.grid.shape)
    exact = run(smooth, start, growth, steps=1024)
    orders = order([np.abs(run(smooth, start, growth, steps=n) - exact).max() for n in (32, 64, 128, 256)])
    assert (np.abs(orders - 3) < 0.15).all(), orders

    uneven = uneven_brain()
    solver = AccurateSolver(DOUBLE)
    theta = Theta((0.0, 0.0, 0.0), 9.0, 2.5)
    exact = solver.solve(uneven, theta, schedule=[1 / 1024] * 1024).concentration
    fields = (solver.solve(uneven, theta, schedule=[1 / n] * n).concentration for n in (16, 32, 64, 128))
    errors = [float(np.sqrt(((field - exact) ** 2).mean())) for field in fields]
    assert (order(errors) > 2.2).all(), order(errors)
    assert errors[-1] < 1e-7


def test_order_in_space():
    """Second order: the error against the heat kernel falls by four with the voxel size."""
    errors = []
    growth = Growth(6.0, 1e-6)
    for spacing, size in ((4.0, 24), (2.0, 48), (1.0, 96)):
        tissue = white_box((size,) * 3, spacing)
        axis = ((np.arange(size) + 0.5) - size / 2) * spacing
        squared = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
        start, end = 8.0**2, 8.0**2 + 2 * 6.0**2
        tight = TIGHT.model_copy(update={"tolerance": 1e-5})
        field = run(tissue, np.exp(-squared / (2 * start)), growth, tight)
        errors.append(float(np.abs(field - (start / end) ** 1.5 * np.exp(-squared / (2 * end))).max()))
    assert (np.abs(order(errors) - 2) < 0.2).all(), (errors, order(errors))
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("solver", [AccurateSolver(DOUBLE), ReferenceSolver(REFERENCE_DOUBLE)])
def test_heat_kernel_of_the_seed(solver):
    """Pure diffusion of the seed: variance grows by 2 D T per axis and mass stays."""
    tissue = white_box((56,) * 3, 2.0)
    origin = (55.3, 56.1, 54.2)
    fields = [solver.solve(tissue, Theta(origin, mu_d, 1e-6)).concentration for mu_d in (1e-3, 9.0)]
    axis = np.arange(56) * 2.0
    for dimension in range(3):
        profiles = [field.sum(axis=tuple(a for a in range(3) if a != dimension)) for field in fields]
        variances = [np.average((axis - np.average(axis, weights=p)) ** 2, weights=p) for p in profiles]
        assert variances[1] - variances[0] == pytest.approx(2 * 9.0**2, rel=2e-3)
        assert np.average(axis, weights=profiles[1]) == pytest.approx(origin[dimension], abs=0.02)


def test_exact_logistic_growth():
    """Without gradients c follows the logistic curve to rounding, whatever the steps."""
    tissue = white_box((6, 6, 6), 2.0)
    for start, mu_rho in ((0.01, 2.0), (1e-4, 4.0), (0.7, 1.0)):
        expected = start * np.exp(mu_rho**2) / (1 + start * (np.exp(mu_rho**2) - 1))
        field = run(tissue, np.full(tissue.grid.shape, start), Growth(5.0, mu_rho))
        assert np.abs(field - expected).max() < 1e-12


def test_exact_travelling_wave():
    """Ablowitz and Zeppetella (1979): c = (1 + exp((x - x0) / sqrt 6 - 5 t / 6))^-2 solves c_t = c_xx + c (1 - c)."""
    spacing, mu_d, mu_rho = 0.25, 4.0, 3.0
    tissue = white_box((3, 3, 400), spacing)
    width = mu_d / mu_rho
    x = np.arange(400) * spacing / width

    def wave(time: float) -> np.ndarray:
        profile = (1 + np.exp((x - 30) / np.sqrt(6) - 5 * time / 6)) ** -2.0
        return np.broadcast_to(profile, tissue.grid.shape)

    field = run(tissue, wave(0.0), Growth(mu_d, mu_rho), TIGHT)
    middle = slice(40, 360)  # the ends have no flux, the wave has
    assert np.abs(field - wave(mu_rho**2))[..., middle].max() < 5e-3


def test_front_speed_on_a_fine_grid():
    """From a step, the front moves by 2 sqrt(D rho) dt - 1.5 sqrt(D / rho) ln(t2 / t1) (Bramson 1983)."""
    mu_d, mu_rho, spacing = 4.0, 8.0, 0.125
    tissue = white_box((3, 3, 640), spacing)
    start = np.zeros(tissue.grid.shape)
    start[..., :40] = 1.0
    positions = []
    for share in (0.5, 1.0):
        root = np.sqrt(share)
        field = run(tissue, start, Growth(mu_d * root, mu_rho * root))[1, 1]
        beyond = int(np.argmax(field < 0.5))
        positions.append((beyond - (0.5 - field[beyond]) / (field[beyond - 1] - field[beyond])) * spacing)
    expected = 2 * mu_d * mu_rho * 0.5 - 1.5 * mu_d / mu_rho * np.log(2)
    assert positions[1] - positions[0] == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    ("settings", "tolerance", "of_field"),
    # The field of the reference integrator is stored as float32.
    [(DOUBLE, 1e-12, 1e-12), (AccurateSettings(), 1e-5, 1e-5), (REFERENCE_DOUBLE, 1e-9, 1e-7)],
)
def test_mass_is_conserved_without_growth(settings, tolerance, of_field):
    """No flux leaves tissue, holes and ragged borders included, up to rounding; mu_rho makes up 1e-14 of the mass."""
    solver = make_solver(settings)
    solutions = [solver.solve(uneven_brain(), Theta((0.0, 0.0, 0.0), mu_d, 1e-7)) for mu_d in (1e-4, 4.0, 15.0)]
    volumes = [solution.volume_mm3 for solution in solutions]
    sums = [solution.concentration.sum(dtype=float) for solution in solutions]
    assert volumes == pytest.approx([volumes[0]] * 3, rel=tolerance)
    assert sums == pytest.approx([sums[0]] * 3, rel=of_field)


@pytest.mark.parametrize(("mu_d", "mu_rho"), [(12.0, 4.0), (2.0, 7.0), (35.0, 3.0), (0.5, 12.0), (25.0, 14.0)])
@pytest.mark.parametrize("spacing", [4.0, 8.0])
@pytest.mark.parametrize("solver", [AccurateSolver(), ReferenceSolver()])
def test_stays_between_zero_and_one(mu_d, mu_rho, spacing, solver):
    tissue = uneven_brain(22, spacing)
    field = solver.solve(tissue, Theta((2.0, 3.0, 1.0), mu_d, mu_rho)).concentration
    assert field.min() >= 0
    assert field.max() <= 1 + 1e-6
    assert (field[~tissue.mask] == 0).all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(
    ("solver", "tolerance"), [(AccurateSolver(DOUBLE), 1e-9), (ReferenceSolver(REFERENCE_DOUBLE), 1e-7)]
)
def test_flips_with_the_brain(axis, solver, tolerance):
    """A mirrored brain grows the mirrored tumour."""
    tissue = uneven_brain()
    theta = Theta((10.2, -7.1, 5.4), 8.0, 3.0)
    voxel = theta.origin_voxel(tissue.grid)
    voxel[axis] = tissue.grid.shape[axis] - 1 - voxel[axis]
    flipped = Tissue(*(np.flip(m, axis) for m in (tissue.wm, tissue.gm, tissue.csf)), tissue.grid)
    field = solver.solve(tissue, theta).concentration
    other = solver.solve(flipped, Theta.from_voxel(voxel, 8.0, 3.0, grid=tissue.grid)).concentration
    assert np.abs(np.flip(other, axis) - field).max() < tolerance


@pytest.mark.parametrize(("solver", "tolerance"), [(AccurateSolver(), 1e-6), (ReferenceSolver(), 0)])
def test_padding_changes_nothing(solver, tolerance):
    tissue = uneven_brain()
    field = solver.solve(tissue, THETA).concentration
    for before, after in ((1, 0), (3, 9), (17, 2)):
        padded = tissue.extract((-before,) * 3, tuple(n + before + after for n in tissue.grid.shape))
        other = solver.solve(padded, THETA).concentration
        inner = other[tuple(slice(before, before + n) for n in field.shape)]
        assert np.abs(inner - field).max() <= tolerance
        assert other.sum(dtype=float) == pytest.approx(field.sum(dtype=float), rel=1e-6)


def test_active_region_does_not_show(brain):
    """Working only where the tumour is gives what working everywhere gives."""
    everywhere = AccurateSolver(AccurateSettings(active=0.0, precision="float64"))
    full = everywhere.solve(brain, THETA)
    usual = AccurateSolver(DOUBLE).solve(brain, THETA, schedule=full.schedule)
    assert np.abs(usual.concentration - full.concentration).max() < 1e-6


def test_blocking_and_threads_do_not_show(brain, monkeypatch):
    """Any depth of temporal blocking and any number of threads give the same bits for the same steps."""
    import numba

    from gliofit.core import threads
    from gliofit.solver.backends import numba_rows

    solver = AccurateSolver()
    schedule = solver.solve(brain, THETA).schedule
    expected = [solver.solve_with_tangents(brain, THETA, schedule=schedule, exact=exact) for exact in (True, False)]
    monkeypatch.setattr(threads, "_LEAST_VOXELS", 0)
    granted = numba.get_num_threads()
    for count in {1, min(2, granted), granted}:
        for depth in (1, 2, 5, 8):
            monkeypatch.setattr(numba_rows, "_DEEPEST", depth)
            numba.set_num_threads(count)
            try:
                found = [solver.solve_with_tangents(brain, THETA, schedule=schedule, exact=e) for e in (True, False)]
            finally:
                numba.set_num_threads(granted)
            for one, other in zip(found, expected, strict=True):
                assert (one.solution.concentration == other.solution.concentration).all()
                assert (one.box_tangents == other.box_tangents).all()


@pytest.mark.parametrize(("mu_d", "mu_rho"), [(8.0, 3.0), (3.0, 6.0), (20.0, 2.0), (0.8, 7.0)])
def test_error_is_what_was_asked_for(brain, mu_d, mu_rho):
    """The error of the result lies below the sum of its estimates, and falls with the tolerance."""
    theta = Theta((21.3, -13.1, 9.2), mu_d, mu_rho)
    exact = AccurateSolver(TIGHT).solve(brain, theta).concentration
    errors = []
    for tolerance in (1e-2, 1e-4, 1e-5):
        settings = AccurateSettings(tolerance=tolerance, precision="float64")
        solution = AccurateSolver(settings).solve(brain, theta)
        errors.append(np.linalg.norm(solution.concentration - exact) / np.linalg.norm(exact))
        assert errors[-1] < solution.error_estimate
    assert errors[0] < 5e-3
    assert errors[2] < 0.2 * errors[0]
    assert errors[2] < 2e-5


def test_reference_converges_to_accurate(brain):
    """The explicit scheme differs from the accurate one by an error that halves with its time step."""
    exact = AccurateSolver(TIGHT).solve(brain, THETA).concentration
    errors = []
    for step in (0.02, 0.01, 0.005):
        settings = ReferenceSettings(max_reaction_step=step, precision="float64")
        errors.append(float(np.abs(ReferenceSolver(settings).solve(brain, THETA).concentration - exact).max()))
    assert (np.abs(order(errors) - 1) < 0.15).all(), errors


@pytest.mark.parametrize("volume_cc", [1.0, 20.0, 80.0])
def test_stops_at_the_volume(brain, volume_cc):
    """To 0.1 %, and the stopped tumour is that of the shorter time."""
    solver = AccurateSolver()
    solution = solver.solve(brain, THETA, stopping_volume_mm3=1000 * volume_cc)
    assert solution.stopped_by == "volume"
    assert solution.volume_mm3 == pytest.approx(1000 * volume_cc, rel=1e-3)
    assert solution.concentration.sum(dtype=float) * 64 == pytest.approx(1000 * volume_cc, rel=1e-3)
    again = solver.solve(brain, THETA.at_fraction(solution.final_time_days / 100))
    assert again.volume_mm3 == pytest.approx(1000 * volume_cc, rel=2e-3)
    assert np.abs(again.concentration - solution.concentration).max() < 2e-3


@pytest.mark.parametrize("overshoot", [1.0003, 1.01, 1.04])
def test_stops_at_the_volume_that_a_step_just_passes(brain, overshoot):
    solver = AccurateSolver()
    steps = solver.solve(brain, THETA).schedule
    passed = solver.solve(brain, THETA, schedule=steps[: len(steps) // 2]).volume_mm3
    solution = solver.solve(brain, THETA, stopping_volume_mm3=passed / overshoot)
    assert solution.volume_mm3 == pytest.approx(passed / overshoot, rel=2e-4)


def test_volume_that_is_never_or_already_reached(brain):
    never = AccurateSolver().solve(brain, THETA, stopping_volume_mm3=1e9)
    assert (never.stopped_by, never.final_time_days) == ("time", 100.0)
    already = AccurateSolver().solve(brain, THETA, stopping_volume_mm3=1.0)
    assert (already.stopped_by, already.final_time_days, already.steps) == ("volume", 0.0, 0)


@pytest.mark.parametrize("solver", [AccurateSolver(DOUBLE), ReferenceSolver(REFERENCE_DOUBLE)])
def test_moves_continuously_with_the_origin(brain, solver):
    """Equal shifts by a sixteenth of a voxel change c alike, across voxel borders too."""
    schedule = solver.solve(brain, THETA).schedule
    fixed = {} if schedule is None else {"schedule": schedule}
    fields = [
        solver.solve(brain, Theta((21.3 + shift, -13.1, 9.2), 8.0, 3.0), **fixed).concentration
        for shift in (*np.arange(0, 4.0, 0.25), 1e-6)
    ]
    changes = [np.abs(b - a).max() for a, b in pairwise(fields[:-1])]
    assert max(changes) < 3 * np.median(changes)
    assert np.abs(fields[-1] - fields[0]).max() < 1e-5


@pytest.mark.parametrize("tissue", ["ball", "uneven"])
@pytest.mark.parametrize(("mu_d", "mu_rho"), [(8.0, 3.0), (2.5, 6.0), (16.0, 2.0)])
def test_tangents_are_the_derivatives(brain, tissue, mu_d, mu_rho):
    """In float64, below 1e-5 for all five."""
    theta = Theta((1.7, -3.1, 2.2), mu_d, mu_rho)
    check_tangents(AccurateSolver(DOUBLE), brain if tissue == "ball" else uneven_brain(), theta, 1e-5, 1e-5)


@pytest.mark.parametrize(("mu_d", "mu_rho"), [(8.0, 3.0), (2.5, 6.0), (16.0, 2.0)])
def test_inexact_tangents_are_close(brain, mu_d, mu_rho):
    """They miss the exact ones by about the tolerance and by less as it falls; c is the same."""
    theta = Theta((1.7, -3.1, 2.2), mu_d, mu_rho)
    errors = []
    for tolerance in (3e-3, 1e-4):
        solver = AccurateSolver(AccurateSettings(precision="float64", tolerance=tolerance))
        exact, other = (solver.solve_with_tangents(brain, theta, exact=yes) for yes in (True, False))
        assert np.abs(other.solution.concentration - exact.solution.concentration).max() < 1e-12
        errors.append(
            max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in zip(other.tangents, exact.tangents, strict=True))
        )
    assert 1e-6 < errors[0] < 0.05
    assert errors[1] < 0.3 * errors[0]


def test_tangents_in_single_precision(brain):
    double = AccurateSolver(DOUBLE).solve_with_tangents(brain, THETA)
    single = AccurateSolver().solve_with_tangents(brain, THETA, schedule=double.solution.schedule)
    assert single.tangents.dtype == np.float32
    for a, b in zip(single.tangents, double.tangents, strict=True):
        assert np.abs(a - b).max() < 1e-4 * np.abs(b).max()


def test_torch_gradcheck():
    tissue = uneven_brain(12, 6.0)
    theta = torch.tensor([2.0, -3.0, 4.0, 8.0, 2.5], dtype=torch.float64, requires_grad=True)
    schedule = AccurateSolver(DOUBLE).solve(tissue, Theta.from_array(theta.detach().numpy())).schedule
    assert torch.autograd.gradcheck(lambda t: grow(t, tissue, schedule=schedule), theta, eps=1e-5, atol=1e-6)
    # Without a schedule the gradient is that for the steps of the same theta.
    free, fixed = (torch.autograd.grad((grow(theta, tissue, None, s) ** 2).sum(), theta)[0] for s in (None, schedule))
    assert torch.allclose(free, fixed, rtol=1e-9)
    assert not grow(theta.detach(), tissue).requires_grad


def test_autograd_refuses_other_shapes(brain):
    with pytest.raises(ValueError, match=r"\(5,\)"):
        grow(torch.zeros(2, 5), brain)


@pytest.mark.parametrize("solver", [AccurateSolver(), ReferenceSolver(), make_solver(ToolkitSettings())])
def test_bad_input_is_refused_before_any_work(brain, solver):
    with pytest.raises(SeedOutsideTissueError, match="outside white and grey matter"):
        solver.solve(brain, Theta((0.0, 0.0, 79.0), 5.0, 2.0))
    with pytest.raises(SeedOutsideTissueError):
        solver.solve(brain, Theta((0.0, 900.0, 0.0), 5.0, 2.0))
    for name, theta in (("mu_D", Theta(THETA.origin_mm, 0.0, 2.0)), ("mu_rho", Theta(THETA.origin_mm, 5.0, 0.0))):
        with pytest.raises(InputError, match=f"{name} is 0"):
            solver.solve(brain, theta)
    empty = np.zeros_like(brain.wm)
    with pytest.raises(InputError, match="white and grey matter"):
        solver.solve(Tissue(empty, empty, empty, brain.grid), THETA)
    for bad in (np.nan, np.inf, -0.5, 3.0):
        wm = brain.wm.copy()
        wm[20, 20, 20] = bad
        with pytest.raises(InputError, match="wm"):
            solver.solve(Tissue(wm, brain.gm, brain.csf, brain.grid), THETA)
    flat = Grid(brain.grid.shape, np.diag([4.0, 4.0, 2.0, 1.0]))
    with pytest.raises(InputError, match="not cubes"):
        solver.solve(Tissue(brain.wm, brain.gm, brain.csf, flat), Theta((80.0, 80.0, 40.0), 5.0, 2.0))
    with pytest.raises(ValueError, match="shape"):
        Tissue(brain.wm[1:], brain.gm, brain.csf, brain.grid)


@pytest.mark.shared_data
@pytest.mark.parametrize("case", ["small", "medium"])
def test_closer_to_the_truth_than_the_toolkit(shared_data, case):
    """On the toolkit's own cases, the error in time is a thousandth of the toolkit's, in the mean square."""
    tissue, theta, toolkit, _ = toolkit_case(shared_data, case)
    exact = AccurateSolver(AccurateSettings(tolerance=1e-4, active=1e-12)).solve(tissue, theta).concentration
    field = AccurateSolver().solve(tissue, theta).concentration
    ours, theirs = (float(((f - exact)[tissue.mask].astype(float) ** 2).mean()) for f in (field, toolkit))
    assert ours < 1e-3 * theirs
    assert theirs < 1e-4  # the two solvers do agree on the tumour
