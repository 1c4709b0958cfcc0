"""Results of a run by patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError


@dataclass(frozen=True)
class CaseResults:
    """Results of one patient.

    Parameters
    ----------
    case, run
        Name of the patient, and folder of the run, ``results/{run}``.
    estimates
        Sorted names of forward simulations: methods, and candidates that a hybrid method did not choose.
    plans
        Methods with target volumes, sorted.
    """

    case: str
    run: Path
    estimates: tuple[str, ...]
    plans: tuple[str, ...]

    @property
    def registered(self) -> Path:
        """Folder with the patient's tissue."""
        return self.run / "register/patients" / self.case

    def forward(self, estimate: str) -> Path:
        """Folder of a forward simulation."""
        return self.run / "forward/patients" / self.case / estimate

    def parameters(self, method: str) -> Path:
        """Table of an estimate."""
        return self.run / "invert/patients" / self.case / method / "parameters.parquet"

    def plan(self, method: str) -> Path:
        """Folder of the target volumes by a method."""
        return self.run / "plan/patients" / self.case / method


def find_results(
    run: Path, cases: Sequence[str] | None = None, methods: Sequence[str] | None = None
) -> list[CaseResults]:
    """Find the patients of a run with their results, sorted by case; only the given cases and methods (None: all).

    Raises
    ------
    InputError
        If the folder contains no registered patient, or lacks a requested case or method.
    """
    found = _folders(run / "register/patients", "t1.nii.gz")
    if not found:
        raise InputError(run, "contains no registered patient", "name a results folder such as results/demo")
    _check_known(cases, set(found), run, "patient")
    final = {case: _folders(run / "forward/patients" / case, "concentration.nii.gz") for case in found}
    chosen = [case for case in found if cases is None or case in cases]
    _check_known(methods, {name for case in chosen for name in final[case]}, run, "forward simulation of the method")

    def wanted(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if methods is None or name in methods)

    plans = {case: _folders(run / "plan/patients" / case, "plan.parquet") for case in chosen}
    return [CaseResults(case, run, wanted(final[case]), wanted(plans[case])) for case in chosen]


def _folders(folder: Path, file: str) -> tuple[str, ...]:
    """Return the names of subfolders that contain a file."""
    return tuple(sorted(path.parent.name for path in folder.glob(f"*/{file}")))


def _check_known(wanted: Sequence[str] | None, there: set[str], run: Path, what: str) -> None:
    missing = sorted(set(wanted or ()) - there)
    if missing:
        raise InputError(run, f"has no {what} '{missing[0]}'", f"name some of {', '.join(sorted(there)) or 'none'}")
