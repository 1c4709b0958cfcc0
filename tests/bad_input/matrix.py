"""Every kind of bad input that is tested, and the tables of docs/bad-input.md that list them."""

from __future__ import annotations

from collections.abc import Sequence

from .cases import CASE_KINDS
from .commands import COMMAND_KINDS
from .configs import CONFIG_KINDS
from .dicom import DICOM_KINDS
from .images import IMAGE_KINDS
from .kind import Kind
from .weights import WEIGHTS_KINDS

#: Heading in the document -> kinds.
MATRIX: dict[str, Sequence[Kind]] = {
    "Images": IMAGE_KINDS,
    "DICOM series": DICOM_KINDS,
    "Lists of patients": CASE_KINDS,
    "Configuration": CONFIG_KINDS,
    "Networks": WEIGHTS_KINDS,
    "Command line": COMMAND_KINDS,
}


def table(kinds: Sequence[Kind]) -> str:
    """A table as the document has it."""
    rows = [f"| {kind.name} | `{kind.code}` |" for kind in kinds]
    return "\n".join(["| what is wrong | code |", "| --- | --- |", *rows])
