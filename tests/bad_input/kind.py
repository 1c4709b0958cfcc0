"""What a kind of bad input is: a name, and the line that refuses it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of bad input, a row of docs/bad-input.md.

    Parameters
    ----------
    name
        What is wrong, in a few words.
    message
        ``subject: problem; hint`` as it is said; ``...`` stands for what depends on the file.
    """

    name: str
    message: str

    def is_said_by(self, text: str) -> bool:
        """Whether a whole line, without ``gliofit: error: ``, is this kind's message."""
        parts = (re.escape(part) for part in self.message.split("..."))
        return re.fullmatch(".*".join(parts), text) is not None

    @property
    def slug(self) -> str:
        """The name as a case or a test can have it."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")
