"""What all figures share: fonts, the Agg back end, and writing PNG and SVG without anything that changes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gliofit.io import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_style", "save_figure"]

_STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    # Element ids of an SVG are random without a fixed salt.
    "svg.hashsalt": "gliofit",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw in our style, whatever the user's matplotlib settings are."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def save_figure(figure: Figure, out_dir: str | Path, name: str, dpi: int) -> None:
    """Write ``{name}.png`` and ``{name}.svg``; the same figure gives the same bytes."""
    metadata = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}
    for kind, fields in metadata.items():
        with atomic_path(Path(out_dir) / f"{name}.{kind}") as temporary:
            figure.savefig(temporary, format=kind, dpi=dpi, metadata=fields)
