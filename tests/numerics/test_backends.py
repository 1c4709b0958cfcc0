"""Claims about the back ends of the accurate integrator: the plain torch one agrees with the fast ones."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver, initial_fields
from gliofit.solver.backends import choose_backend, make_stepper
from gliofit.solver.backends.base import Growth, interpreted, triton_problem
from gliofit.solver.domain import domain_of
from gliofit.solver.settings import AccurateSettings

needs_triton = pytest.mark.skipif(
    triton_problem() is not None,
    reason=f"{triton_problem()}; where Triton is installed, TRITON_INTERPRET=1 runs its kernels without a device",
)
BACKENDS = ["numba", "torch", pytest.param("triton", marks=needs_triton)]
# Everywhere active, so that no back end leaves out a voxel that another works on.
EVERYWHERE = AccurateSettings(precision="float64", active=0.0)
# The interpreter of Triton takes a second or so per step: there few short ones, of few stages.
STEPS = (0.02, 0.03) if interpreted() else (0.1, 0.35, 0.25, 0.3)


@pytest.fixture(scope="module")
def patchy() -> Tissue:
    """A longish box of soft grey and white matter with a ventricle, holes and a ragged border."""
    shape = (24, 20, 18)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
    noise = np.random.default_rng(5).uniform(size=(2, *shape))
    inside = (x**2 + y**2 + z**2 < 0.9 + 0.1 * noise[0]) & (noise[1] > 0.04) & ((x - 0.1) ** 2 + y**2 + z**2 > 0.04)
    white = 0.5 + 0.5 * np.tanh(3 * (np.sin(4 * x + 1) * np.cos(3 * y) + z))
    total = np.where(inside, 0.6 + 0.4 * noise[0], 0)
    affine = np.diag([-3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = (40.0, -20.0, -15.0)
    return Tissue(white * total, (1 - white) * total, 1 - total, Grid(shape, affine))


@pytest.fixture(scope="module")
def thetas(patchy) -> list[Theta]:
    """Two tumours off centre, the first with twice the diffusion of the second."""
    return [
        Theta.from_voxel((6.3, 11.6, 9.2), 13.0, 2.2, grid=patchy.grid),
        Theta.from_voxel((16.4, 8.7, 12.1), 6.0, 3.0, grid=patchy.grid),
    ]


def largest_differences(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Largest difference of each field over its largest value."""
    return np.abs(one - two).max(axis=(1, 2, 3)) / np.abs(two).max(axis=(1, 2, 3))


@pytest.mark.parametrize(
    ("backend", "exact"), [("numba", True), ("numba", False), pytest.param("triton", True, marks=needs_triton)]
)
def test_equals_plain_torch_in_double(patchy, thetas, backend, exact):
    """c and its five tangents, for the same steps."""
    for theta in thetas[:1] if interpreted() else thetas:
        fast, plain = (
            AccurateSolver(EVERYWHERE.model_copy(update={"backend": name})).solve_with_tangents(
                patchy, theta, schedule=STEPS, exact=exact
            )
            for name in (backend, "torch")
        )
        assert plain.box_tangents.dtype == np.float64
        assert largest_differences(fast.box_tangents, plain.box_tangents).max() < 1e-9
        both = [sensitivity.solution.concentration[None] for sensitivity in (fast, plain)]
        assert largest_differences(*both).max() < 1e-9
        assert fast.solution.volume_mm3 == pytest.approx(plain.solution.volume_mm3, rel=1e-10)


