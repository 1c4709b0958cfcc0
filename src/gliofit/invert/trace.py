"""Record of all forward model evaluations of an inversion."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import Theta
from gliofit.invert.base import Inversion, Status

if TYPE_CHECKING:
    import pandas as pd


#: Progress callback with the number of evaluations, the last loss and its level.
OnProgress = Callable[[int, float, str], None]


def trace_columns(space: ParameterSpace) -> list[str]:
    """List the columns of a trace: evaluation number, loss, parameters, seconds since the start, level."""
    return ["evaluation", "loss", *space.columns, "seconds", "level"]


class Trace:
    """Record of evaluations; ``on_progress`` is called after each of them."""

    def __init__(self, space: ParameterSpace, on_progress: OnProgress | None = None) -> None:
        self._space = space
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
        """Add one evaluation at ``theta``, shape (n,)."""
        number = len(self._rows) + self._without_loss + 1
        self._rows.append((number, float(loss), *(float(v) for v in theta), self.seconds, level))
        if self._on_progress is not None:
            self._on_progress(number, float(loss), level)

    def count(self, runs: int = 1) -> None:
        """Count forward model evaluations without a loss, which have no row."""
        self._without_loss += runs

    def ranked(self, level: str | None = None) -> list[tuple[NDArray[np.float64], float]]:
        """Return thetas, shapes (n,), and losses of all evaluations with finite loss (of a level), sorted by loss."""
        rows = [row for row in self._rows if np.isfinite(row[1]) and level in (None, row[-1])]
        return [(np.array(row[2:-2]), row[1]) for row in sorted(rows, key=lambda row: row[1])]

    def finish(
        self,
        theta: NDArray[Any] | None,
        loss: float,
        converged: bool,
        message: str,
        other: NDArray[Any] | None = None,
        **fields: Any,
    ) -> Inversion:
        """Return the outcome of an inversion with the estimate ``theta`` and further fields of ``Inversion``."""
        estimate, rejected = (None if t is None else Theta.from_array(t, self._space) for t in (theta, other))
        count, table = len(self) + self._without_loss, self.table()
        status: Status = "ok" if converged else "not-converged"
        return Inversion(estimate, float(loss), table, count, self.seconds, status, message, rejected, **fields)

    def fail(self, message: str, seconds: float = 0.0) -> Inversion:
        """Return the outcome of an inversion without an estimate."""
        return Inversion(None, np.nan, self.table(), 0, seconds, "failed", message)

    def table(self) -> pd.DataFrame:
        """Return all evaluations with columns ``trace_columns``."""
        import pandas as pd

        columns = trace_columns(self._space)
        table = pd.DataFrame(self._rows, columns=columns)
        return table.astype({"evaluation": "int64", "level": "str"} | dict.fromkeys(columns[1:-1], "float64"))
