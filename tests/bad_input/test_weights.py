"""Bad weights: refused when they are loaded, and no pickle file is ever read."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError
from gliofit.train.architecture import find_architecture
from gliofit.train.checkpoint import digest, load_checkpoint
from gliofit.train.normalisation import Normalisation
from gliofit.train.surrogate import Surrogate, frame_of, load_surrogate, save_model

from .kind import Kind, each_kind

CROP = CropSettings(size=8, spacing_mm=8.0)
NETWORK = {"widths": [4, 8], "kernel_size": 3, "expansion": 2}

WEIGHTS, INFO = "weights.safetensors", "model.json"
Tensors = dict[str, torch.Tensor]


class Trap:
    """What a pickle file can do to who reads it: here it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def info(**changes: object) -> Callable[[Path], None]:
    """Change entries of ``model.json``; None deletes one."""

    def spoil(folder: Path) -> None:
        content = json.loads((folder / INFO).read_text()) | changes
        (folder / INFO).write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return spoil


def content(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    """Change the bytes of a file."""
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def tensors(change: Callable[[Tensors], Tensors]) -> Callable[[Path], None]:
    """Change the tensors."""
    return lambda folder: save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)


def without_digest(spoil: Callable[[Path], object]) -> Callable[[Path], None]:
    """Spoil the weights of a model whose ``model.json`` holds no digest of them, as older ones do."""

    def both(folder: Path) -> None:
        spoil(folder)
        info(weights_sha256=None)(folder)

    return both


def _pickled(folder: Path) -> None:
    (folder / WEIGHTS).write_bytes(pickle.dumps(Trap(folder / "trap")))


def _torch_file(folder: Path) -> None:
    torch.save({"trap": Trap(folder / "trap")}, folder / WEIGHTS)


def _other_file(folder: Path) -> None:
    _pickled(folder)
    (folder / WEIGHTS).rename(folder / "weights.pt")


def _nan(all_: Tensors) -> Tensors:
    first = next(iter(all_))
    return all_ | {first: torch.full_like(all_[first], torch.nan)}


_LATER = tensors(lambda all_: {name: value + 1 for name, value in all_.items()})
_WIDER = tensors(lambda all_: {name: value.repeat_interleave(2, 0) for name, value in all_.items()})
_RENAMED = tensors(lambda all_: {f"x.{name}": value for name, value in all_.items()})
_FLAT = dict.fromkeys(("mean", "std", "low", "high"), [0.0] * 5)

# Made from the folder of a small model that works.
WEIGHTS_KINDS = [
    Kind("weights of another training", "invalid-input", WEIGHTS, _LATER),
    Kind("truncated weights", "invalid-input", WEIGHTS, without_digest(content(WEIGHTS, lambda whole: whole[:-100]))),
    Kind("weights of other shapes", "invalid-input", WEIGHTS, without_digest(_WIDER)),
    Kind("weights under other names", "invalid-input", WEIGHTS, without_digest(_RENAMED)),
    Kind("weights that are NaN", "invalid-input", "finite", without_digest(tensors(_nan))),
    Kind("pickle named .safetensors", "invalid-input", WEIGHTS, without_digest(_pickled)),
    Kind("torch file named .safetensors", "invalid-input", WEIGHTS, without_digest(_torch_file)),
    Kind("torch file in place of the weights", "invalid-input", WEIGHTS, _other_file),
    Kind("no model.json", "invalid-input", INFO, lambda folder: (folder / INFO).unlink()),
    Kind("model.json of another version", "invalid-input", "99", info(format=99)),
    Kind("model.json that is damaged", "invalid-input", "JSON", content(INFO, lambda whole: whole[:50] + b"\xff")),
    Kind("unknown architecture", "invalid-input", "transformer", info(architecture="transformer")),
    Kind("other architecture", "invalid-input", "direct-inverse", info(architecture="direct-inverse")),
    Kind("unknown form of tissue", "invalid-input", "'text'", info(tissue_input="text")),
    Kind("statistics that are missing", "invalid-input", "theta", info(theta=[])),
    Kind("spread of zero", "invalid-input", "theta", info(theta=_FLAT)),
]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small surrogate that loads."""
    normalisation = Normalisation(np.zeros(5), np.ones(5), -np.ones(5), np.ones(5))
    architecture = find_architecture("convnext-unet")
    settings = architecture.parse(NETWORK | {"layer_scale": 0.1}).model_dump(mode="json")
    network = architecture.build(settings, frame_of(CROP, "maps", normalisation), seed=1)
    description = {"architecture": architecture.name, "network": settings}
    save_model(tmp_path / "model", Surrogate(network, normalisation, CROP), description)
    load_surrogate(tmp_path / "model")
    return tmp_path / "model"


@each_kind(WEIGHTS_KINDS)
def test_it_is_refused(kind: Kind, model: Path) -> None:
    kind.make(model)
    with pytest.raises(InputError) as caught:
        load_surrogate(model)
    assert kind.is_told_by(caught.value), caught.value
    assert not (model / "trap").exists(), "the pickle was read"


def test_a_checkpoint_that_is_a_trap_is_not_read(tmp_path: Path) -> None:
    torch.save({"digest": digest({}), "trap": Trap(tmp_path / "trap")}, tmp_path / "training.pt")
    assert load_checkpoint(tmp_path / "training.pt", digest({})) is None
    assert not (tmp_path / "trap").exists()
