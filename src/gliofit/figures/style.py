"""Sizes and fonts of figures, and reproducible PNG and PDF files.

Figures have their printed size, one or two columns of a journal wide, so that sizes of text are those on paper.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliofit.core.errors import InputWarning
from gliofit.core.io import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Inches: width of one and of two columns (89 and 183 mm), and the largest height above a caption.
ONE_COLUMN, TWO_COLUMNS, PAGE_HEIGHT = 3.5, 7.2, 9.0

#: Points: text, small text, and headings of pages without caption.
TEXT, SMALL, HEADING = 7.0, 6.5, 8.5

_STYLE: Any = {
    "font.family": "DejaVu Sans", "font.size": TEXT,
    "axes.titlesize": TEXT, "axes.labelsize": TEXT, "figure.titlesize": HEADING,
    "xtick.labelsize": SMALL, "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL, "legend.title_fontsize": SMALL, "legend.frameon": False,
    "axes.titlepad": 4, "axes.labelpad": 2.5, "axes.linewidth": 0.6, "axes.axisbelow": True,
    "axes.spines.top": False, "axes.spines.right": False,
    "grid.color": "0.9", "grid.linewidth": 0.5, "lines.linewidth": 1.2,
    "xtick.major.width": 0.6, "xtick.major.size": 2.5, "xtick.minor.size": 1.5, "xtick.major.pad": 2,
    "ytick.major.width": 0.6, "ytick.major.size": 2.5, "ytick.minor.size": 1.5, "ytick.major.pad": 2,
    # TrueType: journals refuse Type 3, matplotlib's default.
    "pdf.fonttype": 42,
    "figure.constrained_layout.w_pad": 0.02, "figure.constrained_layout.h_pad": 0.02,
}  # fmt: skip

#: Removes time and program from the metadata of files.
_NO_METADATA: Any = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Creator": None, "Producer": None}}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in the style of gliofit, independent of the user's matplotlib settings."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def save_figure(figure: Figure, out_dir: str | Path, name: str, dpi: int) -> None:
    """Write ``{name}.png`` and ``{name}.pdf``; equal figures give equal bytes."""
    for kind in _NO_METADATA:
        save_picture(figure, Path(out_dir) / f"{name}.{kind}", dpi)


def save_picture(figure: Figure, path: str | Path, dpi: int) -> None:
    """Write a picture in the format of the path's ending; equal figures give equal bytes."""
    kind = Path(path).suffix.removeprefix(".")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=kind, dpi=dpi, metadata=_NO_METADATA[kind])


@contextmanager
def optional_picture(path: Path, warnings: list[InputWarning]) -> Iterator[None]:
    """Replace an error of drawing a picture in this context by a warning (``no-picture``)."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the other results are kept
        reason = " ".join(str(error).split()) or type(error).__name__
        warnings.append(
            InputWarning(str(path), f"could not be drawn ({reason})", "all other results are complete", "no-picture")
        )


def letter_panel(axes: Axes, letter: str, what: str = "") -> None:
    """Write a panel's letter and title above its left corner."""
    axes.set_title(rf"$\mathbf{{{letter}}}$   {what}".rstrip(), loc="left")
