"""Common parts of figures of test tumours in the atlas: colours, legend and axes of errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from gliofit.assess.names import surrogate_colours, surrogate_name
from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import TWO_COLUMNS, figure_style, save_figure
from gliofit.growth.model import derived_in
from gliofit.simulate.settings import ATLAS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class SurrogateFigure:
    """Figure, rows of the atlas, and colours of surrogates."""

    figure: Figure
    rows: pd.DataFrame
    colours: dict[str, str]

    def handles(self) -> list[Any]:
        """Create the entries of a legend."""
        from matplotlib.lines import Line2D

        look: dict[str, Any] = {"marker": "o", "markersize": 3.5, "linewidth": 1.2}
        return [Line2D([], [], color=shade, label=surrogate_name(m), **look) for m, shade in self.colours.items()]

    def legend(self) -> None:
        """Add the legend below the panels."""
        if self.colours:
            columns = min(len(self.colours), 4)
            self.figure.legend(handles=self.handles(), loc="outside lower center", ncols=columns)

    def label_errors(self, axes: Axes) -> None:
        """Label the y axis as errors on the cube."""
        if (self.rows["mse_cube"] > 0).any():
            axes.set_yscale("log")
            label_log_axis(axes.yaxis)
        axes.set_ylabel("MSE of c, cube (no unit)")


@contextmanager
def surrogate_figure(
    rows: pd.DataFrame, height: float, out_dir: str | Path, name: str, dpi: int
) -> Iterator[SurrogateFigure]:
    """Create a figure two columns wide (height in inches), which is saved at the end of the context.

    Of the rows of an assessment, those in the atlas are shown.
    """
    from matplotlib.figure import Figure

    atlas = rows[rows["group"] == ATLAS]
    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, height), layout="constrained")
        yield SurrogateFigure(figure, atlas, surrogate_colours(str(model) for model in atlas["model"].unique()))
        save_figure(figure, out_dir, name, dpi)


def descriptors(rows: pd.DataFrame) -> list[tuple[str, float, str]]:
    """Return columns of descriptors of tumours, with factor to the printed unit and axis label."""
    derived = [(q.column, 1.0, f"{q.title} {q.axis_label}") for q in derived_in(rows)]
    return [("volume_mm3", 1e-3, "tumour volume (cm³)"), *derived]
