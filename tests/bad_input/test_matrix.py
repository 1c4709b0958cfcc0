"""The document lists what is tested, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .matrix import MATRIX, table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/bad-input.md"


@pytest.mark.parametrize("heading", MATRIX)
def test_the_document_has_the_table(heading: str) -> None:
    sections = re.split(r"^#+ ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = (text for text in sections if text.startswith(f"{heading}\n"))
    assert table(MATRIX[heading]) in section, f"docs/bad-input.md should have\n{table(MATRIX[heading])}"
