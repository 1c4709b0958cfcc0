"""Settings that name what another section of the configuration defines: a method, a network, a synthetic case.

A field of type ``Annotated[str, Reference(kind, trait, ...)]``, alone or inside tuples and mappings, is a reference.
``check_references`` checks all references below a section against what the configuration defines.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from gliofit.core.errors import InputError, name_one_of
from gliofit.core.settings import Settings


class Kind(StrEnum):
    """What a reference names; the value is a word for messages."""

    METHOD = "method"
    NETWORK = "network"
    CASE = "synthetic case"


#: Where each kind is defined.
_DEFINED_BY = {Kind.METHOD: "invert.methods", Kind.NETWORK: "train.models", Kind.CASE: "simulate.test_cases"}


class Trait(StrEnum):
    """Something that a reference can require. Subclasses list the traits of a kind."""

    @property
    def phrase(self) -> str:
        """End of a sentence that begins with "It must be one that"."""
        return self.value


@dataclass(frozen=True)
class Reference:
    """Annotation of a text that names something of a kind, which must have the needed traits."""

    kind: Kind
    needs: tuple[Trait, ...] = ()


#: Name of any method, or of a synthetic case of the run.
MethodName = Annotated[str, Reference(Kind.METHOD)]
CaseName = Annotated[str, Reference(Kind.CASE)]


def references_in(settings: Settings, prefix: str = "") -> Iterator[tuple[str, str, Reference]]:
    """Key, name and annotation of every reference below a section; sections that are not in use have none."""
    if settings.in_use:
        for name, field in type(settings).model_fields.items():
            yield from _references(getattr(settings, name), field.annotation, field.metadata, f"{prefix}{name}")


def _references(value: Any, annotation: Any, metadata: Any, key: str) -> Iterator[tuple[str, str, Reference]]:
    reference = next((item for item in metadata if isinstance(item, Reference)), None)
    arguments = get_args(annotation)
    if isinstance(value, Settings):
        yield from references_in(value, f"{key}.")
    elif isinstance(value, str) and reference is not None:
        yield key, value, reference
    elif get_origin(annotation) is Annotated:
        yield from _references(value, arguments[0], annotation.__metadata__, key)
    elif get_origin(annotation) in (Union, types.UnionType):
        for argument in arguments:
            yield from _references(value, argument, (), key)
    elif isinstance(value, Mapping) and arguments:
        for name, item in value.items():
            yield from _references(name, arguments[0], (), key)
            yield from _references(item, arguments[1], (), f"{key}.{name}")
    elif isinstance(value, (list, tuple)) and arguments:
        for item in value:
            yield from _references(item, arguments[0], (), key)


def check_references(settings: Settings, defined: Mapping[Kind, Mapping[str, Set[Trait]]]) -> None:
    """Check all references below a section against the defined names of each kind, with their traits.

    InputError if a reference names something that is not defined (``unknown-reference``), or that lacks a trait
    (``unfit-reference``).
    """
    for key, name, reference in references_in(settings):
        kind, known = reference.kind, defined[reference.kind]
        able = [other for other, traits in known.items() if traits >= frozenset(reference.needs)]
        hint = name_one_of(name, able) if able else f"add one to {_DEFINED_BY[kind]}"
        if name not in known:
            problem = f"names the {kind} '{name}', which {_DEFINED_BY[kind]} does not define"
            raise InputError(f"config key '{key}'", problem, hint, "unknown-reference")
        lacking = [need.phrase for need in reference.needs if need not in known[name]]
        if lacking:
            problem = f"names the {kind} '{name}'; it must be one that {' and '.join(lacking)}"
            raise InputError(f"config key '{key}'", problem, hint, "unfit-reference")
