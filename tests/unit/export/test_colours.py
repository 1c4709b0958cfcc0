"""Tables of labels, read back as the programs they are for describe their formats."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gliofit.core.labels import TissueLabel, TumourLabel
from gliofit.export.colours import LABELS, LabelColour, write_colours


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("viewers")
    write_colours(folder)
    return folder


def content(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def facts(labels: tuple[LabelColour, ...]) -> list[tuple[int, str, tuple[int, ...]]]:
    return [(label.value, label.name, label.rgb) for label in labels]


@pytest.mark.parametrize("kind", LABELS)
def test_itksnap_reads_its_label_description(folder: Path, kind: str) -> None:
    """IDX R G B A VIS MSH "LABEL"; the first line that is no comment is label 0."""
    assert "ITK-SnAP Label Description File" in (folder / f"{kind}.txt").read_text()
    first, *lines = content(folder / f"{kind}.txt")
    pattern = re.compile(r'\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s+([\d.]+)\s+([01])\s+([01])\s+"([^"]*)"')
    assert pattern.fullmatch(first)[1] == "0"
    found = []
    for line in lines:
        match = pattern.fullmatch(line)
        assert match[5] == match[6] == match[7] == "1"
        found.append((int(match[1]), match[8], tuple(int(match[part]) for part in (2, 3, 4))))
    assert found == facts(LABELS[kind])


@pytest.mark.parametrize("kind", LABELS)
def test_fsleyes_reads_its_lookup_table(folder: Path, kind: str) -> None:
    """Index, red, green, blue from 0 to 1, and the rest of the line is the name."""
    found = []
    for line in content(folder / f"luts/{kind}.lut"):
        value, red, green, blue, name = line.split(" ", 4)
        found.append((int(value), name.lower(), tuple(round(255 * float(part)) for part in (red, green, blue))))
    assert found == [(value, name.lower(), rgb) for value, name, rgb in facts(LABELS[kind])]


def test_every_label_that_gliofit_writes_has_a_colour() -> None:
    assert [label.value for label in LABELS["tissue"]] == [label for label in TissueLabel if label]
    assert [label.value for label in LABELS["tumour"]] == [label for label in TumourLabel if label]
