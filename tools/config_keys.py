"""All keys of the configuration with their valid values, defaults and descriptions, for the tables of keys."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel
from pydantic_core import PydanticUndefined, to_jsonable_python

from gliofit.pipeline.config import Config, discriminator, is_mapping, models_in


def describe_keys(model: type[BaseModel] = Config, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield all keys of a model as (key, valid values, default, description), sections before their keys."""
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        children = list(dict.fromkeys(models_in(field.annotation)))
        yield key, _type_text(field), _default_text(field), field.description or ""
        for child in children:
            tag = discriminator(child)
            if is_mapping(field.annotation):
                yield from describe_keys(child, f"{key}.<{tag or 'name'}>.")
            else:
                yield from describe_keys(child, f"{key}.<{tag}>." if tag and len(children) > 1 else f"{key}.")


def _type_text(field: Any) -> str:
    """Describe type and limits of a key."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "multiple_of": "multiple of"}
    limits = (
        f"{sign} {getattr(limit, attribute)}"
        for limit in field.metadata
        for attribute, sign in signs.items()
        if getattr(limit, attribute, None) is not None
    )
    return ", ".join([_annotation_text(field.annotation), *limits])


def _annotation_text(annotation: Any) -> str:
    names = {type(None): "null", Any: "value", str: "text", int: "whole number", float: "number", bool: "true / false"}
    if annotation in names:
        return names[annotation]
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    if origin is typing.Annotated:
        return _annotation_text(arguments[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_annotation_text(argument) for argument in arguments))
    if origin in (list, tuple, set, frozenset):
        inner = dict.fromkeys(_annotation_text(argument) for argument in arguments if argument is not Ellipsis)
        count = f"{len(arguments)} of " if origin is tuple and Ellipsis not in arguments else "list of "
        return count + " / ".join(inner)
    if is_mapping(annotation):
        return f"{_annotation_text(arguments[1])} by name" if arguments else "values by name"
    if isinstance(annotation, type):
        return "section" if issubclass(annotation, BaseModel) else annotation.__name__.lower()
    return str(annotation)


def _default_text(field: Any) -> str:
    """Return the default of a key as YAML; empty for sections."""
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return ""
    if isinstance(value, Mapping) and any(isinstance(item, BaseModel) for item in value.values()):
        return ", ".join(f"`{name}`" for name in value)
    return f"`{json.dumps(to_jsonable_python(value))}`"
