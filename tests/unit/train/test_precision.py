"""Choice of the arithmetic of training."""

from __future__ import annotations

import pytest
import torch

from gliofit.train import precision


@pytest.mark.parametrize(("seconds", "fast"), [((1.0, 0.4), True), ((1.0, 0.6), False), ((1.0, 3.0), False)])
def test_bfloat16_is_chosen_where_it_is_twice_as_fast(
    seconds: tuple[float, float], fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))
    monkeypatch.setattr(precision, "_seconds", times.__getitem__)
    assert precision.choose_precision(torch.device("cpu")) == ("bfloat16" if fast else "float32")


@pytest.mark.parametrize(("edge", "size"), [(2, 3), (4, 5), (1, 5), (4, 3)])
def test_gradients_of_convolutions_in_bfloat16_are_those_in_float32(edge: int, size: int) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv3d(32, 32, size, padding=size // 2))
    precision.protect_convolutions(network)
    for _ in range(3):
        image, slope = torch.randn(2, 4, 32, *(edge,) * 3)
        gradients = []
        for enabled in (False, True):
            network.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
                out = network(image)
            out.backward(slope.to(out.dtype))
            gradients.append(network[0].weight.grad)
        assert torch.linalg.norm(gradients[1] - gradients[0]) < 0.01 * torch.linalg.norm(gradients[0])
