"""Figure 7: Dice with the segmentation over the threshold that the concentration is cut at."""

from __future__ import annotations

from pathlib import Path

from gliofit.evaluate.metrics import WHOLE_THRESHOLD
from gliofit.io import read_table
from gliofit.publish.cohort import Observed, figure_name, methods_shown
from gliofit.publish.drawing import figure_style, save_figure
from gliofit.publish.names import method_name, method_styles
from gliofit.publish.settings import PublishSettings

__all__ = ["draw_figure7"]

_REGIONS = {"dice_whole": "Whole tumour", "dice_core": "Tumour core"}


def draw_figure7(
    cohort_dir: str | Path, out_dir: str | Path, settings: PublishSettings, observed: Observed = "reference"
) -> None:
    """Draw each method's mean Dice by threshold with its standard error, for the whole tumour and its core.

    Parameters
    ----------
    cohort_dir
        ``evaluate/{cohort}`` with ``metrics.parquet`` and ``dice_curve.parquet``.
    out_dir
        Folder for ``figure7.png`` and ``.svg``, or ``figure7-segmentation`` for methods that observed that.
    settings
        Names of methods and resolution.
    observed
        Which methods are shown: those of the table of the same observation.
    """
    metrics = read_table(Path(cohort_dir) / "metrics.parquet")
    curve = read_table(Path(cohort_dir) / "dice_curve.parquet")
    # Styles by all methods of the run, so that both figures draw a method in the same one.
    styles = method_styles(str(method) for method in metrics["method"].drop_duplicates())
    scored = set(curve["method"])
    methods = [method for method in methods_shown(metrics, observed) if method in scored]
    with figure_style():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(11.5, 3.8), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        # Bands of many methods lie over each other.
        alpha = 0.12 * min(1.0, 4 / max(1, len(methods)))
        for axes, (column, title) in zip(panels, _REGIONS.items(), strict=True):
            for method in methods:
                by_threshold = curve[curve["method"] == method].groupby("threshold")[column]
                mean, error = by_threshold.mean(), by_threshold.sem()
                label = f"{method_name(method, settings.method_names)} (n = {int(by_threshold.count().max())})"
                style = styles[method]
                axes.plot(mean.index, mean, color=style.colour, linestyle=style.line, linewidth=1.7, label=label)
                axes.fill_between(mean.index, mean - error, mean + error, color=style.colour, alpha=alpha, linewidth=0)
            if column == "dice_whole":
                axes.axvline(WHOLE_THRESHOLD, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
                axes.annotate(
                    f"{WHOLE_THRESHOLD:g}", (WHOLE_THRESHOLD, 1.0), xycoords=("data", "axes fraction"), fontsize=7,
                    xytext=(2, -8), textcoords="offset points", color="0.4",
                )  # fmt: skip
            axes.set_xlim(0, 1)
            axes.set_ylim(0, 1)
            axes.set_xlabel("threshold of the concentration")
            axes.set_title(title, loc="left")
            axes.grid(color="0.92", linewidth=0.6)
        panels[0].set_ylabel("Dice (mean ± standard error)")
        panels[1].legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0), handlelength=3.6)
        save_figure(figure, out_dir, figure_name("figure7", observed), settings.dpi)
