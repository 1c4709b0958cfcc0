"""Tables of the evaluate stage for one cohort."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd

from gliofit.core.io import read_table
from gliofit.evaluate.cohort import summarise
from gliofit.evaluate.settings import EvaluateSettings
from gliofit.growth.model import space_of

#: Observation that selects the methods of a patient table and its figures.
Observed = Literal["reference", "segmentation"]

#: Methods that observe the segmentation but that the paper compares with those that observe the reference.
LIKE_THE_PAPER = ("lmi", "gliodil")


def methods_shown(metrics: pd.DataFrame, observed: Observed) -> list[str]:
    """Return the methods of a patient table, in the order of the rows of ``metrics``.

    ``reference``: methods that observed the reference, the reference method, and those that the paper adds.
    ``segmentation``: all methods that observed it, including the reference method.
    """
    shown = metrics["observation"] == observed
    if observed == "reference":
        shown |= (metrics["role"] == "reference") | metrics["method"].isin(LIKE_THE_PAPER)
    return [str(method) for method in metrics.loc[shown, "method"].drop_duplicates()]


def figure_name(name: str, observed: Observed) -> str:
    """Return the file name of a patient figure; without suffix for the paper's observation."""
    return name if observed == "reference" else f"{name}-{observed}"


@dataclass(frozen=True, eq=False)
class Cohort:
    """Tables of one cohort; all empty if the cohort is not part of the run."""

    metrics: pd.DataFrame
    summary: pd.DataFrame
    tests: pd.DataFrame
    agreement: pd.DataFrame
    cases: pd.DataFrame

    @classmethod
    def load(cls, folder: str | Path | None) -> Cohort:
        """Read the tables of an ``evaluate/{cohort}`` folder."""
        names = ("metrics", "summary", "tests", "agreement", "cases")
        if folder is None:
            return cls(*(pd.DataFrame() for _ in names))
        return cls(*(read_table(Path(folder) / f"{name}.parquet") for name in names))

    @property
    def methods(self) -> dict[str, str]:
        """Roles of the methods, in the order of the rows."""
        if self.metrics.empty:
            return {}
        return {str(m): str(r) for m, r in self.metrics[["method", "role"]].drop_duplicates("method").to_numpy()}

    @property
    def free_fields(self) -> pd.Series:
        """Mask of rows of methods without a growth model, which can fit any outline."""
        return (self.metrics["final_integrator"] == "none") & self.metrics[space_of({}).columns[0]].isna()

    @property
    def against(self) -> str | None:
        """Method that the others were tested against."""
        return None if self.tests.empty else str(self.tests["against"].iloc[0])

    @property
    def references(self) -> list[str]:
        """Methods used as reference for agreement, the reference method first."""
        if self.agreement.empty:
            return []
        names = [str(name) for name in self.agreement["reference"].drop_duplicates()]
        return sorted(names, key=lambda name: self.methods.get(name) != "reference")

    def with_observation(self, observed: Observed) -> Cohort:
        """Select the methods of one patient table, with the tests between them."""
        if self.metrics.empty:
            return self
        methods = methods_shown(self.metrics, observed)
        metrics, summary, agreement = (
            table[table["method"].isin(methods)] for table in (self.metrics, self.summary, self.agreement)
        )
        tests = self.tests[self.tests["observation"] == observed]
        return replace(self, metrics=metrics, summary=summary, tests=tests, agreement=agreement)

    def on_cases(self, cases: Sequence[str], methods: Sequence[str]) -> Cohort:
        """Select cases and methods; without tests, which used all cases."""
        metrics, agreement = (
            table[table["case"].isin(cases) & table["method"].isin(methods)] for table in (self.metrics, self.agreement)
        )
        # Panels of subsets print no intervals, so one resample is enough.
        summary = summarise(metrics, agreement, EvaluateSettings.model_validate({"bootstrap_samples": 100}))
        tests = pd.DataFrame(columns=self.tests.columns)
        return replace(self, metrics=metrics, summary=summary, tests=tests, agreement=agreement)
