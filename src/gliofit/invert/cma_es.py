"""CMA-ES, shared by the methods that search without gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.invert.base import InversionError, MethodSettings
from gliofit.invert.problem import Problem
from gliofit.invert.variables import PAPER_START, Variables
from gliofit.theta import Bounds

__all__ = ["CmaOutcome", "CmaSettings", "Objective", "cma_variables", "minimise"]

#: Step size of the paper's search in raw variables, and its absolute tolerance.
_RAW_SIGMA, _RAW_TOLERANCE = 0.3, 1e-8


class Objective(Protocol):
    """A loss that is evaluated for a population at a time."""

    #: Loss of a prediction without tumour; tolerances are relative to it.
    scale: float

    def losses(self, thetas: NDArray[Any]) -> NDArray[np.float64]:
        """Losses, shape (B,), of parameters of shape (B, 5)."""
        ...


class CmaSettings(MethodSettings):
    """Settings of CMA-ES (the ``cma`` package)."""

    popsize: int = Field(8, ge=4, description="Candidates per generation; 8 is the usual 4 + 3 ln(5).")
    sigma0: float = Field(0.25, gt=0, le=1, description="First step size, as a share of the range of each variable.")
    log_mu: bool = Field(True, description="Search mu_D and mu_rho on a logarithmic scale.")
    raw_scaling: bool = Field(
        False,
        description="Parity with the paper: one step size of 0.3 for unscaled variables (origin in fractions of the "
        "head, mu_D, mu_rho), start 12.8 and 3.8, absolute tolerance 1e-8. Overrides `sigma0`, `log_mu`, `tolerance` "
        "and the start.",
    )
    start_mu_d_mm: float = Field(
        PAPER_START[3], gt=0, description="First mu_D; the search starts at the centre of mass."
    )
    start_mu_rho: float = Field(PAPER_START[4], gt=0, description="First mu_rho.")
    tolerance: float = Field(
        1e-5,
        ge=0,
        description="Stop when the best loss has improved by less than this, relative to the loss of no tumour, ...",
    )
    tolerance_generations: int = Field(9, ge=1, description="... over this many generations, ...")
    minimum_generations: int = Field(20, ge=1, description="... but not before this many.")


@dataclass(frozen=True, eq=False)
class CmaOutcome:
    """How a search ended: the best theta, shape (5,), its loss, and whether it stopped by itself."""

    theta: NDArray[np.float64]
    loss: float
    converged: bool
    reason: str


def cma_variables(
    settings: CmaSettings, problem: Problem, bounds: Bounds
) -> tuple[Variables, NDArray[np.float64], float, float]:
    """Variables, first theta, first step size and tolerance factor (NaN: absolute, the paper's) of a search."""
    held = problem.held_origin_mm(settings.origin)
    centre = problem.observation.centre_mm
    if settings.raw_scaling:
        start = bounds.clip(np.array([*centre, *PAPER_START[3:]]))
        return Variables.raw(bounds, centre, held), start, _RAW_SIGMA, np.nan
    start = bounds.clip(np.array([*centre, settings.start_mu_d_mm, settings.start_mu_rho]))
    return Variables.unit(bounds, held, settings.log_mu), start, settings.sigma0, settings.tolerance


def minimise(
    objective: Objective,
    variables: Variables,
    start: NDArray[np.float64],
    sigma0: float,
    settings: CmaSettings,
    evaluations: int,
    seed: int,
    tolerance: float,
) -> CmaOutcome:
    """Search from ``start`` (a theta) with at most about ``evaluations`` runs of the forward model.

    Raises
    ------
    InversionError
        If a whole generation has no finite loss.
    """
    import cma

    absolute = _RAW_TOLERANCE if np.isnan(tolerance) else tolerance * objective.scale
    lower, upper = variables.lower, variables.upper
    # A start on the border is legal but maps to a corner of the package's bound transformation.
    inset = 1e-6 * (upper - lower)
    first = np.clip(variables.encode(start), lower + inset, upper - inset)
    best_theta, best_loss = variables.decode(first), np.inf
    history: list[float] = []
    with _seeded(seed):
        search = cma.CMAEvolutionStrategy(
            first,
            sigma0,
            {
                "bounds": [lower.tolist(), upper.tolist()],
                "popsize": settings.popsize,
                "seed": np.nan,
                "verbose": -9,
                "verb_log": 0,
                "verb_disp": 0,
                # Flat or tiny losses are normal here; our own rule decides when nothing happens any more.
                "tolfun": 0,
                "tolfunhist": 0,
                "tolflatfitness": 50,
            },
        )
        used = 0
        while used + settings.popsize <= max(evaluations, settings.popsize):
            asked = search.ask()
            thetas = variables.decode(np.array(asked))
            losses = objective.losses(thetas)
            used += len(asked)
            finite = np.isfinite(losses)
            if not finite.any():
                raise InversionError("no candidate of a whole generation has a finite loss")
            losses = np.where(finite, losses, 10 * losses[finite].max() + objective.scale)
            search.tell(asked, losses.tolist())
            lowest = int(losses.argmin())
            if losses[lowest] < best_loss:
                best_theta, best_loss = thetas[lowest], float(losses[lowest])
            history.append(best_loss)
            window = settings.tolerance_generations
            if len(history) > max(window, settings.minimum_generations - 1):
                change = history[-1 - window] - history[-1]
                if change <= absolute:
                    return CmaOutcome(best_theta, best_loss, True, f"changed by {change:.1e} in {window} generations")
            if stops := search.stop():
                return CmaOutcome(best_theta, best_loss, True, f"cma: {', '.join(stops)}")
    return CmaOutcome(best_theta, best_loss, False, f"budget of {evaluations} evaluations used up")


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed numpy's global generator, which ``cma`` draws from, and put it back afterwards."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
