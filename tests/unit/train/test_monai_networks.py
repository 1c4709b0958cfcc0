"""The baselines from MONAI: theta enters at the neck, and nothing else of them is changed."""

from __future__ import annotations

import pytest
import torch

from gliofit.train.architecture import Frame, find_architecture

NETWORKS = [("unet", {"widths": (4, 4, 8, 8, 8)}), ("unet-plus-plus", {"widths": (4, 4, 8, 8, 8)}), ("vnet", {})]


def build(name, settings, size=32, channels=2):
    return find_architecture(name).build(settings, Frame(channels, size), seed=0)


@pytest.mark.parametrize(("name", "settings"), NETWORKS)
def test_shape_and_no_parameter_without_gradient(name, settings):
    network = build(name, settings, channels=3)
    out = network(torch.rand(2, 3, 32, 32, 32), torch.randn(2, 5))
    assert out.shape == (2, 32, 32, 32)
    # Weighted: instance norms would cancel the gradient of a plain sum.
    (out * torch.randn_like(out)).sum().backward()
    without = [key for key, p in network.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize(("name", "settings"), NETWORKS)
def test_without_theta_it_is_the_network_of_the_library(name, settings):
    network = build(name, settings).eval()
    torch.nn.init.zeros_(network.coefficients.weight)
    torch.nn.init.zeros_(network.coefficients.bias)
    tissue = torch.rand(1, 2, 32, 32, 32)
    if name == "unet-plus-plus":
        for number in (1, 2, 3):
            setattr(network.net, f"final_conv_0_{number}", torch.nn.Identity())
    theirs = network.net(tissue)
    theirs = theirs[-1] if isinstance(theirs, list) else theirs
    torch.testing.assert_close(network(tissue, torch.randn(1, 5)), theirs[:, 0])


@pytest.mark.parametrize(("name", "settings"), NETWORKS)
def test_one_tissue_serves_many_thetas_and_theta_matters(name, settings):
    network = build(name, settings).eval()
    tissue, theta = torch.rand(1, 2, 32, 32, 32), torch.randn(3, 5)
    shared = network.decode(network.encode(tissue), theta)
    torch.testing.assert_close(shared, network(tissue.expand(3, -1, -1, -1, -1), theta), rtol=1e-4, atol=1e-4)
    assert (shared[0] - shared[1]).abs().max() > 1e-3
