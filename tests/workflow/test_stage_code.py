"""Digests of the code behind each stage: what changes them, and what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tools.generate import CODE_FILE, unchecked_versions
from tools.stage_code import stage_digests

REPOSITORY = Path(__file__).resolve().parents[2]


def test_changed_code_has_been_checked_for_changed_results() -> None:
    assert unchecked_versions(REPOSITORY) == []
    assert len(json.loads((REPOSITORY / CODE_FILE).read_text())) == 11


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package to change."""
    return Path(shutil.copytree(REPOSITORY / "src/gliofit", tmp_path / "src/gliofit"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "stages", "others"),
    [
        ("simulate/settings.py", "le=0.3", "le=0.4", {"simulate"}, {"invert", "evaluate", "train"}),
        ("invert/odil/loss.py", "return ", "return 2 * ", {"invert"}, {"simulate", "atlas", "study"}),
        ("core/seeds.py", "[:4]", "[4:8]", {"register", "simulate", "study"}, {"atlas"}),
        ("cli/entry.py", "return ", "return 2 * ", set(), {"atlas", "publish"}),
    ],
)
def test_code_changes_the_stages_that_import_it(
    package: Path, file: str, old: str, new: str, stages: set[str], others: set[str]
) -> None:
    before = stage_digests(package)
    edit(package / file, old, new)
    after = stage_digests(package)
    changed = {stage for stage in after if after[stage] != before[stage]}
    assert stages <= changed
    assert not others & changed
