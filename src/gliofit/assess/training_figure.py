"""Figure of training: validation error of all surrogates against processor time and samples."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from gliofit.assess.names import surrogate_colours, surrogate_name
from gliofit.core.io import read_json, read_table
from gliofit.figures.axes import label_log_axis
from gliofit.figures.style import TWO_COLUMNS, figure_style, letter_panel, save_figure


def read_histories(networks: Iterable[str | Path]) -> pd.DataFrame:
    """Read the validation errors during training from ``history.parquet`` and ``model.json`` of each folder.

    Returns
    -------
    DataFrame
        One row per validation: ``model``, ``core_hours``, ``samples`` (training tumours so far, with repetitions) and
        ``validation_mse`` in the cube.

    Raises
    ------
    InputError
        If a file is missing or damaged.
    """
    tables = []
    for folder in map(Path, networks):
        record = read_json(folder / "model.json")
        history = read_table(folder / "history.parquet")
        samples = history["steps"] * record["training"]["settings"]["batch_size"]
        hours, errors = history["core_seconds"] / 3600, history["validation_mse"]
        columns = {"model": record["name"], "core_hours": hours, "samples": samples, "validation_mse": errors}
        tables.append(pd.DataFrame(columns))
    return pd.concat(tables, ignore_index=True)


def draw_training(histories: pd.DataFrame, out_dir: str | Path, dpi: int = 300) -> None:
    """Draw ``training.png`` and ``.pdf``: validation error against processor time, and against samples.

    The rows are those of :func:`read_histories`.
    """
    from matplotlib.figure import Figure

    colours = surrogate_colours(str(model) for model in histories["model"].unique())
    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, 2.9), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        labels = {"core_hours": "processor time (core hours)", "samples": "tumours trained on, with repetitions"}
        for axes, letter, (column, label) in zip(panels, "ab", labels.items(), strict=True):
            for model, colour in colours.items():
                rows = histories[(histories["model"] == model) & (histories[column] > 0)]
                errors, name = 1e3 * rows["validation_mse"], surrogate_name(model)
                axes.plot(rows[column], errors, ".-", color=colour, markersize=3, label=name)
            axes.set(xlabel=label, xscale="log", yscale="log")
            axes.grid()
            letter_panel(axes, letter)
        for axis in (panels[0].yaxis, panels[0].xaxis, panels[1].xaxis):
            label_log_axis(axis)
        panels[0].set_ylabel("validation MSE of c, cube ($10^{-3}$)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        save_figure(figure, out_dir, "training", dpi)
