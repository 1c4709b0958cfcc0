from __future__ import annotations

import numpy as np
import pytest
import torch

from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.invert.variables import Variables

BOUNDS = SPACE.bounds_about((10.0, -20.0, 30.0))
THETA = np.array([15.0, -25.0, 20.0, 12.8, 3.8])


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("held", [None, (1.0, 2.0, 3.0)])
def test_unit_box(log, held):
    variables = Variables.unit(SPACE, BOUNDS, held, log)
    n = 5 if held is None else 2
    assert variables.lower == pytest.approx(np.zeros(n))
    assert variables.upper == pytest.approx(np.ones(n))
    back = variables.decode(variables.encode(THETA))
    expected = THETA if held is None else np.array([*held, *THETA[3:]])
    assert back == pytest.approx(expected)
    assert variables.decode(np.full((7, n), 0.5)).shape == (7, 5)


def test_log_scale_halves_ratios():
    middle = Variables.unit(SPACE, BOUNDS, None, logarithms=True).decode(np.full(5, 0.5))
    assert middle[3] == pytest.approx(np.sqrt(0.1 * 40))
    assert middle[4] == pytest.approx(np.sqrt(0.1 * 15))


def test_raw_variables_are_the_papers():
    variables = Variables.raw(SPACE, BOUNDS, np.array([10.0, -20.0, 30.0]))
    assert variables.encode(THETA) == pytest.approx([5 / 240, -5 / 240, -10 / 155, 12.8, 3.8])
    assert variables.lower == pytest.approx([-0.2, -0.2, -0.2, 0.1, 0.1])
    assert variables.upper == pytest.approx([0.2, 0.2, 0.2, 40, 15])


def test_torch_and_numpy_agree_and_a_held_origin_has_no_gradient():
    variables = Variables.unit(SPACE, BOUNDS, (1.0, 2.0, 3.0), logarithms=True)
    point = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)
    theta = variables.decode(point, torch)
    assert theta.detach().numpy() == pytest.approx(variables.decode(np.array([0.3, 0.7])))
    assert theta[:3].tolist() == [1, 2, 3]
    (gradient,) = torch.autograd.grad(theta[:3].sum() + 0 * theta.sum(), point)
    assert gradient.tolist() == [0, 0]
