"""The table of jobs that Snakemake prints."""

from __future__ import annotations

import re
from collections import Counter


def kind_of(rule: str) -> str:
    """Common name of rules of batches (``invert_case_synthetic_hybrid_00003``: ``invert_case``)."""
    return re.sub(r"_(synthetic|patients)_(\w+_)?\d{5}$", "", rule)


def count_jobs(output: str) -> Counter[str]:
    """Number of jobs by kind in the last table of an output."""
    counts: Counter[str] = Counter()
    for name, count in re.findall(r"^(\w+)\s+(\d+)$", output.rpartition("Job stats:")[2], flags=re.MULTILINE):
        counts[kind_of(name)] += int(count)
    return counts
