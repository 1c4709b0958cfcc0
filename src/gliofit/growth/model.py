"""Base class and registry of growth models."""

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

#: Column of results tables with the growth model of a row's parameters.
COLUMN = "growth_model"

#: Ratio of white to grey matter diffusivity (paper, section 2.1).
DIFFUSIVITY_RATIO = 10.0

#: Modules of this package that are not growth models.
_NOT_MODELS = ("__init__", "model", "parameters", "space", "theta")


@dataclass(frozen=True)
class Growth:
    """Coefficients of the growth equation of one tumour over the whole duration T.

    Parameters
    ----------
    mu_d_mm
        sqrt(D T) in white matter.
    mu_rho
        sqrt(rho T).
    grey_share
        Ratio of grey to white matter diffusivity.
    """

    mu_d_mm: float
    mu_rho: float
    grey_share: float = 1 / DIFFUSIVITY_RATIO


class GrowthModel(ABC):
    """Growth model: a parameter space and its growth equation. One subclass in one file of ``gliofit/growth``."""

    space: ClassVar[ParameterSpace]

    @property
    def name(self) -> str:
        """Name in configurations, results and model cards, for example ``fisher-kolmogorov``."""
        return self.space.model

    @abstractmethod
    def growth(self, theta: Theta) -> Growth:
        """Return the coefficients of the growth equation."""

    @abstractmethod
    def of_front_width(self, origin_mm: ArrayLike, width_mm: float, bounds: Bounds) -> Theta:
        """Return theta of the fastest growth within bounds with a given front width.

        Parameters
        ----------
        origin_mm
            First origin, shape (3,), world mm.
        width_mm
            Width mu_D / mu_rho of the front.
        bounds
            Box of the parameters.
        """


def growth_model_names() -> list[str]:
    """List all growth models; each is a module of ``gliofit.growth``."""
    modules = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name.replace("_", "-") for name in modules if name not in _NOT_MODELS)


@cache
def find_growth_model(name: str) -> GrowthModel:
    """Return a growth model by name.

    Raises
    ------
    InputError
        If the name is unknown.
    """
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
    """Return the coefficients of the growth equation for theta."""
    return find_growth_model(theta.space.model).growth(theta)


def space_of(row: Mapping[str, Any] | pd.Series) -> ParameterSpace:
    """Return the parameter space of a results row; that of ``DEFAULT`` if the row names no model."""
    return find_growth_model(str(row.get(COLUMN) or DEFAULT)).space
