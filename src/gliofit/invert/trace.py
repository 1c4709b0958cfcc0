"""Record of an inversion: every evaluation of the forward model, in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.invert.base import Inversion
from gliofit.theta import Theta

if TYPE_CHECKING:
    import pandas as pd

    from gliofit.grid import Volume
    from gliofit.invert.uncertainty import Uncertainty

__all__ = ["TRACE_COLUMNS", "OnProgress", "Trace"]

#: Called with the number of evaluations so far, the loss of the last one, and the level it was made on.
OnProgress = Callable[[int, float, str], None]

TRACE_COLUMNS = (
    "evaluation", "loss", "origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho", "seconds", "level",
)  # fmt: skip


class Trace:
    """Collects evaluations.

    Parameters
    ----------
    on_progress
        Called after each evaluation.
    """

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self._rows: list[tuple[Any, ...]] = []
        self._on_progress = on_progress
        self._started = time.perf_counter()
        self._without_loss = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.perf_counter() - self._started

    def add(self, theta: NDArray[Any], loss: float, level: str = "") -> None:
        """Add one evaluation at ``theta`` (x, y, z, mu_D, mu_rho; world mm)."""
        number = len(self._rows) + self._without_loss + 1
        self._rows.append((number, float(loss), *(float(v) for v in theta), self.seconds, level))
        if self._on_progress is not None:
            self._on_progress(number, float(loss), level)

    def count(self, runs: int = 1) -> None:
        """Count runs of the forward model that gave no loss: they have a number but no row."""
        self._without_loss += runs

    def best(self, level: str | None = None) -> tuple[NDArray[np.float64], float] | None:
        """Theta, shape (5,), and loss of the smallest finite loss (of a level); None if there is none."""
        rows = self.ranked(level)
        return rows[0] if rows else None

    def ranked(self, level: str | None = None) -> list[tuple[NDArray[np.float64], float]]:
        """Thetas, shapes (5,), and losses of all evaluations with finite loss, the smallest first."""
        rows = [row for row in self._rows if np.isfinite(row[1]) and level in (None, row[-1])]
        return [(np.array(row[2:7]), row[1]) for row in sorted(rows, key=lambda row: row[1])]

    def finish(
        self,
        theta: NDArray[Any],
        loss: float,
        converged: bool,
        message: str,
        other: NDArray[Any] | None = None,
        uncertainty: Uncertainty | None = None,
        extra: dict[str, Any] | None = None,
        concentration: Volume | None = None,
    ) -> Inversion:
        """The outcome of an inversion that ends now with ``theta`` (x, y, z, mu_D, mu_rho; world mm)."""
        return Inversion(
            theta=Theta.from_array(theta),
            loss=float(loss),
            trace=self.table(),
            evaluations=len(self) + self._without_loss,
            wall_seconds=self.seconds,
            status="ok" if converged else "not-converged",
            message=message,
            other=None if other is None else Theta.from_array(other),
            uncertainty=uncertainty,
            extra=extra or {},
            concentration=concentration,
        )

    def finish_field(self, concentration: Volume, loss: float, message: str) -> Inversion:
        """The outcome of an inversion that ends now with a concentration in place of theta."""
        return Inversion(
            theta=None,
            loss=float(loss),
            trace=self.table(),
            evaluations=len(self) + self._without_loss,
            wall_seconds=self.seconds,
            status="ok",
            message=message,
            concentration=concentration,
        )

    def table(self) -> pd.DataFrame:
        """All evaluations, columns ``TRACE_COLUMNS``."""
        import pandas as pd

        table = pd.DataFrame(self._rows, columns=list(TRACE_COLUMNS))
        return table.astype({"evaluation": "int64", "level": "str"} | dict.fromkeys(TRACE_COLUMNS[1:-1], "float64"))
