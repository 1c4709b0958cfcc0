"""Digests of the code behind each stage: what changes them, and what does not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gliofit.generate import CODE_FILE, forgotten_versions
from gliofit.stage_code import changed_parts
from gliofit.workflow import STAGE_VERSIONS

REPOSITORY = Path(__file__).resolve().parents[2]


def test_no_stage_changed_without_a_thought_for_its_version() -> None:
    forgotten = forgotten_versions(REPOSITORY)
    assert not forgotten, "\n".join(forgotten)


@pytest.fixture
def recorded() -> dict[str, dict]:
    return json.loads((REPOSITORY / CODE_FILE).read_text())


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package to change."""
    return Path(shutil.copytree(REPOSITORY / "src/gliofit", tmp_path / "src/gliofit"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_words_and_layout_make_no_difference(package: Path, recorded: dict[str, dict]) -> None:
    edit(package / "forward/run.py", '"""', '"""Said otherwise. ')
    edit(package / "invert/odil/loss.py", "import annotations\n", "import annotations\n# Why.\n\n")
    edit(package / "solver/rkl2.py", "(", "(  # broken over\n    ")
    edit(package / "simulate/settings.py", 'description="Range of rho."', 'description="Said otherwise."')
    assert changed_parts(recorded, package) == changed_parts(recorded)


def test_code_makes_a_difference_to_the_stages_that_it_is_behind(package: Path, recorded: dict[str, dict]) -> None:
    before = changed_parts(recorded)
    edit(package / "simulate/settings.py", "le=0.3", "le=0.4")
    edit(package / "invert/odil/loss.py", "return ", "return 2 * ")
    edit(package / "seeds.py", "[:4]", "[4:8]")
    # Of no stage's results.
    edit(package / "cli/entry.py", "return ", "return 2 * ")
    changed = changed_parts(recorded, package)
    assert changed.keys() - before.keys() == {"simulate", "invert", "seeds"} - before.keys()
    assert (changed["simulate"], changed["invert"]) == (["simulate"], ["invert"])
    # The atlas is prepared without any randomness.
    assert set(changed["seeds"]) >= {"register", "simulate", "invert", "study"}
    assert "atlas" not in changed["seeds"]


def test_a_raised_version_is_enough(package: Path, recorded: dict[str, dict], monkeypatch: pytest.MonkeyPatch) -> None:
    root = package.parents[1]
    (root / "workflow").mkdir()
    (root / CODE_FILE).write_text(json.dumps(recorded))
    edit(package / "atlas/sources.py", "return ", "return 2 * ")
    (line,) = [line for line in forgotten_versions(root) if "/atlas " in line]
    assert line.startswith("src/gliofit/atlas changed: raise STAGE_VERSIONS of atlas")
    assert "make generate" in line
    monkeypatch.setitem(STAGE_VERSIONS, "atlas", STAGE_VERSIONS["atlas"] + 1)
    assert not [line for line in forgotten_versions(root) if "/atlas " in line]
