"""What a growth model is, and the models there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from numpy.typing import ArrayLike

from gliofit.core.errors import InputError, name_one_of
from gliofit.growth.space import Bounds, ParameterSpace
from gliofit.growth.theta import Theta

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMN",
    "DEFAULT",
    "DIFFUSIVITY_RATIO",
    "Growth",
    "GrowthModel",
    "find_growth_model",
    "growth_model_names",
    "growth_of",
    "space_of",
]

#: Name of the paper's growth model.
DEFAULT = "fisher-kolmogorov"

#: Column of tables of results that names the growth model of a row's parameters.
COLUMN = "growth_model"

#: D in white over D in grey matter (paper, section 2.1).
DIFFUSIVITY_RATIO = 10.0

#: Modules of this package that are not growth models.
_NOT_MODELS = ("__init__", "model", "parameters", "space", "theta")


@dataclass(frozen=True)
class Growth:
    """Dimensionless growth of one tumour over the whole duration.

    Parameters
    ----------
    mu_d_mm
        Square root of D in white matter times duration.
    mu_rho
        Square root of proliferation rate times duration.
    grey_share
        D in grey over D in white matter.
    """

    mu_d_mm: float
    mu_rho: float
    grey_share: float = 1 / DIFFUSIVITY_RATIO


class GrowthModel(ABC):
    """A parameter space and the forward problem that its parameters stand for.

    A growth model is one subclass in one file of ``gliofit/growth``.
    """

    #: The parameters.
    space: ClassVar[ParameterSpace]

    @property
    def name(self) -> str:
        """Name in configurations, results and model cards."""
        return self.space.model

    @abstractmethod
    def growth(self, theta: Theta) -> Growth:
        """Coefficients of the growth equation."""

    @abstractmethod
    def of_front_width(self, origin_mm: ArrayLike, width_mm: float, bounds: Bounds) -> Theta:
        """Theta of the fastest growth within bounds whose front has a width mu_D / mu_rho."""


def growth_model_names() -> list[str]:
    """Names of all growth models: one per module of ``gliofit.growth`` that defines one."""
    modules = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name.replace("_", "-") for name in modules if name not in _NOT_MODELS)


@cache
def find_growth_model(name: str) -> GrowthModel:
    """The growth model of a name; raises InputError if there is none."""
    if name not in growth_model_names():
        raise InputError(
            f"growth model '{name}'", "is unknown", name_one_of(name, growth_model_names()), "unknown-growth-model"
        )
    module = import_module(f"gliofit.growth.{name.replace('-', '_')}")
    (kind,) = (
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, GrowthModel) and value.__module__ == module.__name__
    )  # fmt: skip
    model = kind()
    assert isinstance(model, GrowthModel)
    if model.name != name:
        raise ValueError(f"{module.__name__}: its parameter space is named '{model.name}', not '{name}'")
    return model


def growth_of(theta: Theta) -> Growth:
    """Coefficients of the growth equation of theta's model."""
    return find_growth_model(theta.space.model).growth(theta)


def space_of(row: Mapping[str, Any] | pd.Series) -> ParameterSpace:
    """Parameter space of a row of results; that of the paper's model where the row does not name one."""
    return find_growth_model(str(row.get(COLUMN) or DEFAULT)).space
