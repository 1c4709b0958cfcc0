"""The networks' shapes, gradients and sizes."""

import pytest
import torch
from torch import nn

from gliofit.train.architecture import Frame, find_architecture
from gliofit.train.layers.depthwise import DepthwiseConv3d


def build(name, size=16, channels=2, **settings):
    settings = {"widths": (4, 8, 16), "layer_scale": 0.1} | settings
    return find_architecture(name).build(settings, Frame(channels, size), seed=0)


@pytest.mark.parametrize(("size", "skip", "blocks"), [(8, False, 2), (16, True, 1)])
def test_surrogate_shape_and_no_parameter_without_gradient(size, skip, blocks):
    network = build("convnext-unet", size, full_resolution_skip=skip, blocks=blocks)
    out = network(torch.rand(2, 2, size, size, size), torch.randn(2, 5))
    assert out.shape == (2, size, size, size)
    out.square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_direct_inverse_shape_and_no_parameter_without_gradient():
    network = build("direct-inverse")
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


def test_one_tissue_serves_many_thetas():
    network = build("convnext-unet", full_resolution_skip=True).eval()
    tissue, theta = torch.rand(1, 2, 16, 16, 16), torch.randn(3, 5)
    shared = network.decode(network.encode(tissue), theta)
    torch.testing.assert_close(shared, network(tissue.expand(3, -1, -1, -1, -1), theta))


@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("shape", [(9, 9, 9), (4, 7, 5)])
@pytest.mark.parametrize("threads", [1, 2])
def test_depthwise_gradients_equal_torch(size, shape, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        torch.manual_seed(0)
        layer = DepthwiseConv3d(6, size)
        x = torch.randn(2, 6, *shape, requires_grad=True)
        weights = torch.randn(2, 6, *shape)
        parameters = [x, layer.weight, layer.bias]
        ours = torch.autograd.grad((layer(x) * weights).sum(), parameters)
        theirs = torch.autograd.grad((nn.Conv3d.forward(layer, x) * weights).sum(), parameters)
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(layer(x), nn.Conv3d.forward(layer, x))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_depthwise_has_second_derivatives_and_forward_mode():
    torch.manual_seed(0)
    layer = DepthwiseConv3d(2, 3)
    x, tangent = torch.randn(1, 2, 4, 4, 4), torch.randn(1, 2, 4, 4, 4)

    def energy(forward):
        def value(image):
            return forward(image).pow(3).sum()

        return value

    def theirs(image):
        return nn.Conv3d.forward(layer, image)

    ours = torch.autograd.functional.vhp(energy(layer), x, tangent)[1]
    torch.testing.assert_close(ours, torch.autograd.functional.vhp(energy(theirs), x, tangent)[1])
    _, forward = torch.func.jvp(layer, (x,), (tangent,))
    torch.testing.assert_close(forward, theirs(tangent) - layer.bias[:, None, None, None])
    # Through the kernel, too: second derivatives leave the compiled code for torch's own.
    (first,) = torch.autograd.grad(layer(x).pow(3).sum(), layer.weight, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), layer.weight)
    (reference,) = torch.autograd.grad(theirs(x).pow(3).sum(), layer.weight, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(reference.sum(), layer.weight)[0], rtol=1e-4, atol=1e-4)


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
