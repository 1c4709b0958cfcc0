"""Parameter space of a growth model: names, units, bounds and change of variables of its parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Steps:
    """Lengths for optimisers along one parameter, in coordinates (``ParameterSpace.to_coordinates``)."""

    longest: float  #: Longest optimiser step.
    unit: float  #: Unit of the convergence tolerance for steps.
    same: float  #: Points closer than this count as the same minimum.
    difference: tuple[float, float]  #: Range of steps for finite differences of gradients.
    vague: float  #: Standard deviation above which the parameter counts as not identifiable.


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number that describes a tumour, and how tables, figures and pages name it.

    Parameters
    ----------
    name
        Identifier, for example ``grey_share``.
    symbol, text, latex
        Symbol in ASCII, in running text with Greek letters, and in LaTeX's maths mode.
    unit
        Unit, empty for dimensionless quantities.
    column
        Column in tables of results: the name, with the unit as suffix.
    title
        One or two words that stand before the symbol in headings.
    meaning
        What it is, as a clause.
    decimals
        Digits after the point in tables.
    """

    name: str
    symbol: str
    text: str
    latex: str
    unit: str
    column: str
    title: str
    meaning: str
    decimals: int = 2

    @property
    def axis_label(self) -> str:
        """Symbol in LaTeX with the unit in parentheses, for axes of figures."""
        return f"${self.latex}$ ({self.unit or 'no unit'})"

    @property
    def heading(self) -> str:
        """Title and symbol, for headings of tables."""
        return f"{self.title[:1].upper()}{self.title[1:]} {self.text}"


