"""Bad folders of trained networks. Every kind spoils a small model that works."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from gliofit.core.io import DAMAGED

from .kind import Kind


@dataclass(frozen=True)
class WeightsKind(Kind):
    """A bad folder of a network; ``spoil`` is called with it."""

    spoil: Callable[[Path], None]


class Trap:
    """What a pickle file can do to who reads it: here it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


def info(**changes: object) -> Callable[[Path], None]:
    """Change entries of ``model.json``."""

    def spoil(folder: Path) -> None:
        path = folder / "model.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return spoil


def weights(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], None]:
    """Change the tensors."""

    def spoil(folder: Path) -> None:
        path = folder / "weights.safetensors"
        save_file(change(load_file(path)), path)

    return spoil


def _cut(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _pickled(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Trap(folder / "trap")))


def _torch_file(folder: Path) -> None:
    torch.save({"trap": Trap(folder / "trap")}, folder / "weights.safetensors")


def _other_file(folder: Path) -> None:
    (folder / "weights.safetensors").unlink()
    (folder / "weights.pt").write_bytes(pickle.dumps(Trap(folder / "trap")))


def _nan(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    first = next(iter(tensors))
    return tensors | {first: torch.full_like(tensors[first], torch.nan)}


def without_digest(spoil: Callable[[Path], None]) -> Callable[[Path], None]:
    """Spoil the weights of a model whose ``model.json`` holds no digest of them, as older ones do."""

    def both(folder: Path) -> None:
        spoil(folder)
        path = folder / "model.json"
        content = json.loads(path.read_text())
        del content["weights_sha256"]
        path.write_text(json.dumps(content))

    return both


_FIT = f"...weights.safetensors: does not fit model.json (...); {DAMAGED}"

WEIGHTS_KINDS = [
    WeightsKind(
        "weights of another training",
        f"...weights.safetensors: is damaged, or belongs to another training than model.json; {DAMAGED}",
        weights(lambda all_: {k: v + 1 for k, v in all_.items()}),
    ),
    WeightsKind("truncated weights", _FIT, without_digest(_cut)),
    WeightsKind(
        "weights of other shapes",
        _FIT,
        without_digest(weights(lambda all_: {k: v.repeat_interleave(2, 0) for k, v in all_.items()})),
    ),
    WeightsKind(
        "weights under other names",
        _FIT,
        without_digest(weights(lambda all_: {f"x.{k}": v for k, v in all_.items()})),
    ),
    WeightsKind(
        "weights that are NaN",
        "...weights.safetensors: has values that are not finite; copy the folder again, or train the model again",
        without_digest(weights(_nan)),
    ),
    WeightsKind("pickle named .safetensors", _FIT, without_digest(_pickled)),
    WeightsKind("torch file named .safetensors", _FIT, without_digest(_torch_file)),
    WeightsKind(
        "torch file in place of the weights",
        "...weights.safetensors: file not found; copy the whole folder of the model",
        _other_file,
    ),
    WeightsKind(
        "no model.json",
        "...model.json: file not found; check the path",
        lambda folder: (folder / "model.json").unlink(),
    ),
    WeightsKind(
        "model.json of another version",
        "...model.json: has format 99, not 2; train the model with this version",
        info(format=99),
    ),
    WeightsKind(
        "model.json that is damaged",
        f"...model.json: not valid JSON (...); {DAMAGED}",
        lambda folder: (
            (folder / "model.json").write_bytes((folder / "model.json").read_bytes()[:50] + b"\xff") and None
        ),
    ),
    WeightsKind(
        "unknown architecture",
        "architecture `transformer`: is unknown; choose one of ...",
        info(architecture="transformer"),
    ),
    WeightsKind(
        "other architecture",
        "...model.json: has kind surrogate, but `direct-inverse` is a direct-inverse; train the model again",
        info(architecture="direct-inverse"),
    ),
    WeightsKind(
        "unknown form of tissue",
        "...model.json: has the unknown tissue_input 'text'; train the model again",
        info(tissue_input="text"),
    ),
    WeightsKind(
        "statistics that are missing",
        "...model.json: has incomplete statistics of theta (...); train the model again",
        info(theta=[]),
    ),
    WeightsKind(
        "spread of zero",
        "...model.json: has a standard deviation of theta that is not positive; train the model again",
        info(theta={name: [0.0] * 5 for name in ("mean", "std", "low", "high")}),
    ),
]
