"""Checkpoints, from which an interrupted training continues with the same result."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from gliofit.core.io import atomic_path

_LOG = logging.getLogger(__name__)


def digest(content: Mapping[str, Any]) -> str:
    """Return the digest of JSON values that identifies a training."""
    return sha256(json.dumps(dict(content), sort_keys=True, default=str).encode()).hexdigest()


def save_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint atomically."""
    with atomic_path(path) as temporary:
        torch.save(dict(state), temporary)


def load_checkpoint(path: Path, expected: str) -> dict[str, Any] | None:
    """Read a checkpoint; None if it does not exist, is damaged, or belongs to another training."""
    if not path.is_file():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  # torch raises many types for damaged files
        _LOG.warning("%s: cannot be read (%s); training starts from the beginning", path, error)
        return None
    if not isinstance(state, dict) or state.get("digest") != expected:
        _LOG.warning("%s: belongs to other data or settings; training starts from the beginning", path)
        return None
    return state
