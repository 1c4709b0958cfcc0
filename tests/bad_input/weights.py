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


WEIGHTS_KINDS = [
    WeightsKind(
        "weights of another training", "weights.safetensors", weights(lambda all_: {k: v + 1 for k, v in all_.items()})
    ),
    WeightsKind("truncated weights", "weights.safetensors", without_digest(_cut)),
    WeightsKind(
        "weights of other shapes",
        "weights.safetensors",
        without_digest(weights(lambda all_: {k: v.repeat_interleave(2, 0) for k, v in all_.items()})),
    ),
    WeightsKind(
        "weights under other names",
        "weights.safetensors",
        without_digest(weights(lambda all_: {f"x.{k}": v for k, v in all_.items()})),
    ),
    WeightsKind("weights that are NaN", "finite", without_digest(weights(_nan))),
    WeightsKind("pickle named .safetensors", "weights.safetensors", without_digest(_pickled)),
    WeightsKind("torch file named .safetensors", "weights.safetensors", without_digest(_torch_file)),
    WeightsKind("torch file in place of the weights", "weights.safetensors", _other_file),
    WeightsKind("no model.json", "model.json", lambda folder: (folder / "model.json").unlink()),
    WeightsKind("model.json of another version", "99", info(format=99)),
    WeightsKind(
        "model.json that is damaged",
        "JSON",
        lambda folder: (
            (folder / "model.json").write_bytes((folder / "model.json").read_bytes()[:50] + b"\xff") and None
        ),
    ),
    WeightsKind("unknown architecture", "transformer", info(architecture="transformer")),
    WeightsKind("other architecture", "direct-inverse", info(architecture="direct-inverse")),
    WeightsKind("unknown form of tissue", "'text'", info(tissue_input="text")),
    WeightsKind("statistics that are missing", "theta", info(theta=[])),
    WeightsKind("spread of zero", "theta", info(theta={name: [0.0] * 5 for name in ("mean", "std", "low", "high")})),
]
