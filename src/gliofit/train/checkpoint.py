"""Checkpoints: everything an interrupted training needs to go on as if it had not been interrupted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from gliofit.core.io import atomic_path

__all__ = ["digest", "load_checkpoint", "save_checkpoint"]

_LOG = logging.getLogger(__name__)


def digest(content: Mapping[str, Any]) -> str:
    """Digest of plain values; a checkpoint serves only a training with the same one."""
    return sha256(json.dumps(dict(content), sort_keys=True, default=str).encode()).hexdigest()


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically."""
    with atomic_path(path) as temporary:
        torch.save(dict(state), temporary)


def load_checkpoint(path: Path, expected: str) -> dict[str, Any] | None:
    """Read a checkpoint; None if there is none, it is broken, or it belongs to another training."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # whatever is wrong with the file, the remedy is to begin anew
        _LOG.warning("%s: not a readable checkpoint (%s); training begins anew", path, error)
        return None
    if not isinstance(state, dict) or state.get("digest") != expected:
        _LOG.warning("%s: from other data or settings; training begins anew", path)
        return None
    return state
