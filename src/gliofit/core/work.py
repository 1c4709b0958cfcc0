"""How much there is to compute, stated by the settings of a method, a solver or a training.

Limits of cluster jobs and the forecasts of ``gliofit estimate`` both follow from it and from one table of rates
(``gliofit.pipeline.estimate.costs``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """Operations by name, in the units of ``costs.yaml``, and memory."""

    #: Operations at most; limits follow from them.
    most: Mapping[str, float] = field(default_factory=dict)
    #: Operations of a usual case, which a search that converges early needs; forecasts follow from them.
    usual: Mapping[str, float] = field(default_factory=dict)
    #: Memory for arrays, beside what the libraries take.
    megabytes: float = 0.0
    #: Units of what is left on disk.
    size: float = 0.0
    #: Time after which the job stops by itself.
    budget_seconds: float | None = None
    #: Time limit where the operations do not give one.
    limit_seconds: float | None = None
    #: Cores that share the operations.
    cores: int = 1

    @classmethod
    def of(
        cls, operation: str, most: float = 1.0, usual: float | None = None, megabytes: float = 0.0, size: float = 0.0
    ) -> Work:
        """Work of one kind of operation; as many as at most, where a usual number is not given."""
        return cls({operation: most}, {operation: most if usual is None else usual}, megabytes, size)

    def __add__(self, other: Work) -> Work:
        """Both, one after the other."""
        return Work(
            _sum(self.most, other.most), _sum(self.usual, other.usual), max(self.megabytes, other.megabytes),
            self.size + other.size, self.budget_seconds or other.budget_seconds,
            self.limit_seconds or other.limit_seconds, max(self.cores, other.cores),
        )  # fmt: skip

    def times(self, most: float, usual: float | None = None) -> Work:
        """The same so many times, one after the other."""
        usual = most if usual is None else usual
        at_most = {name: most * amount for name, amount in self.most.items()}
        usually = {name: usual * amount for name, amount in self.usual.items()}
        return Work(at_most, usually, self.megabytes, self.size * most)

    @staticmethod
    def total(works: Iterable[Work]) -> Work:
        """All of them, one after the other."""
        return sum(works, Work())


def _sum(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in {**one, **other}}


def megabytes_of_cube(voxels: int) -> float:
    """Memory of a network with derivatives on a cube with so many voxels along each edge."""
    return 4000 * voxels**3 / 1e6


def cubes(voxels: int) -> float:
    """Size of a cube with so many voxels along each edge, in cubes of 64."""
    return float((voxels / 64) ** 3)
