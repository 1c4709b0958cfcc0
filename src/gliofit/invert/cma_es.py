"""CMA-ES, for methods without gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gliofit.growth.space import Bounds
from gliofit.invert.base import AbstractInverter, InversionError
from gliofit.invert.variables import SearchOutcome, Variables

if TYPE_CHECKING:
    from gliofit.invert.problem import Problem
    from gliofit.invert.solver_objective import SolverObjective
    from gliofit.invert.surrogate_objective import SurrogateObjective


#: The paper's step size in raw variables, absolute tolerance, and (window, first) generations of the tolerance.
_RAW_SIGMA, _RAW_TOLERANCE, _RAW_GENERATIONS = 0.3, 1e-8, (9, 20)


class CmaInverter(AbstractInverter):
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
        description="Stop when the best losses of the last `tolerance_generations` and all losses of the last one "
        "differ by less than this, relative to the loss without tumour.",
    )
    tolerance_generations: int = Field(10, ge=1, description="Generations of the convergence criterion.")


class CmaSearch:
    """CMA-ES search, which keeps its covariance when it continues on another objective.

    ``objective`` selects the initial guess, whose origin is the centre of mass of the problem's observation.
    """

    def __init__(
        self, settings: CmaInverter, problem: Problem, bounds: Bounds, objective: SolverObjective | SurrogateObjective
    ) -> None:
        import cma

        self.settings = settings
        centre, held = problem.observation.centre_mm, problem.held_origin_mm(settings.origin)
        typical = problem.space.typical + problem.space.relative_to(centre)
        starts: tuple[tuple[float, ...], ...]
        if settings.raw_scaling:
            self.variables = Variables.raw(problem.space, bounds, centre, held)
            sigma, starts = _RAW_SIGMA, (tuple(problem.space.typical[3:]),)
        else:
            self.variables = Variables.unit(problem.space, bounds, held, settings.log_mu)
            sigma, starts = settings.sigma0, settings.starts
        self._spent = 0
        first = bounds.clip(np.array([[*centre, *values, *typical[3 + len(values) :]] for values in starts]))
        if len(first) > 1:
            losses = objective.losses(self.variables.decode(self.variables.encode(first)))
            self._spent = len(first)
            first = first[[int(np.where(np.isfinite(losses), losses, np.inf).argmin())]]
        lower, upper = self.variables.lower, self.variables.upper
        # On the border the package's bound transformation is not smooth.
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
                # `_convergence` replaces these criteria, which stop too early on small or flat losses.
                "tolfun": 0,
                "tolfunhist": 0,
                "tolfunrel": 0,
                "tolflatfitness": np.inf,
                "tolstagnation": np.inf,
            },
        )

    def narrow(self, spread: float) -> None:
        """Set the step size so that the largest standard deviation of a variable is ``spread``."""
        self._search.sigma *= spread / float(np.max(self._search.stds))

    def run(self, objective: SolverObjective | SurrogateObjective, evaluations: int) -> SearchOutcome:
        """Search with at most ``evaluations`` forward evaluations, but at least one generation.

        The evaluations of initial guesses count in the first call. Raises InversionError if a whole generation has no
        finite loss.
        """
        search = self._search
        history: list[float] = []
        best_theta, best_loss = np.empty(0), np.inf
        generations = max(1, (evaluations - self._spent) // self.settings.popsize)
        self._spent = 0
        for _ in range(generations):
            points = search.ask()
            thetas = self.variables.decode(np.array(points))
            losses = objective.losses(thetas)
            finite = np.isfinite(losses)
            if not finite.any():
                raise InversionError("no candidate of a generation has a finite loss")
            losses = np.where(finite, losses, 10 * losses[finite].max() + objective.scale)
            search.tell(points, losses.tolist())
            lowest = int(losses.argmin())
            if losses[lowest] < best_loss:
                best_theta, best_loss = thetas[lowest], float(losses[lowest])
            history.append(float(losses[lowest]))
            if reason := self._convergence(history, losses, objective.scale):
                return SearchOutcome(best_theta, best_loss, True, reason)
            if stops := search.stop():
                return SearchOutcome(best_theta, best_loss, True, f"cma: {', '.join(stops)}")
        return SearchOutcome(best_theta, best_loss, False, f"budget of {evaluations} evaluations used up")

    def _convergence(self, history: list[float], losses: NDArray[np.float64], scale: float) -> str:
        """Return the fulfilled convergence criterion, empty if there is none."""
        raw = self.settings.raw_scaling
        window, least = _RAW_GENERATIONS if raw else (self.settings.tolerance_generations,) * 2
        if len(history) < least:
            return ""
        if raw:
            change = min(history[:-window]) - min(history)
            return f"best loss changed by {change:.1e} in {window} generations" if change < _RAW_TOLERANCE else ""
        # The best loss so far is no criterion, since one lucky candidate may remain the best during contraction.
        span = max(np.ptp(history[-window:]), np.ptp(losses))
        return f"losses within {span:.1e} of each other" if span <= self.settings.tolerance * scale else ""
