"""Registry of inversion methods, the files of ``gliofit/invert/methods``."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any

from gliofit.core.errors import InputError
from gliofit.invert import methods
from gliofit.invert.base import AbstractInverter

__all__ = ["find_inverter", "inverter_names"]


@cache
def inverter_names() -> tuple[str, ...]:
    """List the valid names of ``inverter``, sorted."""
    modules = (module.name for module in pkgutil.iter_modules(methods.__path__) if not module.name.startswith("_"))
    return tuple(sorted(name.replace("_", "-") for name in modules))


@cache
def find_inverter(name: str) -> type[AbstractInverter[Any]]:
    """Return an inverter class by name; raise InputError if it is unknown."""
    if name not in inverter_names():
        raise InputError(f"inverter '{name}'", "does not exist", f"name one of {', '.join(inverter_names())}")
    module = importlib.import_module(f"{methods.__name__}.{name.replace('-', '_')}")
    inverters = [
        item
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, AbstractInverter) and item.__module__ == module.__name__
    ]
    if len(inverters) != 1:
        raise TypeError(f"{module.__name__}: defines {len(inverters)} subclasses of AbstractInverter; define one")
    return inverters[0]
