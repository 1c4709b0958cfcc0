from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gliofit.figures.slices import grey_values

#: Draws text, mathematics and an image; the argument is the output folder.
_SCRIPT = r"""
import sys
from gliofit.figures.style import ONE_COLUMN, figure_style, letter_panel, save_figure
with figure_style():
    from matplotlib.figure import Figure
    axes = (figure := Figure(figsize=(ONE_COLUMN, 2), layout="constrained")).subplots()
    axes.imshow([[0.0, 1.0], [0.5, 0.2]], alpha=[[0.2, 0.4], [1, 1]])
    axes.set(xlabel=r"$\mu_D$ (mm), μ ± 10⁻³", ylabel="y (cm³)")
    letter_panel(axes, "a", "Panel")
    save_figure(figure, sys.argv[1], "figure", 100)
"""


def test_files_are_reproducible(tmp_path: Path) -> None:
    for seed, date in (("1", "0"), ("2", "1000000000")):
        environment = os.environ | {"PYTHONHASHSEED": seed, "SOURCE_DATE_EPOCH": date}
        (tmp_path / seed).mkdir()
        subprocess.run([sys.executable, "-c", _SCRIPT, str(tmp_path / seed)], env=environment, check=True)
    for kind in ("png", "pdf"):
        one, two = ((tmp_path / seed / f"figure.{kind}").read_bytes() for seed in "12")
        assert one == two, kind
    pdf = (tmp_path / "1/figure.pdf").read_bytes()
    # TrueType (type 42) fonts, without time and program.
    assert pdf.startswith(b"%PDF-")
    assert b"/FontFile2" in pdf
    assert b"/CIDFontType2" in pdf
    assert b"/Type3" not in pdf
    assert not re.search(rb"/(CreationDate|Producer|Creator)\b", pdf)


def test_grey_values_ignore_the_background() -> None:
    image = np.zeros((4, 5))
    image[1:3] = np.arange(10).reshape(2, 5) + 100
    grey = grey_values(image)
    assert (grey[0] == 0).all()
    assert grey[1:3].min() == pytest.approx(0.1, abs=1e-6)
    assert grey.max() == pytest.approx(1)
    assert grey_values(np.full((2, 2), 7.0)).tolist() == [[pytest.approx(0.55)] * 2] * 2
    assert not grey_values(np.zeros((2, 2))).any()
