"""Glossary of tables and figures, and references to cite."""

from __future__ import annotations

from gliofit.growth.model import DEFAULT, find_growth_model
from gliofit.report.texts import section

_SPACE = find_growth_model(DEFAULT).space
_FIRST, *_OTHERS = section("glossary").items()
_QUANTITIES = [
    (f"{q.heading} ({q.unit})" if q.unit else q.heading, f"{q.meaning}.") for q in (*_SPACE.others, *_SPACE.derived)
]

#: Terms with their meanings; parameters of the growth model follow the concentration.
GLOSSARY: tuple[tuple[str, str], ...] = (_FIRST, *_QUANTITIES, *_OTHERS)

#: This software and the methods it compares.
CITATIONS: tuple[str, ...] = tuple(section("citations"))
