"""Construction of a solver from its settings."""

from __future__ import annotations

from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.base import AbstractForwardSolver
from gliofit.solver.reference import ReferenceSolver
from gliofit.solver.settings import AccurateSettings, ReferenceSettings, ToolkitSettings


def make_solver(
    settings: AccurateSettings | ReferenceSettings | ToolkitSettings | None = None,
) -> AbstractForwardSolver:
    """Return the solver for the settings, by default ``accurate``."""
    if isinstance(settings, ToolkitSettings):
        return ReferenceSolver(settings.scheme)
    if isinstance(settings, ReferenceSettings):
        return ReferenceSolver(settings)
    return AccurateSolver(settings)