@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=needs_triton)])
def test_estimates_equal_those_of_plain_torch(patchy, thetas, backend):
    """Error, sum and rate of a tried step, and of the state before it; nothing changes until it is accepted."""
    domain = domain_of(patchy, "float64")
    seeds = [initial_fields(domain, theta) for theta in thetas]
    growths = [Growth(theta.mu_d_mm, theta.mu_rho) for theta in thetas]
    fast, plain = (
        make_stepper(EVERYWHERE.model_copy(update={"backend": name}), domain, seeds, growths)
        for name in (backend, "torch")
    )
    for steps in ((STEPS[1], STEPS[0]), (STEPS[0], 0.0)):
        start = [number for s in plain.totals() for number in (s.total, s.total_rate)]
        assert [number for s in fast.totals() for number in (s.total, s.total_rate)] == pytest.approx(start, rel=1e-10)
        for one, two in zip(fast.attempt(steps), plain.attempt(steps), strict=True):
            assert (one is None) == (two is None)
            if one and two:
                assert one.error == pytest.approx(two.error, rel=1e-9)
                assert one.total == pytest.approx(two.total, rel=1e-10)
                assert one.total_rate == pytest.approx(two.total_rate, rel=1e-10)
        assert [s.total for s in fast.totals()] == pytest.approx(start[::2], rel=1e-10)
        for stepper in (fast, plain):
            stepper.accept([True, False])
    assert not np.array_equal(fast.fields(0)[0], seeds[0][0])
    np.testing.assert_array_equal(fast.fields(1), seeds[1])


@pytest.mark.parametrize("backend", ["numba", pytest.param("triton", marks=needs_triton)])
def test_equals_plain_torch_in_single(patchy, thetas, backend):
    """With steps of its own choice and work only where the tumour is."""
    tolerance = 3e-3 if backend == "numba" or not interpreted() else 0.02
    theta = thetas[1]
    fast, plain = (
        AccurateSolver(AccurateSettings(backend=name, tolerance=tolerance)).solve(patchy, theta)
        for name in (backend, "torch")
    )
    assert len(fast.schedule) == len(plain.schedule)
    assert np.abs(fast.concentration - plain.concentration).max() < 1e-4
    assert fast.volume_mm3 == pytest.approx(plain.volume_mm3, rel=1e-4)


@pytest.mark.parametrize("backend", BACKENDS)
def test_batch_equals_one_by_one(patchy, thetas, backend):
    """A tumour does not notice the others of its batch, nor where one of them ends before it."""
    solver = AccurateSolver(AccurateSettings(backend=backend))
    schedules = [STEPS[:2], STEPS[:1]]
    batch = solver.solve_batch(patchy, thetas, schedules=schedules)
    for theta, schedule, solution in zip(thetas, schedules, batch, strict=True):
        alone = solver.solve(patchy, theta, schedule=schedule)
        np.testing.assert_array_equal(solution.concentration, alone.concentration)
        assert solution.volume_mm3 == alone.volume_mm3


@needs_triton
def test_workspaces_are_used_again(patchy, thetas):
    """A later tumour on the same device memory finds nothing of the one before."""
    solver = AccurateSolver(AccurateSettings(backend="triton"))
    first = solver.solve(patchy, thetas[0], schedule=STEPS[:1])
    solver.solve(patchy, thetas[1], schedule=STEPS[:2])
    again = solver.solve(patchy, thetas[0], schedule=STEPS[:1])
    np.testing.assert_array_equal(again.concentration, first.concentration)


def test_choice_of_the_back_end():
    assert choose_backend("auto") == ("numba" if triton_problem() else "triton")
    assert [choose_backend(name) for name in ("numba", "torch")] == ["numba", "torch"]
    with pytest.raises(InputError, match="fortran"):
        choose_backend("fortran")


@pytest.mark.skipif(triton_problem() is None, reason="Triton can run here")
def test_triton_without_a_device_says_so(patchy, thetas):
    with pytest.raises(InputError, match=r"(?s)back end triton.*(Triton is not installed|no CUDA device)"):
        AccurateSolver(AccurateSettings(backend="triton")).solve(patchy, thetas[0])
    from gliofit.solver.backends.triton_dense import TritonStepper

    with pytest.raises(InputError, match="back end triton"):
        TritonStepper(domain_of(patchy), [], [], 1e-7)


@pytest.mark.skipif(
    importlib.util.find_spec("triton") is None or triton_problem() is None,
    reason="Triton is missing, or runs by itself",
)
def test_triton_kernels_in_its_interpreter():
    """The tests above that need Triton, in a process in which its interpreter takes the place of a device."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__, "-k", "triton or workspaces"]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=os.environ | {"TRITON_INTERPRET": "1"}, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 5
