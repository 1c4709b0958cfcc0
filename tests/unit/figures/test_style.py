"""One style for all figures: what may set fonts and colours, and what files hold."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb

import gliofit
from gliofit.assess.names import surrogate_colours
from gliofit.figures import colours
from gliofit.figures.slices import add_scale_bar, grey_values
from gliofit.figures.style import ONE_COLUMN, TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.report.names import METHOD_NAMES, method_styles
from gliofit.report.texts import section
from legible import complaints

PACKAGE = Path(gliofit.__file__).parent
#: Where sizes and colours are set.
STYLE = PACKAGE / "figures"


def modules() -> list[Path]:
    """Modules that draw, but for the style itself."""
    found = [path for path in sorted(PACKAGE.rglob("*.py")) if STYLE not in path.parents]
    return [path for path in found if re.search(r"matplotlib|gliofit\.figures\.s", path.read_text())]


def literals(path: Path) -> Iterator[tuple[str | None, object]]:
    """Keyword (if it is one's) and value of every constant of a module."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and isinstance(node.value, ast.Constant):
            yield node.arg, node.value.value
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant):
                    yield str(key.value), value.value
        elif isinstance(node, ast.Constant):
            yield None, node.value


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_figure_sets_fonts_or_colours_by_itself(path: Path) -> None:
    for keyword, value in literals(path):
        assert keyword not in ("fontsize", "size", "labelsize", "title_fontsize", "family", "fontfamily"), value
        if isinstance(value, str):
            assert not re.fullmatch(r"#[0-9A-Fa-f]{6,8}|C\d|tab:\w+|viridis|inferno|magma|RdBu(_r)?", value), value
    text = path.read_text()
    assert ".savefig(" not in text
    if re.search(r"\bFigure\(|\bSheet\(", text):
        assert "figure_style()" in text


def test_methods_and_surrogates_have_colours_of_the_palette() -> None:
    palette = {value for name, value in vars(colours).items() if name.isupper() and isinstance(value, str)}
    styles = method_styles(METHOD_NAMES)
    assert {style.colour for style in styles.values()} <= palette
    assert set(surrogate_colours(section("surrogates")).values()) <= palette
    # Told apart by colour or line.
    assert len({(style.colour, style.line) for style in styles.values()}) == len(METHOD_NAMES)


def test_concentrations_get_lighter_the_more_cells_there_are() -> None:
    shades = colours.cells_map()(np.linspace(0, 1, 50))[:, :3]
    assert (np.diff(shades @ [0.2126, 0.7152, 0.0722]) > 0).all()
    assert colours.cells_opacity(np.array([0.0, 0.1, 0.2, 1.0])).tolist() == pytest.approx([0, 0.425, 0.85, 0.85])
    assert to_rgb(colours.CORE) == (1, 1, 1)


#: Draws letters, mathematics and an image into the folder that it is given.
_SCRIPT = """
import sys
from gliofit.figures.style import ONE_COLUMN, figure_style, letter_panel, save_figure
with figure_style():
    from matplotlib.figure import Figure
    axes = (figure := Figure(figsize=(ONE_COLUMN, 2), layout="constrained")).subplots()
    axes.imshow([[0.0, 1.0], [0.5, 0.2]], alpha=[[0.2, 0.4], [1, 1]])
    axes.set(xlabel=r"$\\\\mu_D$ (mm), μ ± 10⁻³", ylabel="y (cm³)")
    letter_panel(axes, "a", "Panel")
    save_figure(figure, sys.argv[1], "figure", 100)
"""


def test_the_same_figure_gives_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    for seed, date in (("1", "0"), ("2", "1000000000")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": date}
        (tmp_path / seed).mkdir()
        script = _SCRIPT.replace("\\\\", "\\")
        subprocess.run([sys.executable, "-c", script, str(tmp_path / seed)], env=environment, check=True)
    for kind in ("png", "pdf"):
        one, two = ((tmp_path / seed / f"figure.{kind}").read_bytes() for seed in "12")
        assert one == two, kind
    pdf = (tmp_path / "1/figure.pdf").read_bytes()
    # TrueType (type 42) fonts inside, nothing of when and by what.
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf
    assert b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf
    assert not re.search(rb"/(CreationDate|Producer|Creator)\b", pdf)


def test_columns_are_those_of_journals() -> None:
    assert ONE_COLUMN * 25.4 == pytest.approx(89, abs=0.5)
    assert TWO_COLUMNS * 25.4 == pytest.approx(183, abs=0.5)


def test_illegible_figures_are_told(drawn, tmp_path: Path) -> None:
    from matplotlib.figure import Figure

    with figure_style():
        figure = Figure(figsize=(4.0, 2))
        axes = figure.subplots()
        axes.text(0.5, 0.5, "one over", fontsize=5)
        axes.text(0.5, 0.5, "the other")
        axes.text(0.98, 0.1, "far too far to the right")
        found = " ".join(complaints(figure))
        for words in ("4.00 inches", "'one over' has 5.0 points", "lie over each other", "cut off", "without a name"):
            assert words in found
        figure = Figure(figsize=(ONE_COLUMN, 2), layout="constrained")
        axes = figure.subplots()
        axes.set(xlabel="x (mm)", ylabel="y (mm)")
        letter_panel(axes, "b")
        save_figure(figure, tmp_path, "fine", 60)
    assert "x (mm)" in drawn.words(0)


@pytest.mark.parametrize("limits", [(0, 100), (100, 0)])
def test_scale_bars_are_as_long_as_they_say(limits: tuple[float, float]) -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.set_xlim(limits)
    add_scale_bar(axes, 20)
    (bar,) = axes.lines
    start, end = bar.get_xdata()
    assert abs(end - start) == pytest.approx(20)
    assert axes.get_xlim() == limits
    # In the lower left corner, whichever way the axis runs.
    assert abs(start - limits[0]) == pytest.approx(4)
    assert [text.get_text() for text in axes.texts] == ["2 cm"]


def test_grey_values_leave_out_the_background() -> None:
    image = np.zeros((4, 5))
    image[1:3] = np.arange(10).reshape(2, 5) + 100
    grey = grey_values(image)
    assert (grey[0] == 0).all()
    assert grey[1:3].min() == pytest.approx(0.1, abs=1e-6)
    assert grey.max() == pytest.approx(1)
    assert grey_values(np.full((2, 2), 7.0)).tolist() == [[pytest.approx(0.55)] * 2] * 2
    assert not grey_values(np.zeros((2, 2))).any()
