"""Figure of derivatives: direction and norm of surrogates' derivatives relative to the solver's."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gliofit.assess.names import quantity_name
from gliofit.assess.surrogate_figure import surrogate_figure
from gliofit.figures.axes import label_log_axis
from gliofit.figures.strips import draw_quartiles, jitter
from gliofit.figures.style import letter_panel


def draw_gradients(rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300) -> None:
    """Draw ``gradients.png`` and ``.pdf``: cosine and relative norm of every test tumour in the atlas.

    The rows are those of ``assess_gradients``.
    """
    with surrogate_figure(rows, 2.9, out_dir, "gradients", dpi) as page:
        atlas, quantities = page.rows, [str(quantity) for quantity in rows["quantity"].unique()]
        cosine, norm = page.figure.subplots(1, 2)
        width = 0.8 / max(len(page.colours), 2)
        for axes, letter, column in ((cosine, "a", "cosine"), (norm, "b", "relative_norm")):
            axes.axhline(1, color="0.3", linewidth=0.9, linestyle="--", zorder=1)
            for number, quantity in enumerate(quantities):
                for place, (model, colour) in enumerate(page.colours.items()):
                    here = (atlas["quantity"] == quantity) & (atlas["model"] == model)
                    at = number + width * (place + 0.5 - len(page.colours) / 2)
                    values = atlas.loc[here, column].dropna()
                    points = at + 0.6 * width * jitter(len(values))
                    axes.scatter(points, values, s=2.5, color=colour, alpha=0.4, linewidths=0, zorder=2)
                    if len(values):
                        draw_quartiles(axes, at, 0.4 * width, values, upright=True, edge=colour, width=0.8)
            # The last quantity is the loss.
            axes.axvline(len(quantities) - 1.5, color="0.8", linewidth=0.8)
            axes.set_xticks(range(len(quantities)), [quantity_name(quantity, latex=True) for quantity in quantities])
            axes.set_xlim(-0.6, len(quantities) - 0.4)
            axes.grid(axis="y")
            axes.set_xlabel("derivative of c by ..., gradient of the loss")
            letter_panel(axes, letter)
        cosine.set_ylabel("cosine with the solver’s (no unit)")
        cosine.set_ylim(min(0.0, float(atlas["cosine"].min()) - 0.05 if len(atlas) else 0.0), 1.04)
        norm.set_ylabel("norm relative to the solver’s (no unit)")
        if (atlas["relative_norm"] > 0).any():
            norm.set_yscale("log")
            norm.set_ylim(min(norm.get_ylim()[0], 0.45), max(norm.get_ylim()[1], 2.2))
            label_log_axis(norm.yaxis)
        page.legend()
