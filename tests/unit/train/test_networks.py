"""The networks' shapes, gradients and sizes."""

import pytest
import torch
from torch import nn

from gliofit.core.threads import torch_threads
from gliofit.train.architecture import Frame, find_architecture
from gliofit.train.layers.depthwise import DepthwiseConv3d

from .conftest import THETA, tissue_of

SMALL = {"widths": (4, 8, 16), "layer_scale": 0.1}
FIVE = {"widths": (4, 4, 8, 8, 8)}
BASELINES = [("unet", FIVE), ("unet-plus-plus", FIVE), ("vnet", {})]
#: Architecture, settings, edge of the cube, and tolerance for features that are shared.
SURROGATES = [
    ("convnext-unet", SMALL | {"blocks": 2}, 8, {}),
    ("convnext-unet", SMALL | {"full_resolution_skip": True}, 16, {}),
    *(
        ("guided-unet", {"widths": (4, 8), "kernel_size": 3, "guide": guide}, 16, {"rtol": 1e-4, "atol": 1e-4})
        for guide in ("coarse-solve", "front", "none")
    ),
    *((*baseline, 32, {"rtol": 1e-4, "atol": 1e-4}) for baseline in BASELINES),
]


def build(name, settings, size, channels=3):
    return find_architecture(name).build(settings, Frame(channels, size, 4.0, *THETA), seed=0)


@pytest.mark.parametrize(("name", "settings", "size", "tolerance"), SURROGATES)
def test_surrogates(name, settings, size, tolerance):
    """Shape, no parameter without gradient, and one tissue that serves many thetas."""
    network = build(name, settings, size)
    generator = torch.Generator().manual_seed(0)
    out = network(tissue_of(size, 2), torch.randn(2, 5, generator=generator))
    assert out.shape == (2, size, size, size)
    # Weighted: instance norms would cancel the gradient of a plain sum.
    (out * torch.randn(out.shape, generator=generator)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    if (name, settings) not in BASELINES:
        assert all(p.grad.abs().sum() > 0 for p in network.parameters())
    network.eval()
    theta = torch.randn(3, 5, generator=generator)
    shared = network.decode(network.encode(tissue_of(size)), theta)
    torch.testing.assert_close(shared, network(tissue_of(size, 3), theta), **tolerance)
    # Heads of untrained guided networks are small.
    assert (shared[0] - shared[1]).abs().max() > (1e-4 if name == "guided-unet" else 1e-3)


@pytest.mark.parametrize(("name", "settings"), BASELINES)
def test_without_theta_baselines_are_the_networks_of_monai(name, settings):
    network = build(name, settings, 32, channels=2).eval()
    torch.nn.init.zeros_(network.coefficients.weight)
    torch.nn.init.zeros_(network.coefficients.bias)
    tissue = torch.rand(1, 2, 32, 32, 32)
    if name == "unet-plus-plus":
        for number in (1, 2, 3):
            setattr(network.net, f"final_conv_0_{number}", torch.nn.Identity())
    theirs = network.net(tissue)
    theirs = theirs[-1] if isinstance(theirs, list) else theirs
    torch.testing.assert_close(network(tissue, torch.randn(1, 5)), theirs[:, 0])


def test_direct_inverse_shape_and_no_parameter_without_gradient():
    network = build("direct-inverse", SMALL, 16, channels=2)
    out = network(torch.rand(3, 3, 16, 16, 16))
    assert out.shape == (3, 5)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_paper_sizes():
    """With the paper's settings the networks have the paper's numbers of parameters (10.8 and 4.5 million)."""
    with torch.device("meta"):
        widths = {"widths": (32, 64, 128, 256, 512)}
        surrogate = find_architecture("convnext-unet").build(widths, Frame(1, 128))
        inverse = find_architecture("direct-inverse").build(widths, Frame(1, 128))
    assert sum(p.numel() for p in surrogate.parameters()) == pytest.approx(10.8e6, rel=0.01)
    assert sum(p.numel() for p in inverse.parameters()) == pytest.approx(4.5e6, rel=0.02)
    assert surrogate.coefficients.weight.shape == (512 * 8**3, 5)


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("shape", [(9, 9, 9), (4, 7, 5)])
@pytest.mark.parametrize("threads", [1, 2])
def test_depthwise_gradients_equal_torch(size, shape, threads):
    with torch_threads(threads):
        torch.manual_seed(0)
        layer = DepthwiseConv3d(6, size)
        x = torch.randn(2, 6, *shape, requires_grad=True)
        weights = torch.randn(2, 6, *shape)
        parameters = [x, layer.weight, layer.bias]
        ours = torch.autograd.grad((layer(x) * weights).sum(), parameters)
        theirs = torch.autograd.grad((nn.Conv3d.forward(layer, x) * weights).sum(), parameters)
    torch.testing.assert_close(layer(x), nn.Conv3d.forward(layer, x))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_depthwise_has_second_derivatives_and_forward_mode():
    torch.manual_seed(0)
    layer = DepthwiseConv3d(2, 3)
    x, tangent = torch.randn(1, 2, 4, 4, 4), torch.randn(1, 2, 4, 4, 4)

    def theirs(image):
        return nn.Conv3d.forward(layer, image)

    products = [
        torch.autograd.functional.vhp(lambda image, f=f: f(image).pow(3).sum(), x, tangent)[1] for f in (layer, theirs)
    ]
    torch.testing.assert_close(*products)
    _, forward = torch.func.jvp(layer, (x,), (tangent,))
    torch.testing.assert_close(forward, theirs(tangent) - layer.bias[:, None, None, None])
    # Through the kernel, too: second derivatives leave the compiled code for torch's own.
    firsts = [torch.autograd.grad(f(x).pow(3).sum(), layer.weight, create_graph=True)[0] for f in (layer, theirs)]
    seconds = [torch.autograd.grad(first.sum(), layer.weight)[0] for first in firsts]
    torch.testing.assert_close(*seconds, rtol=1e-4, atol=1e-4)


def test_mlp_in_pieces_equals_the_whole(monkeypatch):
    from gliofit.train.layers import mlp

    torch.manual_seed(0)
    expand, project = nn.Linear(3, 12), nn.Linear(12, 3)
    x = torch.randn(2, 5, 5, 5, 3, requires_grad=True)
    parameters = [x, *expand.parameters(), *project.parameters()]
    results = []
    for piece in (10_000, 37):
        monkeypatch.setattr(mlp, "_PIECE", piece)
        out = mlp.pointwise_mlp(x, expand, project)
        first = torch.autograd.grad(out.pow(3).sum(), parameters)
        again = mlp.pointwise_mlp(x, expand, project)
        (slope,) = torch.autograd.grad(again.pow(3).sum(), x, create_graph=True)
        second = torch.autograd.grad(slope.square().sum(), parameters[:4])
        forward = torch.func.jvp(lambda v: mlp.pointwise_mlp(v, expand, project), (x,), (torch.ones_like(x),))
        results.append([out, *first, *second, *forward])
    for a, b in zip(*results, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
