"""Captions of tables and pictures, for our report and for Snakemake's.

``make generate`` writes those of Snakemake's report (``workflow/report/*.rst``) from here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from gliofit.report.texts import section

__all__ = ["CAPTIONS", "caption_files"]

#: Captions by the name of the table or picture, as plain text.
CAPTIONS: Mapping[str, str] = MappingProxyType(section("captions"))

#: Files for several outputs of a rule: the wildcard that tells these apart, and the caption for each value.
_BY_WILDCARD = {
    "table": ("number", {"1": "table1", "2": "table2", "3": "table3"}),
    "figure3": ("suffix", {"": "figure3", "-segmentation": "figure3-segmentation"}),
    "figure4": ("suffix", {"": "figure4", "-segmentation": "figure4-segmentation"}),
    "figure7": ("suffix", {"": "figure7", "-segmentation": "figure7-segmentation"}),
}

_MADE = ".. Made from src/gliofit/report/texts.yaml by `make generate`; change the captions there."


def caption_files() -> dict[str, str]:
    """Name and text of every caption file of Snakemake's report, reStructuredText behind Jinja templates."""
    shared = {name for _, values in _BY_WILDCARD.values() for name in values.values()}
    files = {f"{name}.rst": _wrapped(text) for name, text in CAPTIONS.items() if name not in shared}
    for file, (wildcard, values) in _BY_WILDCARD.items():
        parts: list[str] = []
        for value, name in values.items():
            keyword = "elif" if parts else "if"
            parts.append(f'{{% {keyword} snakemake.wildcards.{wildcard} == "{value}" %}}\n{_wrapped(CAPTIONS[name])}')
        files[f"{file}.rst"] = "".join(parts) + "{% endif %}\n"
    return {name: f"{_MADE}\n\n{text}" for name, text in files.items()}


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"
