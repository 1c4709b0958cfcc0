"""Base class and registry of growth models."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import AfterValidator

from gliofit.core.errors import InputError, name_one_of
from gliofit.growth.space import Bounds, Derived, Parameter, ParameterSpace, Quantity
from gliofit.growth.theta import Theta

if TYPE_CHECKING:
    import pandas as pd

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
    """Coefficients of the growth equation of one tumour over the whole duration T."""

    mu_d_mm: float  #: sqrt(D T) in white matter.
    mu_rho: float  #: sqrt(rho T).
    grey_share: float = 1 / DIFFUSIVITY_RATIO  #: Ratio of grey to white matter diffusivity.

    def over(self, fraction: float) -> Growth:
        """Return the coefficients of growth over a fraction of the duration."""
        root = math.sqrt(fraction)
        return replace(self, mu_d_mm=self.mu_d_mm * root, mu_rho=self.mu_rho * root)


@dataclass(frozen=True)
class Origin:
    """One origin of a tumour.

    Parameters
    ----------
    position_mm
        World position, shape (3,).
    start
        Time at which growth from it begins, as a fraction of the duration T.
    place
        Index of the first of the three parameters of the position.
    start_place
        Index of the parameter ``start``; None if it is zero by definition.
    """

    position_mm: NDArray[np.float64]
    start: float = 0.0
    place: int = 0
    start_place: int | None = None


class GrowthModel(ABC):
    """Growth model: a parameter space and its growth equation. One subclass in one file of ``gliofit/growth``."""

    space: ClassVar[ParameterSpace]
    #: Model that lacks one origin or another parameter, from whose fit a fit begins.
    simpler: ClassVar[str | None] = None
    #: What an image at one time leaves open, in a sentence for pages.
    undetermined: ClassVar[str] = ""

    @property
    def name(self) -> str:
        """Name in configurations, results and model cards, for example ``fisher-kolmogorov``."""
        return self.space.model

    @abstractmethod
    def growth(self, theta: Theta) -> Growth:
        """Return the coefficients of the growth equation."""

    def origins(self, theta: Theta) -> list[Origin]:
        """Return the origins; growth from the first one begins at time zero."""
        return [Origin(np.array(theta.origin_mm))]

    def in_order(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same parameters, shape (n,), with further origins in the order of their start."""
        return values

    @abstractmethod
    def of_front_width(self, origin_mm: ArrayLike, width_mm: float, bounds: Bounds) -> Theta:
        """Return theta of the fastest growth within bounds with a given front width mu_D / mu_rho."""

    def describe(self, theta: Theta, written: Mapping[str, str]) -> list[tuple[str, str]]:
        """Describe a tumour in headings and sentences, for someone who plans or measures and does not fit models.

        ``written`` are the derived quantities with their intervals as text, by name.
        """
        return []


def growth_model_names() -> list[str]:
    """List all growth models; each is a module of ``gliofit.growth``."""
    modules = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(name.replace("_", "-") for name in modules if name not in _NOT_MODELS)


@cache
def find_growth_model(name: str) -> GrowthModel:
    """Return a growth model by name; raise InputError if it is unknown."""
    if name not in (names := growth_model_names()):
        raise InputError(f"growth model '{name}'", "is unknown", name_one_of(name, names), "unknown-growth-model")
    module = import_module(f"gliofit.growth.{name.replace('-', '_')}")
    (kind,) = (
        value for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, GrowthModel) and value.__module__ == module.__name__
    )  # fmt: skip
    model: GrowthModel = kind()
    if model.name != name:
        raise ValueError(f"{module.__name__}: its parameter space is named '{model.name}', not '{name}'")
    return model


def growth_of(theta: Theta) -> Growth:
    """Return the coefficients of the growth equation for theta."""
    return find_growth_model(theta.space.model).growth(theta)


def origins_of(theta: Theta) -> list[Origin]:
    """Return the origins of theta in the order of their start."""
    return sorted(find_growth_model(theta.space.model).origins(theta), key=lambda origin: origin.start)


def space_of(row: Mapping[str, Any] | pd.Series) -> ParameterSpace:
    """Parameter space of a row of results; that of the paper's model where the row does not name one."""
    name = row.get(COLUMN)
    return find_growth_model(name if isinstance(name, str) and name else DEFAULT).space


def theta_in(row: Mapping[str, Any] | pd.Series, prefix: str = "") -> Theta | None:
    """Theta of a row of results; None where a parameter is missing or not finite."""
    space = space_of(row)
    values = space.values(row, prefix)
    return Theta.from_array(values, space) if np.isfinite(values).all() else None


@cache
def known_quantities() -> Mapping[str, Quantity]:
    """Parameters and derived quantities of all growth models, by name; the paper's model first."""
    names = sorted(growth_model_names(), key=lambda name: name != DEFAULT)
    spaces = [find_growth_model(name).space for name in names]
    return {q.name: q for kind in ("parameters", "derived") for space in spaces for q in getattr(space, kind)}


def parameters_in(columns: Iterable[str], pattern: str = "{column}") -> tuple[Parameter, ...]:
    """Parameters that a table has columns for, without positions; those of the paper's model where it has none.

    ``pattern`` gives the columns to look for, with ``{name}`` or ``{column}`` in place of a parameter's.
    """
    there = set(columns)
    known = [q for q in known_quantities().values() if isinstance(q, Parameter) and q.axis is None]
    present = tuple(q for q in known if pattern.format(name=q.name, column=q.column) in there)
    return present or find_growth_model(DEFAULT).space.others


def derived_in(columns: Iterable[str]) -> tuple[Derived, ...]:
    """Derived quantities of all growth models that a table has columns for."""
    there = set(columns)
    return tuple(q for q in known_quantities().values() if isinstance(q, Derived) and q.column in there)


def _known(name: str) -> str:
    if name not in growth_model_names():
        raise ValueError(f"no growth model `{name}`; there are {', '.join(growth_model_names())}")
    return name


#: Name of a growth model in settings.
GrowthModelName = Annotated[str, AfterValidator(_known)]
