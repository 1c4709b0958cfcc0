"""Figure 7: Dice with the segmentation by threshold of the concentration."""

from __future__ import annotations

from pathlib import Path

from gliofit.core.io import read_table
from gliofit.figures.style import SMALL, TWO_COLUMNS, figure_style, letter_panel, save_figure
from gliofit.metrics.masks import CORE_THRESHOLD, WHOLE_THRESHOLD
from gliofit.publish.cohort import Observed, figure_name, methods_shown
from gliofit.publish.settings import PublishSettings
from gliofit.report.names import method_name, method_styles

#: Column, name and threshold of the tables.
_REGIONS = (("dice_whole", "Whole tumour", WHOLE_THRESHOLD), ("dice_core", "Tumour core", CORE_THRESHOLD))

#: Columns of the legend.
_COLUMNS = 3


def draw_figure7(
    cohort_dir: str | Path, out_dir: str | Path, settings: PublishSettings, observed: Observed = "reference"
) -> None:
    """Draw each method's mean Dice by threshold with its standard error, for the whole tumour and its core.

    Parameters
    ----------
    cohort_dir
        ``evaluate/{cohort}`` with ``metrics.parquet`` and ``dice_curve.parquet``.
    out_dir, settings, observed
        See ``draw_figure3``; the files are ``figure7`` or ``figure7-segmentation``.
    """
    metrics = read_table(Path(cohort_dir) / "metrics.parquet")
    curve = read_table(Path(cohort_dir) / "dice_curve.parquet")
    # Styles follow all methods of the run, so that a method looks the same in both figures.
    styles = method_styles(str(method) for method in metrics["method"].drop_duplicates())
    scored = set(curve["method"])
    methods = [method for method in methods_shown(metrics, observed) if method in scored]
    with figure_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(TWO_COLUMNS, 2.45 + 0.14 * -(-len(methods) // _COLUMNS)), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        # Bands of many methods would overlap.
        alpha = 0.12 * min(1.0, 4 / max(1, len(methods)))
        for axes, letter, (column, title, threshold) in zip(panels, "ab", _REGIONS, strict=True):
            for method in methods:
                dice = curve[curve["method"] == method].groupby("threshold")[column]
                mean, error = dice.mean(), dice.sem()
                label = f"{method_name(method, settings.method_names)} (n = {int(dice.count().max())})"
                style = styles[method]
                axes.plot(mean.index, mean, color=style.colour, linestyle=style.line, linewidth=1.3, label=label)
                axes.fill_between(mean.index, mean - error, mean + error, color=style.colour, alpha=alpha, linewidth=0)
            axes.axvline(threshold, color="0.45", linewidth=0.7, linestyle=":", zorder=0)
            axes.annotate(
                f"{threshold:.2f}", (threshold, 1.0), xycoords=("data", "axes fraction"), fontsize=SMALL, xytext=(0, 1),
                textcoords="offset points", color="0.35", ha="center", va="bottom",
            )  # fmt: skip
            axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="threshold of c (fraction of the carrying capacity)")
            letter_panel(axes, letter, title)
            axes.grid()
        panels[0].set_ylabel("Dice, mean ± standard error")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, ncols=_COLUMNS, loc="outside lower center", handlelength=3.4, columnspacing=1.4)
        save_figure(figure, out_dir, figure_name("figure7", observed), settings.dpi)
