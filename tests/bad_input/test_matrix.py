"""The document lists what is tested, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .kind import Kind
from .matrix import MATRIX, table

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/bad-input.md"


@pytest.mark.parametrize("heading", MATRIX)
def test_the_document_has_the_table(heading: str) -> None:
    section = re.split(r"^#+ ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (own,) = (text for text in section if text.startswith(f"{heading}\n"))
    rows = "\n".join(line for line in own.splitlines() if line.startswith("|"))
    assert rows == table(MATRIX[heading]), f"docs/bad-input.md should have\n{table(MATRIX[heading])}"


def test_kinds_have_names_of_their_own_and_messages_with_a_mend() -> None:
    kinds = [kind for group in MATRIX.values() for kind in group]
    assert len({kind.slug for kind in kinds}) == len(kinds) >= 40
    assert not [kind.name for kind in kinds if not re.search(r"; |\.\.\.$", kind.message)]


def test_a_message_is_matched_as_a_whole() -> None:
    kind = Kind("x", "...: is [bad]; hint ...")
    assert kind.is_said_by("a file: is [bad]; hint it")
    assert not kind.is_said_by("a file: is bad; hint it")
    assert not kind.is_said_by("a file: is [bad]; leave it")
    assert not kind.is_said_by("a file: is [bad]; hint it\nTraceback")
