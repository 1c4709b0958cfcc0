"""Learning curve of a training."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from gliofit.figures.axes import label_log_axis
from gliofit.figures.colours import BLUE, GREY, VERMILION
from gliofit.figures.style import ONE_COLUMN, figure_style, save_picture

_DPI = 200


def plot_learning_curve(history: pd.DataFrame, path: str | Path, title: str, unit: str, baseline: float) -> None:
    """Plot training and validation loss by epoch (columns ``epoch train_loss validation_loss best``) to a PNG file.

    ``unit`` is the label of the loss, and ``baseline`` the validation loss of predicting the training mean.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with figure_style():
        figure = Figure(figsize=(ONE_COLUMN, 2.5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        trained = history.dropna(subset=["train_loss"])
        if len(trained):
            axes.plot("epoch", "train_loss", data=trained, color=GREY, marker=".", markersize=3, label="training")
        axes.plot("epoch", "validation_loss", data=history, color=BLUE, marker=".", markersize=3, label="validation")
        best = history[history["best"]].tail(1)
        axes.plot("epoch", "validation_loss", "o", data=best, color=VERMILION, markersize=4, label="kept")
        axes.axhline(baseline, color="0.3", linewidth=0.9, linestyle=":", label="predicting the mean")
        axes.set(xlabel="epoch", ylabel=unit, yscale="log")
        axes.grid()
        label_log_axis(axes.yaxis)
        figure.legend(loc="outside lower center", ncols=4, title=title, columnspacing=1.2)
        save_picture(figure, path, _DPI)
