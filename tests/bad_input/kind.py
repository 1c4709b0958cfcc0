"""What a kind of bad input is: a name, and the error that refuses it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from gliofit.core.errors import InputError


@dataclass(frozen=True)
class Kind:
    """One kind of bad input, a row of docs/bad-input.md.

    Parameters
    ----------
    name
        What is wrong, in a few words.
    code
        Code of the error.
    says
        The file, key, value or option that the error must name.
    make
        The bad input, or a function that makes it.
    """

    name: str
    code: str
    says: str
    make: Any

    def is_said_by(self, line: str) -> bool:
        """Whether one line, without ``gliofit: error: ``, names what is wrong, and a hint."""
        return self.says in line and "; " in line and len(line.splitlines()) == 1

    def is_told_by(self, error: InputError) -> bool:
        """Whether an error is the one of this kind."""
        return error.code == self.code and self.is_said_by(str(error))

    @property
    def slug(self) -> str:
        """The name as a case or a test can have it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


def each_kind(kinds: Sequence[Kind]) -> pytest.MarkDecorator:
    """Run a test with every kind as ``kind``."""
    return pytest.mark.parametrize("kind", kinds, ids=lambda kind: kind.slug)
