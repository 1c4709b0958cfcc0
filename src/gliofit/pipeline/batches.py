"""How many cases one job of the workflow does, and how rules of such jobs are named.

Imports nothing heavy, because the workflow reads it whenever Snakemake starts.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from gliofit.core.references import MethodName
from gliofit.core.settings import Settings

__all__ = ["BatchSettings", "kind_of"]


def kind_of(rule: str) -> str:
    """Name that rules of batches have in common (``invert_case_synthetic_hybrid_00003``: ``invert_case``)."""
    return re.sub(r"_(synthetic|patients)_(\w+_)?\d{5}$", "", rule)


class BatchSettings(Settings):
    """Cases that a job does one after the other, by cohort."""

    synthetic: int = Field(
        1,
        ge=1,
        description="Synthetic cases that one job extracts, inverts by a method, grows or scores. 1: every case is a "
        "job of its own, so that little is lost when one is cut off; 25 keep a big study in hundreds of jobs.",
    )
    patients: int = Field(1, ge=1, description="The same of patients; they are registered one by one in any case.")
    methods: dict[MethodName, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="Most cases in a job of inversions by a method, for slow ones: a cluster's limit of time holds for "
        "all cases of a job together.",
    )

    def size(self, cohort: Literal["synthetic", "patients"], method: str | None = None) -> int:
        """Most cases in a job.

        Parameters
        ----------
        cohort
            Cohort of the cases.
        method
            The method, for jobs of inversions.
        """
        size: int = getattr(self, cohort)
        return size if method is None else min(size, self.methods.get(method, size))
