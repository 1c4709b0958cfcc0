"""Bad weights: refused when they are loaded, and no pickle file is ever read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError
from gliofit.train.architecture import find_architecture
from gliofit.train.checkpoint import digest, load_checkpoint
from gliofit.train.normalisation import Normalisation
from gliofit.train.surrogate import Surrogate, frame_of, load_surrogate, save_model

from .weights import WEIGHTS_KINDS, Trap, WeightsKind

CROP = CropSettings(size=8, spacing_mm=8.0)
NETWORK = {"widths": [4, 8], "kernel_size": 3, "expansion": 2}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small surrogate that loads."""
    normalisation = Normalisation(np.zeros(5), np.ones(5), -np.ones(5), np.ones(5))
    architecture = find_architecture("convnext-unet")
    settings = architecture.parse(NETWORK | {"layer_scale": 0.1})
    network = architecture.build(settings.model_dump(mode="json"), frame_of(CROP, "maps", normalisation), seed=1)
    description = {"architecture": architecture.name, "network": settings.model_dump(mode="json")}
    save_model(tmp_path / "model", Surrogate(network, normalisation, CROP), description)
    load_surrogate(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("kind", WEIGHTS_KINDS, ids=lambda kind: kind.slug)
def test_it_is_refused(kind: WeightsKind, model: Path) -> None:
    kind.spoil(model)
    with pytest.raises(InputError) as caught:
        load_surrogate(model)
    assert kind.is_told_by(caught.value), caught.value
    assert not (model / "trap").exists(), "the pickle was read"


def test_a_checkpoint_that_is_a_trap_is_not_read(tmp_path: Path) -> None:
    torch.save({"digest": digest({}), "trap": Trap(tmp_path / "trap")}, tmp_path / "training.pt")
    assert load_checkpoint(tmp_path / "training.pt", digest({})) is None
    assert not (tmp_path / "trap").exists()
