"""Captions of tables and pictures for the report and Snakemake's report.

``make generate`` writes ``workflow/report/*.rst`` from them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from gliofit.report.texts import section

#: Captions by the name of the table or picture, as plain text.
CAPTIONS: Mapping[str, str] = MappingProxyType(section("captions"))

#: Captions by output of a rule, selected by a wildcard in the caption file.
_BY_WILDCARD = {
    "table": ("table1", "table2", "table3", "table3-segmentation"),
    "figure": ("figure3", "figure3-segmentation", "figure4", "figure4-segmentation", "figure7", "figure7-segmentation"),
}

_HEADER = ".. Made from src/gliofit/report/texts.yaml by `make generate`; change the captions there."


def caption_files() -> dict[str, str]:
    """Return name and text of every caption file of Snakemake's report (reStructuredText with Jinja templates)."""
    shared = {name for names in _BY_WILDCARD.values() for name in names}
    files = {f"{name}.rst": _wrap(text) for name, text in CAPTIONS.items() if name not in shared}
    for wildcard, names in _BY_WILDCARD.items():
        parts: list[str] = []
        for name in names:
            keyword = "elif" if parts else "if"
            parts.append(f'{{% {keyword} snakemake.wildcards.{wildcard} == "{name}" %}}\n{_wrap(CAPTIONS[name])}')
        files[f"{wildcard}.rst"] = "".join(parts) + "{% endif %}\n"
    return {name: f"{_HEADER}\n\n{text}" for name, text in files.items()}


def _wrap(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"
