"""The evaluate stage's tables of one cohort, as tables and figures use them."""

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

__all__ = ["LIKE_THE_PAPER", "Cohort", "Observed", "figure_name", "methods_shown"]

#: What a table about patients and its figures are about: methods that observed this.
Observed = Literal["reference", "segmentation"]

#: Methods that the paper lets observe the segmentation and yet compares with those that observed the reference.
LIKE_THE_PAPER = ("lmi", "gliodil")


def methods_shown(metrics: pd.DataFrame, observed: Observed) -> list[str]:
    """Methods of a table about patients and its figures, in the order of the rows of ``metrics``.

    ``reference``: those that observed the reference, the reference method itself, and those that the paper puts
    beside them although they saw the segmentation. ``segmentation``: all that saw it, the reference method among them.
    """
    shown = metrics["observation"] == observed
    if observed == "reference":
        shown |= (metrics["role"] == "reference") | metrics["method"].isin(LIKE_THE_PAPER)
    return [str(method) for method in metrics.loc[shown, "method"].drop_duplicates()]


def figure_name(name: str, observed: Observed) -> str:
    """Name of the files of a figure about patients: the paper's has none behind it."""
    return name if observed == "reference" else f"{name}-{observed}"


@dataclass(frozen=True, eq=False)
class Cohort:
    """The evaluate stage's tables of one cohort; all empty when the cohort is not part of the run."""

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
        """Methods of the run in the order of its rows, with their roles."""
        if self.metrics.empty:
            return {}
        return {str(m): str(r) for m, r in self.metrics[["method", "role"]].drop_duplicates("method").to_numpy()}

    @property
    def free_fields(self) -> pd.Series:
        """Rows of methods that estimate a concentration without a growth model, which can follow any outline."""
        return (self.metrics["final_integrator"] == "none") & self.metrics[space_of({}).columns[0]].isna()

    @property
    def against(self) -> str | None:
        """The method that the others were tested against."""
        return None if self.tests.empty else str(self.tests["against"].iloc[0])

    @property
    def references(self) -> list[str]:
        """Methods whose final runs the others' agreement was measured with, the reference method first."""
        if self.agreement.empty:
            return []
        names = [str(name) for name in self.agreement["reference"].drop_duplicates()]
        return sorted(names, key=lambda name: self.methods.get(name) != "reference")

    def that_observed(self, observed: Observed) -> Cohort:
        """The same tables for the methods of one table about patients, with the tests between them."""
        if self.metrics.empty:
            return self
        methods = methods_shown(self.metrics, observed)
        metrics, summary, agreement = (
            table[table["method"].isin(methods)] for table in (self.metrics, self.summary, self.agreement)
        )
        tests = self.tests[self.tests["observation"] == observed]
        return replace(self, metrics=metrics, summary=summary, tests=tests, agreement=agreement)

    def on_cases(self, cases: Sequence[str], methods: Sequence[str]) -> Cohort:
        """The same tables for some cases and methods; without tests, which were made on all cases."""
        metrics, agreement = (
            table[table["case"].isin(cases) & table["method"].isin(methods)] for table in (self.metrics, self.agreement)
        )
        # Intervals are not printed in panels of subsets, so the fewest resamples do.
        summary = summarise(metrics, agreement, EvaluateSettings.model_validate({"bootstrap_samples": 100}))
        tests = pd.DataFrame(columns=self.tests.columns)
        return replace(self, metrics=metrics, summary=summary, tests=tests, agreement=agreement)
