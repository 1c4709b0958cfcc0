"""Errors a user can mend: they name what is wrong and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

__all__ = ["InputError", "RegistrationError", "SeedOutsideTissueError", "name_one_of"]


class InputError(ValueError):
    """Bad input from the user.

    Parameters
    ----------
    subject
        The file, config key or case that is wrong.
    problem
        What is wrong with it, in one clause.
    mend
        What the user should do instead, in one clause.
    """

    def __init__(self, subject: str | Path, problem: str, mend: str) -> None:
        self.subject, self.problem, self.mend = str(subject), problem, mend
        # One line, whatever a library's message or a file name has in it.
        super().__init__(" ".join(f"{subject}: {problem}; {mend}".splitlines()))

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        """Keep the three parts when the error crosses a process border."""
        return type(self), (self.subject, self.problem, self.mend)


def name_one_of(name: str, known: Iterable[str]) -> str:
    """The mend for a name that is not known: the one that was meant, as far as can be told, and all that there are."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.75)
    return f"{f'did you mean {near[0]!r}? ' if near else ''}name one of {', '.join(names)}"


class SeedOutsideTissueError(InputError):
    """No part of the initial tumour lies in white or grey matter."""


class RegistrationError(InputError):
    """A patient's brain cannot be brought onto the atlas (flipped, other space, too little overlap)."""
