"""What all figures share: fonts, the Agg back end, and writing PNG and SVG without anything that changes by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.io import atomic_path

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_style", "grey_values", "save_figure"]

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


def grey_values(data: NDArray[Any]) -> NDArray[np.float32]:
    """Intensities from 0.1 to 1 between the 1st and the 99.5th percentile of what is not background, which is 0."""
    values = np.asarray(data, dtype=np.float32)
    inside = values[values != 0]
    if inside.size == 0:
        return np.zeros_like(values)
    low, high = np.percentile(inside, [1, 99.5])
    # An image of one value is drawn in a middle grey.
    scaled = np.clip((values - low) / float(high - low), 0, 1) if high > low else np.full_like(values, 0.5)
    return np.where(values != 0, 0.1 + 0.9 * scaled, 0).astype(np.float32)
