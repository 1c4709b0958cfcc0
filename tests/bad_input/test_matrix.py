"""The tables of docs/bad-input.md list what is tested, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .dicom import DICOM_KINDS
from .images import IMAGE_KINDS
from .test_cases import CASE_KINDS, LIST_KINDS
from .test_commands import COMMAND_KINDS
from .test_configs import CONFIG_KINDS
from .test_weights import WEIGHTS_KINDS

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/bad-input.md"

#: Heading in the document -> kinds.
MATRIX = {
    "Images": IMAGE_KINDS,
    "DICOM series": DICOM_KINDS,
    "Lists of patients": [*CASE_KINDS, *LIST_KINDS],
    "Configuration": CONFIG_KINDS,
    "Networks": WEIGHTS_KINDS,
    "Command line": COMMAND_KINDS,
}


@pytest.mark.parametrize("heading", MATRIX)
def test_the_document_has_the_table(heading: str) -> None:
    rows = [f"| {kind.name} | `{kind.code}` |" for kind in MATRIX[heading]]
    table = "\n".join(["| what is wrong | code |", "| --- | --- |", *rows])
    sections = re.split(r"^#+ ", DOCUMENT.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = (text for text in sections if text.startswith(f"{heading}\n"))
    assert f"{table}\n" in f"{section}\n", f"docs/bad-input.md should have\n{table}"
