"""Trained networks in physical units, and their folders."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from gliofit.core.crop import CropSettings
from gliofit.train.architecture import find_architecture
from gliofit.train.normalisation import STATISTICS, Normalisation
from gliofit.train.surrogate import DirectInverse, Surrogate, frame_of, load_direct_inverse, load_surrogate, save_model

from .conftest import SMALL

THETAS = np.array([[1.0, -2.0, 0.5, 6.0, 3.0], [-4.0, 2.0, 1.5, 12.0, 4.0], [3.0, 3.0, -3.0, 9.0, 1.0]])


NAMES = {Surrogate: "convnext-unet", DirectInverse: "direct-inverse"}


def make_model(kind, tissue_input="maps"):
    crop, normalisation = CropSettings(size=8, spacing_mm=4.0), Normalisation.of(THETAS)
    network = find_architecture(NAMES[kind]).build(SMALL, frame_of(crop, tissue_input, normalisation), seed=0)
    return kind(network, normalisation, crop, tissue_input).eval()


@pytest.fixture
def tissue_tensor():
    torch.manual_seed(0)
    maps = torch.rand(1, 3, 8, 8, 8) / 2
    maps[:, 2] = 1
    maps[..., :4] = 0
    maps[:, 2, ..., 7] = 0.25
    return maps


def normalised(normalisation, theta):
    return (np.asarray(theta) - normalisation.mean) / normalisation.std


def test_normalisation_round_trip():
    normalisation = Normalisation.of(THETAS)
    assert_allclose(normalised(normalisation, THETAS).std(axis=0), 1)
    again = Normalisation.from_dict({name: getattr(normalisation, name).tolist() for name in STATISTICS}, "model.json")
    for name in STATISTICS:
        assert_allclose(getattr(again, name), getattr(normalisation, name))


def test_raw_normalisation_gives_the_papers_coefficients():
    raw = Normalisation.of(THETAS, normalise=False)
    assert_allclose(normalised(raw, [48.0, -48.0, 31.0, 12.8, 3.8]), [0.2, -0.2, 0.2, 12.8, 3.8])


@pytest.mark.parametrize("tissue_input", ["maps", "label"])
def test_concentration_is_masked_and_bounded(tissue_tensor, tissue_input):
    model = make_model(Surrogate, tissue_input)
    out = model(tissue_tensor, torch.tensor(THETAS, dtype=torch.float32))
    assert out.shape == (3, 8, 8, 8)
    assert out.min() >= 0
    assert out.max() <= 1
    assert (out[..., :4] == 0).all()
    assert (out[..., 4:] > 0).all()
    assert out[..., 7].max() <= 0.25


def test_theta_is_differentiable_and_agrees_with_finite_differences(tissue_tensor):
    model = make_model(Surrogate).double()
    theta = torch.tensor(THETAS[:1], requires_grad=True)

    def value(point):
        return model(tissue_tensor.double(), point).square().sum()

    (gradient,) = torch.autograd.grad(value(theta), theta)
    for k in range(5):
        step = torch.zeros(1, 5, dtype=torch.float64)
        step[0, k] = 1e-3
        with torch.no_grad():
            slope = (value(theta + step) - value(theta - step)) / 2e-3
        assert gradient[0, k] == pytest.approx(float(slope), rel=1e-3, abs=1e-8)


@pytest.mark.parametrize("kind", [Surrogate, DirectInverse])
def test_folder_round_trip(tmp_path, kind, tissue_tensor):
    model = make_model(kind)
    save_model(tmp_path, model, {"architecture": NAMES[kind], "network": SMALL})
    loaded = (load_surrogate if kind is Surrogate else load_direct_inverse)(tmp_path, "cpu")
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    for name in STATISTICS:
        assert torch.equal(getattr(loaded, f"theta_{name}"), getattr(model, f"theta_{name}"))
    assert loaded.crop == model.crop
    second = torch.tensor(THETAS[:1], dtype=torch.float32) if kind is Surrogate else tissue_tensor
    first = tissue_tensor if kind is Surrogate else torch.rand(1, 8, 8, 8)
    torch.testing.assert_close(loaded(first, second), model(first, second))
