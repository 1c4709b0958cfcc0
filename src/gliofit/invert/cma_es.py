"""CMA-ES, shared by the methods that search without gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.growth.space import Bounds
from gliofit.invert.base import InversionError, MethodSettings
from gliofit.invert.variables import Variables

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem

__all__ = ["CmaOutcome", "CmaSearch", "CmaSettings", "Objective"]

#: Step size of the paper's search in raw variables, its absolute tolerance, and over how many generations it is
#: applied from which generation on.
_RAW_SIGMA, _RAW_TOLERANCE, _RAW_GENERATIONS = 0.3, 1e-8, (9, 20)


class Objective(Protocol):
    """A loss that is evaluated for a population at a time."""

    #: Loss of a prediction without tumour; tolerances are relative to it.
    scale: float

    def losses(self, thetas: NDArray[Any]) -> NDArray[np.float64]:
        """Losses, shape (B,), of parameters of shape (B, n)."""
        ...


class CmaSettings(MethodSettings):
    """Settings of CMA-ES (the ``cma`` package)."""

    popsize: int = Field(8, ge=4, description="Candidates per generation; 8 is the usual 4 + 3 ln(5).")
    sigma0: float = Field(0.15, gt=0, le=1, description="First step size, as a share of the range of each variable.")
    log_mu: bool = Field(True, description="Search positive parameters on a logarithmic scale.")
    raw_scaling: bool = Field(
        False,
        description="Parity with the paper: one step size of 0.3 for unscaled variables (origin in fractions of the "
        "head, raw parameters), start 12.8 and 3.8, absolute tolerance 1e-8 over 9 generations after 20. Overrides "
        "all other keys of the search but `popsize`.",
    )
    starts: tuple[tuple[float, float], ...] = Field(
        ((12.8, 3.8), (4.0, 4.0), (25.0, 2.5), (8.0, 2.5), (6.0, 6.0), (20.0, 4.0)),
        min_length=1,
        description="Growth parameters (sqrt(D T) in mm, sqrt(rho T)) tried with the origin at the centre of mass; the "
        "search starts from the best.",
    )
    tolerance: float = Field(
        1e-3,
        ge=0,
        description="Stop when the best losses of the last generations and all losses of the last one lie within this, "
        "relative to the loss of no tumour.",
    )
    tolerance_generations: int = Field(10, ge=1, description="How many generations that looks back.")


@dataclass(frozen=True, eq=False)
class CmaOutcome:
    """How a search ended: the best theta, shape (n,), its loss, and whether it stopped by itself."""

    theta: NDArray[np.float64]
    loss: float
    converged: bool
    reason: str


class CmaSearch:
    """One search, which may move on from one objective to another: what it learnt of the landscape's shape is kept.

    Parameters
    ----------
    settings
        Settings of CMA-ES.
    problem
        The case; the search starts at its centre of mass.
    bounds
        Box for theta.
    objective
        Decides between the starting points.
    """

    def __init__(self, settings: CmaSettings, problem: Problem, bounds: Bounds, objective: Objective) -> None:
        import cma

        self.settings = settings
        centre, held = problem.observation.centre_mm, problem.held_origin_mm(settings.origin)
        starts: tuple[tuple[float, ...], ...]
        if settings.raw_scaling:
            self.variables = Variables.raw(problem.space, bounds, centre, held)
            sigma, starts = _RAW_SIGMA, (tuple(problem.space.typical[3:]),)
        else:
            self.variables = Variables.unit(problem.space, bounds, held, settings.log_mu)
            sigma, starts = settings.sigma0, settings.starts
        self._spent = 0
        typical = problem.space.typical
        first = bounds.clip(np.array([[*centre, *values, *typical[3 + len(values) :]] for values in starts]))
        if len(first) > 1:
            losses = objective.losses(self.variables.decode(self.variables.encode(first)))
            self._spent = len(first)
            first = first[[int(np.where(np.isfinite(losses), losses, np.inf).argmin())]]
        lower, upper = self.variables.lower, self.variables.upper
        # A start on the border is legal but maps to a corner of the package's bound transformation.
        inset = 1e-6 * (upper - lower)
        self._random = np.random.default_rng(problem.seed)
        self._search = cma.CMAEvolutionStrategy(
            np.clip(self.variables.encode(first[0]), lower + inset, upper - inset),
            sigma,
            {
                "bounds": [lower.tolist(), upper.tolist()],
                "popsize": settings.popsize,
                "randn": lambda *shape: self._random.standard_normal(shape),
                "seed": np.nan,
                "verbose": -9,
                "verb_log": 0,
                "verb_disp": 0,
                # Our own rule decides when nothing happens any more; losses may be tiny or flat for a while.
                "tolfun": 0,
                "tolfunhist": 0,
                "tolfunrel": 0,
                "tolflatfitness": np.inf,
                "tolstagnation": np.inf,
            },
        )

    def narrow(self, spread: float) -> None:
        """Set the step size so that the widest standard deviation of a variable is ``spread``."""
        self._search.sigma *= spread / float(np.max(self._search.stds))

    def run(self, objective: Objective, evaluations: int) -> CmaOutcome:
        """Search with at most ``evaluations`` runs of the forward model, but at least one generation.

        The first search's starting points are part of it.

        Raises
        ------
        InversionError
            If a whole generation has no finite loss.
        """
        settings, search = self.settings, self._search
        best_theta, best_loss = np.empty(0), np.inf
        history: list[float] = []
        generations = max(1, (evaluations - self._spent) // settings.popsize)
        self._spent = 0
        for _ in range(generations):
            asked = search.ask()
            thetas = self.variables.decode(np.array(asked))
            losses = objective.losses(thetas)
            finite = np.isfinite(losses)
            if not finite.any():
                raise InversionError("no candidate of a whole generation has a finite loss")
            losses = np.where(finite, losses, 10 * losses[finite].max() + objective.scale)
            search.tell(asked, losses.tolist())
            lowest = int(losses.argmin())
            if losses[lowest] < best_loss:
                best_theta, best_loss = thetas[lowest], float(losses[lowest])
            history.append(float(losses[lowest]))
            if reason := self._settled(history, losses, objective.scale):
                return CmaOutcome(best_theta, best_loss, True, reason)
            if stops := search.stop():
                return CmaOutcome(best_theta, best_loss, True, f"cma: {', '.join(stops)}")
        return CmaOutcome(best_theta, best_loss, False, f"budget of {evaluations} evaluations used up")

    def _settled(self, history: list[float], losses: NDArray[np.float64], scale: float) -> str:
        """Why nothing more is to be expected, empty if something is."""
        if self.settings.raw_scaling:
            window, least = _RAW_GENERATIONS
            if len(history) < max(window + 1, least):
                return ""
            change = min(history[:-window]) - min(history)
            return f"best loss changed by {change:.1e} in {window} generations" if change < _RAW_TOLERANCE else ""
        # The best loss so far says little: one lucky candidate stays the best while the search is still contracting.
        window = self.settings.tolerance_generations
        if len(history) < window:
            return ""
        span = max(np.ptp(history[-window:]), np.ptp(losses))
        return f"losses within {span:.1e} of each other" if span <= self.settings.tolerance * scale else ""
