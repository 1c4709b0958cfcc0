"""Errors that a user can correct: each names what is wrong and has a hint about what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["GridError", "InputError", "InputWarning", "RegistrationError", "SeedOutsideTissueError", "name_one_of"]


class InputError(ValueError):
    """Bad input from the user.

    Parameters
    ----------
    subject
        The file, config key or case that is wrong.
    problem
        What is wrong with it, in one clause.
    hint
        What the user should do instead, in one clause.
    code
        Kind of mistake, in lower case with dashes, for programs and tests; it stays when the wording changes.
    """

    def __init__(self, subject: str | Path, problem: str, hint: str, code: str = "invalid-input") -> None:
        self.subject, self.problem, self.hint, self.code = str(subject), problem, hint, code
        # One line, whatever a library's message or a file name has in it.
        super().__init__(" ".join(f"{subject}: {problem}; {hint}".splitlines()))

    def __reduce__(self) -> tuple[type, tuple[str, str, str, str]]:
        """Keep all parts when the error crosses a process border."""
        return type(self), (self.subject, self.problem, self.hint, self.code)


@dataclass(frozen=True)
class InputWarning:
    """Input that can be used, with something in it that a person should know.

    Functions that read input take a ``warnings: list[InputWarning]`` and append to it. Commands print each warning once
    on stderr, ``--json`` carries them under ``warnings``, and ``gliofit check`` lists them as findings.

    Parameters
    ----------
    subject
        The file or config key that the warning is about.
    problem
        What is odd about it, in one clause.
    hint
        What the user can do about it, in one clause.
    code
        Kind of oddity, in lower case with dashes, for programs and tests.
    """

    subject: str
    problem: str
    hint: str
    code: str

    @property
    def note(self) -> str:
        """Subject and problem in one line, for the notes of a result; bytes of a name that are no text are escaped."""
        text = " ".join(f"{self.subject}: {self.problem}".split())
        return text.encode("utf-8", "backslashreplace").decode()

    def __str__(self) -> str:
        return " ".join(f"{self.subject}: {self.problem}; {self.hint}".splitlines())


def name_one_of(name: str, known: Iterable[str]) -> str:
    """Hint for an unknown name: the closest known name, if there is one, and the known names, 20 at most."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1, 0.75)
    listed = ", ".join(names[:20] + ["..."] * (len(names) > 20))
    return f"{f'did you mean {near[0]!r}? ' if near else ''}name one of {listed}"


class GridError(InputError):
    """A grid that cannot be used. Its subject is ``grid``; whoever knows the file names it with ``about``."""

    def about(self, subject: str | Path) -> InputError:
        """Return the same error about the file that the grid is of."""
        return InputError(subject, self.problem, self.hint, self.code)


class SeedOutsideTissueError(InputError):
    """No part of the initial tumour lies in white or grey matter."""


class RegistrationError(InputError):
    """A patient's brain cannot be brought onto the atlas (flipped, other space, too little overlap)."""
