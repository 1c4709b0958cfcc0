"""Parameter vector of a growth model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gliofit.core.grid import Grid
from gliofit.growth.parameters import PAPER_SPACE
from gliofit.growth.space import ParameterSpace

#: Growth time of forward simulations (paper). Arbitrary: only its products with rates matter.
DURATION_DAYS = 100.0


class Theta:
    """Parameters of one tumour, with the space that says what they mean. Immutable.

    Every parameter can be read by its column, for example ``theta.origin_x_mm``.

    Parameters
    ----------
    origin_mm
        First origin in world coordinates (RAS, mm), shape (3,).
    others
        Remaining parameters in the order of the space.

    Raises
    ------
    ValueError
        If the number of values is wrong, a value is not finite, or a parameter with ``log`` is negative.
    """

    __slots__ = ("_values", "space")

    _values: tuple[float, ...]
    space: ParameterSpace

    def __init__(self, origin_mm: ArrayLike, *others: float, space: ParameterSpace = PAPER_SPACE) -> None:
        values = tuple(float(v) for v in (*np.asarray(origin_mm, dtype=np.float64), *others))
        object.__setattr__(self, "space", space)
        object.__setattr__(self, "_values", values)
        if len(values) != len(space) or not np.isfinite(values).all() or (np.array(values)[space.log] < 0).any():
            raise ValueError(f"theta: {values} are not valid parameters of {space.model}")

    @classmethod
    def from_array(cls, values: ArrayLike, space: ParameterSpace = PAPER_SPACE) -> Theta:
        """Create theta from values in the order of the space, shape (n,), positions in world mm."""
        array = np.asarray(values, dtype=np.float64)
        return cls(array[:3], *array[3:], space=space)

    @classmethod
    def from_voxel(
        cls, origin_voxel: ArrayLike, *others: float, grid: Grid, space: ParameterSpace = PAPER_SPACE
    ) -> Theta:
        """Create theta with the first origin in fractional voxel indices of a grid; voxel centres are integers."""
        return cls(grid.voxel_to_world(np.asarray(origin_voxel, dtype=float)), *others, space=space)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{name}: theta is immutable")

    def __getattr__(self, name: str) -> float:
        if name.startswith("_") or name == "space":
            raise AttributeError(name)
        try:
            return self._values[self.space.index(name)]
        except ValueError:
            raise AttributeError(f"{self.space.model} has no parameter {name}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return Theta.from_array, (self._values, self.space)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Theta) and (self.space.model, self._values) == (other.space.model, other._values)

    def __hash__(self) -> int:
        return hash((self.space.model, self._values))

    def __repr__(self) -> str:
        parts = (f"{name}={value:g}" for name, value in zip(self.space.names, self._values, strict=True))
        return f"Theta({', '.join(parts)})"

    @property
    def origin_mm(self) -> tuple[float, float, float]:
        """First origin in world mm."""
        x, y, z = self._values[:3]
        return x, y, z

    def to_array(self) -> NDArray[np.float64]:
        """Return the values in the order of the space, shape (n,), positions in world mm."""
        return np.array(self._values)

    def with_origin(self, origin_mm: ArrayLike) -> Theta:
        """Return theta with another first origin (world mm)."""
        return Theta(origin_mm, *self._values[3:], space=self.space)

    def in_space(self, space: ParameterSpace) -> Theta:
        """The same tumour by the parameters of another space, which are typical where this one lacks them."""
        known = self.space.row(self._values)
        return Theta.from_array([known.get(p.column, p.typical) for p in space.parameters], space)

    def origin_voxel(self, grid: Grid) -> NDArray[np.float64]:
        """Return the first origin in fractional voxel indices of ``grid``, shape (3,)."""
        return grid.world_to_voxel(self.origin_mm)

    def at_fraction(self, fraction: float) -> Theta:
        """Return theta of the same tumour after a fraction of its growth time."""
        exponents = np.array([p.time_exponent for p in self.space.parameters])
        return Theta.from_array(self.to_array() * fraction**exponents, self.space)
