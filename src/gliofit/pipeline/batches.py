"""Numbers of cases per job of the workflow, and names of the rules of such jobs.

No heavy imports: Snakemake imports this module at every start.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field

from gliofit.core.references import MethodName
from gliofit.core.settings import Settings


def kind_of(rule: str) -> str:
    """Common name of rules of batches (``invert_case_synthetic_hybrid_00003``: ``invert_case``)."""
    return re.sub(r"_(synthetic|patients)_(\w+_)?\d{5}$", "", rule)


class BatchSettings(Settings):
    """Number of cases per job, by cohort."""

    synthetic: int = Field(
        1,
        ge=1,
        description="Synthetic cases per job. 1: one job per case, so that little is lost after an interruption; 25 "
        "keeps a large study in hundreds of jobs.",
    )
    patients: int = Field(1, ge=1, description="Patients per job; each is registered in a separate job.")
    methods: dict[MethodName, Annotated[int, Field(ge=1)]] = Field(
        {},
        description="Largest number of cases per job of slow methods: the time limit of a cluster applies to all cases "
        "of a job.",
    )

    def size(self, cohort: Literal["synthetic", "patients"], method: str | None = None) -> int:
        """Return the largest number of cases in a job.

        Parameters
        ----------
        cohort
            Cohort of the cases.
        method
            Method, for jobs of inversions.
        """
        size: int = getattr(self, cohort)
        return size if method is None else min(size, self.methods.get(method, size))
