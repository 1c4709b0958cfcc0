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
    """Read the validation errors during training.

    Parameters
    ----------
    networks
        Folders with ``history.parquet`` and ``model.json``.

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
        batch = record["training"]["settings"]["batch_size"]
        tables.append(
            pd.DataFrame(
                {
                    "model": record["name"],
                    "core_hours": history["core_seconds"] / 3600,
                    "samples": history["steps"] * batch,
                    "validation_mse": history["validation_mse"],
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def draw_training(histories: pd.DataFrame, out_dir: str | Path, dpi: int = 300, name: str = "training") -> None:
    """Draw ``{name}.png`` and ``{name}.pdf``: validation error against processor time, and against samples.

    Parameters
    ----------
    histories
        Rows of :func:`read_histories`.
    out_dir, name
        Folder, and name of the two files.
    dpi
        Resolution of the PNG.
    """
    from matplotlib.figure import Figure

    colours = surrogate_colours(str(model) for model in histories["model"].unique())
    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, 2.9), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, letter, column, label in (
            (panels[0], "a", "core_hours", "processor time (core hours)"),
            (panels[1], "b", "samples", "tumours trained on, with repetitions"),
        ):
            for model, colour in colours.items():
                rows = histories[(histories["model"] == model) & (histories[column] > 0)]
                axes.plot(
                    rows[column],
                    1e3 * rows["validation_mse"],
                    ".-",
                    color=colour,
                    markersize=3,
                    label=surrogate_name(model),
                )
            axes.set(xlabel=label, xscale="log", yscale="log")
            axes.grid()
            letter_panel(axes, letter)
        for axis in (panels[0].yaxis, panels[0].xaxis, panels[1].xaxis):
            label_log_axis(axis)
        panels[0].set_ylabel("validation MSE of c, cube ($10^{-3}$)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
        save_figure(figure, out_dir, name, dpi)
