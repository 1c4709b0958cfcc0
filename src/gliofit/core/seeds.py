"""Seeds of jobs, derived from the seed of the configuration."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, *names: str | int) -> int:
    """Derive a 31-bit seed from the run's seed and stable names such as stage, case and method.

    The result depends on nothing else, so the random numbers of a configuration are independent of the order and the
    machine of its jobs.
    """
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") & 0x7FFFFFFF
