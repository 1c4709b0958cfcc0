"""Tell the reader of docstrings that a section ``Returns`` holds a sentence, and that its type is in the signature."""

from __future__ import annotations

import re
import textwrap
from typing import Any

import griffe

_RETURNS = re.compile(r"(^Returns\n-+\n)(.*?)(?=^\S[^\n]*\n-{3,}\n|^Source: |\Z)", re.DOTALL | re.MULTILINE)


class TypedReturns(griffe.Extension):
    """Puts the annotation over the text, where numpydoc looks for a type."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Rewrite the section of one function."""
        if func.docstring is None or func.returns is None:
            return
        kind = str(func.returns)

        def typed(section: re.Match[str]) -> str:
            text = section[2].strip("\n")
            # A type of its own is followed by lines that are further in.
            if re.match(r"\S+\n +\S", text):
                return section.group()
            return f"{section[1]}{kind}\n{textwrap.indent(text, '    ')}\n\n"

        func.docstring.value = _RETURNS.sub(typed, func.docstring.value)
