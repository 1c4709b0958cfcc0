"""Errors and warnings about a user's input: each names the problem and a hint for correcting it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


class InputError(ValueError):
    """Bad input from the user.

    Parameters
    ----------
    subject
        The file, config key or case that is wrong.
    problem
        What is wrong with it, in one clause.
    hint
        What to do about it, in one clause.
    code
        Kind of error, in lower case with dashes, for programs and tests. It does not change with the wording.
    """

    def __init__(self, subject: str | Path, problem: str, hint: str, code: str = "invalid-input") -> None:
        self.subject, self.problem, self.hint, self.code = str(subject), problem, hint, code
        # A library's message or a file name may hold line breaks.
        super().__init__(" ".join(f"{subject}: {problem}; {hint}".splitlines()))

    def about(self, subject: str | Path) -> InputError:
        """Return the same error with another subject."""
        return InputError(subject, self.problem, self.hint, self.code)

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        """Keep all parts when the error is pickled."""
        return type(self), (self.subject, self.problem, self.hint, self.code)


@dataclass(frozen=True)
class InputWarning:
    """Warning about input that can be used; the fields are those of ``InputError``.

    Functions that read input take a ``warnings: list[InputWarning]`` and append to it. Commands print each warning once
    on stderr, ``--json`` lists them under ``warnings``, and ``gliofit check`` lists them as findings.
    """

    subject: str
    problem: str
    hint: str
    code: str

    @property
    def note(self) -> str:
        """Subject and problem in one line, for the notes of a result; bytes that are not UTF-8 are escaped."""
        text = " ".join(f"{self.subject}: {self.problem}".split())
        return text.encode("utf-8", "backslashreplace").decode()

    def __str__(self) -> str:
        return " ".join(f"{self.subject}: {self.problem}; {self.hint}".splitlines())


def name_one_of(name: str, known: Iterable[str]) -> str:
    """Return the hint for an unknown name: the closest known name, if any, and the known names, 20 at most."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.75)
    listed = ", ".join(names[:20] + ["..."] * (len(names) > 20))
    return f"{f'did you mean {near[0]!r}? ' if near else ''}name one of {listed}"


class GridError(InputError):
    """An unusable grid. Its subject is ``grid``; a caller that knows the file replaces it with ``about``."""


class SeedOutsideTissueError(InputError):
    """No part of the initial tumour lies in white or grey matter."""


class RegistrationError(InputError):
    """A patient's brain cannot be registered to the atlas (flipped, other space, too little overlap)."""
