"""Which inversion methods there are: every file in ``gliofit/invert/methods``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType

from gliofit.core.errors import InputError
from gliofit.invert import methods
from gliofit.invert.base import AbstractInverter

__all__ = ["find_inverter", "inverter_names"]


@cache
def inverter_names() -> tuple[str, ...]:
    """Names that ``inverter`` may have, sorted."""
    found = (module.name for module in pkgutil.iter_modules(methods.__path__) if not module.name.startswith("_"))
    return tuple(sorted(name.replace("_", "-") for name in found))


@cache
def find_inverter(name: str) -> type[AbstractInverter]:
    """The inverter class of a name.

    Raises
    ------
    InputError
        If there is no such file.
    """
    if name not in inverter_names():
        raise InputError(f"inverter '{name}'", "does not exist", f"name one of {', '.join(inverter_names())}")
    return _inverter_in(importlib.import_module(f"{methods.__name__}.{name.replace('-', '_')}"))


def _inverter_in(module: ModuleType) -> type[AbstractInverter]:
    """The one inverter class a method's file defines itself."""
    own = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, AbstractInverter) and item.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise TypeError(f"{module.__name__} must define exactly one AbstractInverter, not {len(own)}")
    return own[0]