@dataclass(frozen=True, kw_only=True)
class Parameter(Quantity):
    """One parameter of a growth model.

    Parameters
    ----------
    bounds
        Default range; for components of a position relative to the tumour's centre of mass.
    log
        Whether the coordinate is the logarithm of the parameter, which must then be positive.
    axis
        World axis (0 right, 1 anterior, 2 superior) of a component of a position; None for other parameters.
    typical
        Default initial value of optimisers.
    paper_scale
        Scale by which the paper's code divides the parameter for networks and optimisers.
    time_exponent
        The parameter of the same tumour seen at a fraction f of its age is f to this power times as large.
    """

    bounds: tuple[float, float]
    steps: Steps
    log: bool = False
    axis: int | None = None
    typical: float = 0.0
    paper_scale: float = 1.0
    time_exponent: float = 0.0

    def to_coordinate(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert values of the parameter to its coordinate."""
        return np.log(values) if self.log else values

    def from_coordinate(self, values: ArrayLike) -> NDArray[np.float64]:
        """Convert values of the coordinate to the parameter."""
        return np.exp(values) if self.log else np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Derived(Quantity):
    """A quantity that follows from the parameters: a product of powers of positive ones, given by their columns."""

    powers: tuple[tuple[str, int], ...]

    def of(self, values: Any) -> Any:
        """Value, from parameters by column: of one tumour, or of all rows of a table."""
        result: Any = np.float64(1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            for column, power in self.powers:
                result = result * values[column] ** power if power > 0 else result / values[column] ** -power
        return result


@dataclass(frozen=True)
class ParameterSpace:
    """Parameters in the order of parameter vectors. The first three are the position of the first origin.

    Optimisers, covariances and intervals work in coordinates: the parameter, or its logarithm if ``Parameter.log`` is
    set. The change of variables is defined here only. ``derived`` quantities stand beside the parameters in tables.
    """

    model: str
    parameters: tuple[Parameter, ...]
    derived: tuple[Derived, ...] = ()

    def __post_init__(self) -> None:
        if [p.axis for p in self.parameters[:3]] != [0, 1, 2]:
            raise ValueError(f"{self.model}: the first three parameters are not the axes 0, 1, 2 of a position")
        if len(set(self.columns)) != len(self.parameters):
            raise ValueError(f"{self.model}: two parameters share a column")
        if any(not self.log[self.index(column)] for quantity in self.derived for column, _ in quantity.powers):
            raise ValueError(f"{self.model}: derived quantities need parameters with logarithmic coordinates")

    def __len__(self) -> int:
        return len(self.parameters)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Identifiers of the parameters."""
        return tuple(p.name for p in self.parameters)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Columns of the parameters in results tables."""
        return tuple(p.column for p in self.parameters)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Symbols of the parameters in ASCII."""
        return tuple(p.symbol for p in self.parameters)

    @cached_property
    def log(self) -> NDArray[np.bool_]:
        """Mask of parameters whose coordinate is their logarithm, shape (n,)."""
        return _frozen([p.log for p in self.parameters])

    @cached_property
    def is_position(self) -> NDArray[np.bool_]:
        """Mask of parameters that are components of a position, shape (n,)."""
        return _frozen([p.axis is not None for p in self.parameters])

    @property
    def others(self) -> tuple[Parameter, ...]:
        """Parameters that are not components of a position."""
        return tuple(p for p in self.parameters if p.axis is None)

    @cached_property
    def typical(self) -> NDArray[np.float64]:
        """``Parameter.typical`` of each parameter, positions relative to the centre of mass, shape (n,)."""
        return _frozen([p.typical for p in self.parameters])

    @cached_property
    def paper_scale(self) -> NDArray[np.float64]:
        """``Parameter.paper_scale`` of each parameter, shape (n,)."""
        return _frozen([p.paper_scale for p in self.parameters])

    def steps(self, name: str) -> NDArray[np.float64]:
        """Return one field of ``Steps`` for all parameters, shape (n,), or (n, 2) for ``difference``."""
        return np.array([getattr(p.steps, name) for p in self.parameters], dtype=np.float64)

    def index(self, column: str) -> int:
        """Return the index of a parameter by its column; raise ValueError if the column is unknown."""
        return self.columns.index(column)

    def free(self, held_origin: bool) -> NDArray[np.bool_]:
        """Return the mask of estimated parameters, shape (n,): all, or all except the first origin."""
        free = np.ones(len(self), dtype=bool)
        free[:3] = not held_origin
        return free

    def relative_to(self, centre_mm: ArrayLike) -> NDArray[np.float64]:
        """Return a vector, shape (n,), with a world position (mm) for each position and zero elsewhere."""
        centre = np.asarray(centre_mm, dtype=np.float64)
        return np.array([0.0 if p.axis is None else centre[p.axis] for p in self.parameters])

    def to_coordinates(self, theta: ArrayLike) -> NDArray[np.float64]:
        """Convert parameters to coordinates, shape (..., n)."""
        values = np.asarray(theta, dtype=np.float64)
        return np.where(self.log, np.log(np.where(self.log, values, 1.0)), values)

    def derivative(self, theta: ArrayLike) -> NDArray[np.float64]:
        """Return the derivative of each parameter by its coordinate, shape (..., n): 1, or the parameter itself."""
        return np.where(self.log, np.asarray(theta, dtype=np.float64), 1.0)

    def moved(self, theta: ArrayLike, step: ArrayLike) -> NDArray[np.float64]:
        """Move parameters by a step in coordinates, both of shape (n,)."""
        values, step = np.asarray(theta, dtype=np.float64), np.asarray(step, dtype=np.float64)
        # A round trip through the logarithm would lose digits.
        return np.where(self.log, values * np.exp(np.where(self.log, step, 0.0)), values + step)

    def step_between(self, theta: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the step in coordinates from theta to other parameters, shapes (n,); inverse of ``moved``."""
        ratio = np.where(self.log, other / np.where(self.log, theta, 1.0), 1.0)
        return np.where(self.log, np.log(ratio), other - theta)

    def deviation(self, quantity: Derived, covariance: ArrayLike) -> float:
        """Standard deviation of the logarithm of a derived quantity.

        ``covariance`` is that of the coordinates, n x n numbers in any shape.
        """
        powers = np.zeros(len(self))
        for column, power in quantity.powers:
            powers[self.index(column)] = power
        matrix = np.asarray(covariance, dtype=np.float64).reshape(len(self), len(self))
        return float(np.sqrt(np.maximum(powers @ matrix @ powers, 0.0)))

    def bounds_about(self, centre_mm: ArrayLike, ranges: dict[str, tuple[float, float]] | None = None) -> Bounds:
        """Return the box of parameter ranges, with those of positions relative to a world position.

        ``ranges`` are by column; ``Parameter.bounds`` where missing.
        """
        limits = np.array([(ranges or {}).get(p.column, p.bounds) for p in self.parameters], dtype=np.float64)
        offset = self.relative_to(centre_mm)
        return Bounds(limits[:, 0] + offset, limits[:, 1] + offset)

    @property
    def relative_columns(self) -> tuple[str, ...]:
        """Columns for positions relative to the centre of a cube: ``dx_mm`` for ``origin_x_mm``."""
        return tuple(p.column if p.axis is None else f"d{p.name.removeprefix('origin_')}_mm" for p in self.parameters)

    def values(self, row: Mapping[Any, Any], prefix: str = "") -> NDArray[np.float64]:
        """Parameters of a row of a table, shape (n,); NaN for columns that it lacks."""
        return np.array([row.get(prefix + column, np.nan) for column in self.columns], dtype=np.float64)

    def row(self, values: ArrayLike | None, prefix: str = "", suffix: str = "") -> dict[str, float]:
        """Return values by column for a row of a table; NaN if ``values`` is None."""
        numbers = np.full(len(self), np.nan) if values is None else np.asarray(values, dtype=np.float64)
        return {f"{prefix}{c}{suffix}": float(v) for c, v in zip(self.columns, numbers, strict=True)}


def _frozen(values: Sequence[Any]) -> NDArray[Any]:
    array = np.array(values)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Bounds:
    """Box of parameter vectors, shapes (n,), positions in world mm."""

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, np.array(getattr(self, name), dtype=np.float64))
        if self.lower.ndim != 1 or self.lower.shape != self.upper.shape or not (self.lower < self.upper).all():
            raise ValueError("bounds: lower and upper differ in shape, or a lower value is not below its upper value")

    def to_unit(self, theta: ArrayLike) -> NDArray[np.float64]:
        """Map parameters, shape (..., n), to the unit box."""
        return (np.asarray(theta, dtype=np.float64) - self.lower) / (self.upper - self.lower)

    def from_unit(self, unit: ArrayLike) -> NDArray[np.float64]:
        """Map points of the unit box, shape (..., n), to parameters."""
        return self.lower + np.asarray(unit, dtype=np.float64) * (self.upper - self.lower)

    def clip(self, theta: ArrayLike) -> NDArray[np.float64]:
        """Clip parameters, shape (..., n), to the box."""
        return np.clip(np.asarray(theta, dtype=np.float64), self.lower, self.upper)
