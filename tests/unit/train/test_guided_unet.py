"""The guided U-Net and what guides it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd import forward_ad

from gliofit.core.grid import Grid
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.settings import AccurateSettings
from gliofit.train.architecture import Frame, find_architecture
from gliofit.train.layers.coarse_growth import CoarseGrowth
from gliofit.train.layers.lattice import EqualSpeed, front_speed

from .conftest import THETA, tissue_of

FRAME = Frame(3, 16, 4.0, *THETA)


def build(**settings):
    return find_architecture("guided-unet").build({"widths": (4, 8), "kernel_size": 3} | settings, FRAME, seed=0).eval()


@pytest.mark.parametrize("width", [0.7, 1.5, 4.0])
def test_front_speed_is_that_of_the_solver(width):
    """Two times late in a long column; c = 1/2 moves by the speed times their difference (Bramson's term is small)."""
    # White matter one voxel wide along z: fronts are plane, and the lattice is one-dimensional.
    wm = np.zeros((3, 3, 1200), np.float32)
    wm[1, 1, :] = 1
    brain, mu_rho = Tissue(wm, np.zeros_like(wm), np.zeros_like(wm), Grid(wm.shape, np.eye(4))), 9.0
    solver = AccurateSolver(AccurateSettings(tolerance=1e-3, active=0.0, precision="float64"))
    theta = Theta((1.0, 1.0, 0.0), width * mu_rho, mu_rho)
    fronts = []
    for fraction in (0.5, 1.0):
        line = solver.solve(brain, theta.at_fraction(fraction)).concentration[1, 1]
        assert line[-1] < 0.5
        last = int(np.flatnonzero(line >= 0.5)[-1])
        fronts.append(last + (line[last] - 0.5) / (line[last] - line[last + 1]))
    assert 2 * (fronts[1] - fronts[0]) == pytest.approx(front_speed(width * mu_rho, mu_rho, 1.0), rel=0.06)


@pytest.mark.parametrize(("mu_d", "mu_rho"), [(3.0, 5.0), (6.0, 5.6), (17.0, 5.0), (31.0, 2.9)])
def test_equal_speed(mu_d, mu_rho):
    coarse = EqualSpeed(2.0, 4.0)(torch.tensor([mu_d], dtype=torch.float64), torch.tensor([mu_rho]))
    assert float(coarse) < mu_d
    assert front_speed(float(coarse), mu_rho, 4.0) == pytest.approx(front_speed(mu_d, mu_rho, 2.0), rel=1e-3)


def test_equal_speed_is_smooth_and_bounded():
    equal = EqualSpeed(2.0, 4.0)
    rates = [torch.tensor([v], dtype=torch.float64, requires_grad=True) for v in (6.0, 4.0)]
    assert torch.autograd.gradcheck(equal, rates)
    extreme = equal(torch.tensor([1e-4, 1e4], dtype=torch.float64), torch.ones(2, dtype=torch.float64))
    assert torch.isfinite(extreme).all()
    assert extreme[1] == pytest.approx(1e4, rel=1e-3)


def growth():
    return CoarseGrowth(8, 8.0, 4.0, 0.03)


def test_coarse_growth_is_the_solver_with_the_changed_diffusion():
    layer, maps = growth(), torch.nn.functional.avg_pool3d(tissue_of(16, 2), 2)
    thetas = torch.tensor([[1.0, 2.0, -3.0, 9.0, 3.0], [-4.0, 0.0, 6.0, 7.0, 4.0]])
    fields = layer(layer.tissues(maps[:, 0], maps[:, 1]), thetas)
    for row, field in zip(thetas.double().numpy(), fields, strict=True):
        mu_d = float(EqualSpeed(4.0, 8.0)(torch.tensor([row[3]]), torch.tensor([row[4]])))
        brain = Tissue(maps[0, 0].numpy(), maps[0, 1].numpy(), np.zeros((8, 8, 8), np.float32), layer.grid)
        expected = layer.solver.solve(brain, Theta((row[0], row[1], row[2]), mu_d, row[4])).concentration
        assert expected.max() > 0.5
        np.testing.assert_allclose(field.numpy(), expected, atol=1e-4)


def test_coarse_growth_derivatives():
    """Backward and forward mode agree with each other and with differences."""
    layer, maps = growth(), torch.nn.functional.avg_pool3d(tissue_of(16), 2)
    tissues = layer.tissues(maps[:, 0], maps[:, 1])
    theta = torch.tensor([[1.0, 2.0, -3.0, 11.0, 3.0]], requires_grad=True)
    weights = torch.rand(8, 8, 8, generator=torch.Generator().manual_seed(0))
    (gradient,) = torch.autograd.grad((layer(tissues, theta) * weights).sum(), theta)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(theta.detach().repeat(5, 1), torch.eye(5))
        tangents = forward_ad.unpack_dual(layer(tissues, dual)).tangent
    torch.testing.assert_close((tangents * weights).sum(dim=(1, 2, 3)), gradient[0], rtol=1e-4, atol=1e-4)
    for k in range(5):
        step = torch.zeros(1, 5)
        step[0, k] = 0.02
        with torch.no_grad():
            after, before = (layer(tissues, theta + sign * step) for sign in (1, -1))
        slope = float(((after - before) * weights).sum()) / 0.04
        assert float(gradient[0, k]) == pytest.approx(slope, rel=0.05, abs=0.02 * float(gradient.abs().max()))


def test_untrained_it_gives_the_coarse_solve():
    network = build()
    torch.nn.init.zeros_(network.head.weight)
    theta = torch.tensor([[0.5, 0.0, 0.0, 0.5, 0.0]])
    out = torch.sigmoid(network(tissue_of(16), theta))[0].detach()
    maps = torch.nn.functional.avg_pool3d(tissue_of(16), 2)
    coarse = network.growth(network.growth.tissues(maps[:, 0], maps[:, 1]), FRAME.physical(theta))[0]
    inside = tissue_of(16)[0, 2] > 0
    mean = torch.nn.functional.avg_pool3d(torch.where(inside, out, 0)[None, None], 2)[0, 0]
    solid = torch.nn.functional.avg_pool3d(inside[None, None].float(), 2)[0, 0] == 1
    assert coarse.max() > 0.5
    assert (mean - coarse)[solid].abs().mean() < 0.02


@pytest.mark.parametrize("guide", ["coarse-solve", "front", "none"])
def test_gradient_of_theta_is_that_of_the_output(guide):
    network = build(guide=guide)
    theta = torch.tensor([[0.2, -0.3, 0.1, 0.4, 0.3]], requires_grad=True)
    weights = torch.rand(16, 16, 16, generator=torch.Generator().manual_seed(0))
    features = network.encode(tissue_of(16))
    (gradient,) = torch.autograd.grad((torch.sigmoid(network.decode(features, theta)) * weights).sum(), theta)
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(theta.detach().repeat(5, 1), torch.eye(5))
        tangents = forward_ad.unpack_dual(torch.sigmoid(network.decode(features, dual))).tangent
    torch.testing.assert_close((tangents * weights).sum(dim=(1, 2, 3)), gradient[0], rtol=2e-3, atol=1e-2)
