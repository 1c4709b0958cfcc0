"""Pilot report: the distribution of theta of a sampler, before expensive simulations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from gliofit.core.io import write_json, write_table
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.figures.colours import BLACK, DEVIATION, SKY, VERMILION
from gliofit.figures.style import TWO_COLUMNS, figure_style, letter_panel, save_picture
from gliofit.growth.model import find_growth_model, parameters_in
from gliofit.paper import MEAN_THETA
from gliofit.simulate.grow import grow_sample
from gliofit.simulate.sampler import draw_parameters
from gliofit.simulate.settings import PRESETS, SimulateSettings

_DPI = 200


def pilot_table(
    tissue: Tissue, settings: SimulateSettings, seed: int, progress: Callable[[int, int], None] = lambda d, t: None
) -> pd.DataFrame:
    """Simulate ``pilot_samples`` tumours at the pilot's spacing and return their truth rows.

    Fields at this spacing are too coarse for training, but the time at which a volume is reached, and therefore the
    distribution of theta, is close to that of the fine grid.
    """
    coarse = tissue.coarsen(tissue.grid.coarsening_to(settings.pilot_spacing_mm))
    space = find_growth_model(settings.growth_model).space
    own_seed = derive_seed(seed, "pilot")
    drawn = draw_parameters(coarse, PRESETS[settings.preset], settings.pilot_samples, own_seed, space=space)
    rows = []
    for number, (_, row) in enumerate(drawn.iterrows()):
        sample = grow_sample(coarse, row, settings.integrator)
        if sample is not None:
            rows.append(sample.row)
        progress(number + 1, len(drawn))
    return pd.DataFrame(rows)


def write_pilot_report(table: pd.DataFrame, settings: SimulateSettings, out_dir: Path) -> None:
    """Write ``pilot.parquet``, ``pilot.json`` (means, quantiles, distance to the paper's means) and ``pilot.png``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    write_table(out_dir / "pilot.parquet", table)
    summary: dict[str, object] = {
        "preset": settings.preset, "integrator": settings.integrator.name, "samples": len(table),
        "spacing_mm": settings.pilot_spacing_mm,
        "share_stopped_by_volume": float((table["stopped_by"] == "volume").mean()),
    }  # fmt: skip
    parameters = parameters_in(table)
    for name in (*(parameter.column for parameter in parameters), "volume_mm3", "final_time_days"):
        values = table[name].to_numpy()
        summary[name] = {
            "mean": values.mean(), "standard_error": values.std(ddof=1) / np.sqrt(len(values)),
            "minimum": values.min(), "quantiles_05_50_95": np.quantile(values, [0.05, 0.5, 0.95]),
            "maximum": values.max(), **({"paper_mean": MEAN_THETA[name]} if name in MEAN_THETA else {}),
        }  # fmt: skip
    write_json(out_dir / "pilot.json", summary)

    with figure_style():
        figure = Figure(figsize=(TWO_COLUMNS, 2.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(parameters) + 1)
        for axis, letter, parameter in zip(axes, "abcdefgh", parameters, strict=False):
            values, printed = table[parameter.column], MEAN_THETA.get(parameter.column)
            axis.hist(values, bins=30, color=SKY)
            axis.axvline(values.mean(), color=BLACK, label=f"mean {values.mean():.2f}")
            if printed is not None:
                axis.axvline(printed, color=VERMILION, linestyle="--", label=f"paper {printed:.1f}")
            axis.set(xlabel=parameter.axis_label, ylabel="tumours")
            axis.legend(
                loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.1, columnspacing=1, handlelength=1.3
            )
            letter_panel(axis, letter)
        first, second = parameters[:2]
        x, y, volumes = table[first.column], table[second.column], table["volume_mm3"] / 1000
        points = axes[-1].scatter(x, y, c=volumes, s=4, cmap=DEVIATION)
        axes[-1].set(xlabel=first.axis_label, ylabel=second.axis_label)
        letter_panel(axes[-1], "abcdefgh"[len(parameters)])
        figure.colorbar(points, ax=axes[-1], label="volume (cm³)")
        save_picture(figure, out_dir / "pilot.png", _DPI)
