"""Picture of a training: loss by time."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gliofit.io import atomic_path

__all__ = ["plot_learning_curve"]


def plot_learning_curve(history: pd.DataFrame, path: str | Path, title: str, unit: str, baseline: float) -> None:
    """Draw training and validation loss by epoch, with the loss of predicting the mean for scale.

    Parameters
    ----------
    history
        Columns ``epoch train_loss validation_loss best``.
    path
        PNG file to write.
    title
        Name of the model.
    unit
        What the loss is.
    baseline
        Validation loss of predicting the training mean.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    trained = history.dropna(subset=["train_loss"])
    if len(trained):
        axes.plot(trained["epoch"], trained["train_loss"], color="0.6", marker=".", label="training")
    axes.plot(history["epoch"], history["validation_loss"], color="C0", marker=".", label="validation")
    best = history[history["best"]]
    axes.plot(best["epoch"].tail(1), best["validation_loss"].tail(1), "o", color="C3", label="kept")
    axes.axhline(baseline, color="0.3", linestyle=":", label="predicting the mean")
    axes.set(xlabel="epoch", ylabel=unit, yscale="log", title=title)
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120, format="png", metadata={"Software": None})
