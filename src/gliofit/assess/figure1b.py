"""Figure 1b: solver and surrogates on a typical and on a difficult test tumour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.assess.forward import OUTLINES, open_targets, predict_case
from gliofit.assess.names import surrogate_name
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid
from gliofit.figures.colours import DEVIATION, SKY, cells_map
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, draw_edge, finish_slice
from gliofit.figures.style import SMALL, TWO_COLUMNS, figure_style, save_figure
from gliofit.report.numbers import format_quantity
from gliofit.simulate.settings import ATLAS
from gliofit.train.surrogate import Surrogate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

#: Quantile of the error by name of the row.
_ROWS = (("typical", 0.5), ("difficult", 0.9))

_SOLVER_COLOUR, _OWN_COLOUR = "white", SKY
_DASHES = (0, (2, 1))

# Inches: left margin, gaps, titles above, scores below a row, key below all; and width of a character of small text.
_LEFT, _GAP, _TITLES, _SCORES, _KEY, _CHARACTER = 0.42, 0.05, 0.38, 0.27, 0.42, 0.052


@dataclass(frozen=True, eq=False)
class CaseView:
    """Test tumour on the cube.

    Parameters
    ----------
    title, case
        Name of the row, and number of the tumour.
    grids, targets, predictions
        Grid of the cube and concentrations, shape (n, n, n), by model.
    tissue
        White and grey matter on the cube of the first model, shape (2, n, n, n).
    """

    title: str
    case: int
    grids: Mapping[str, Grid]
    tissue: NDArray[np.float32]
    targets: Mapping[str, NDArray[np.float32]]
    predictions: Mapping[str, NDArray[np.float32]]

    def height_mm(self) -> float:
        """Return world z of the axial slice with the largest area of the target above 0.33."""
        model = next(iter(self.targets))
        target, grid = self.targets[model], self.grids[model]
        areas = (target >= OUTLINES[0]).sum(axis=(0, 1))
        k = int(areas.argmax()) if areas.any() else int(target.sum(axis=(0, 1)).argmax())
        return float(grid.voxel_to_world(np.array([0, 0, k]))[2])


def best_model(rows: pd.DataFrame) -> str:
    """Return the surrogate with the smallest median error in the atlas; raise InputError if there are no tumours."""
    atlas = rows[rows["group"] == ATLAS]
    if atlas.empty:
        raise InputError("figure 1b", "there are no test tumours in the atlas", "assess the atlas")
    return str(atlas.groupby("model", sort=False)["mse_cube"].median().idxmin())


def choose_cases(rows: pd.DataFrame) -> list[tuple[str, int]]:
    """Choose the tumours nearest to the median and to the 90th percentile of the best model's error in the atlas.

    Return name of the row and number of the case; only one if both are the same tumour.
    """
    errors = rows[(rows["group"] == ATLAS) & (rows["model"] == best_model(rows))].set_index("case")["mse_cube"]
    nearest = {title: (errors - errors.quantile(share)).abs().sort_index().idxmin() for title, share in _ROWS}
    return [(title, int(case)) for title, case in nearest.items() if title == "typical" or case != nearest["typical"]]


def view_cases(
    surrogates: Mapping[str, Surrogate], shard: str | Path, tissue_dir: str | Path, cases: Sequence[tuple[str, int]]
) -> list[CaseView]:
    """Predict the cases of ``choose_cases``, test tumours of the atlas, with all surrogates by name."""
    data = {model: open_targets(shard, tissue_dir, surrogate) for model, surrogate in surrogates.items()}
    views = []
    for title, case in cases:
        batches = {model: own.batch([case]) for model, own in data.items()}
        fields = {model: predict_case(surrogates[model], batch)[:2] for model, batch in batches.items()}
        grids = {model: own.crops[case].grid for model, own in data.items()}
        tissue = next(iter(batches.values())).tissue[0, :2].numpy()
        predictions, targets = ({model: pair[k] for model, pair in fields.items()} for k in (0, 1))
        views.append(CaseView(title, case, grids, tissue, targets, predictions))
    return views


def draw_figure1b(views: Sequence[CaseView], rows: pd.DataFrame, out_dir: str | Path, dpi: int = 300) -> None:
    """Draw ``figure1b.png`` and ``.pdf``: a row per tumour with tissue, solver, surrogates and a difference.

    Axial slices through the tumour's largest area, in radiological convention (the patient's right is on the left). The
    rows of ``assess_forward`` give the errors below each prediction, and the best model.
    """
    best = best_model(rows)
    models = list(views[0].predictions)
    columns = ["tissue", "solver", *map(surrogate_name, models), f"|{surrogate_name(best)} − solver|"]
    edge = (TWO_COLUMNS - _LEFT) / len(columns) - _GAP
    with figure_style():
        sheet = Sheet(TWO_COLUMNS, _TITLES + len(views) * (edge + _SCORES) + _KEY)
        differences = [
            _slice(np.abs(view.predictions[best] - view.targets[best]), view.grids[best], view.height_mm())
            for view in views
        ]
        largest = max(float(part.max()) for part in differences) or 1.0
        for row, (view, difference) in enumerate(zip(views, differences, strict=True)):
            top = _TITLES + row * (edge + _SCORES)
            axes = [sheet.axes(_LEFT + number * (edge + _GAP), top, edge, edge) for number in range(len(columns))]
            height, first = view.height_mm(), view.grids[models[0]]
            white, grey = (_slice(part, first, height) for part in view.tissue)
            solver = _slice(view.targets[models[0]], first, height)
            where = f"{view.title}\ntumour {view.case}\nz = {height:.0f} mm".replace("-", "−")
            sheet.upright(_LEFT / 2, top + edge / 2, where)
            _show(axes[0], 0.6 * white + 0.35 * grey, first, "gray", 1.0)
            finish_slice(axes[0], "R", "L")
            add_scale_bar(axes[0])
            image = _show(axes[1], solver, first, cells_map(), 1.0)
            for panel in axes[:2]:
                _outline(panel, solver, first, _SOLVER_COLOUR, _DASHES)
            for panel, model in zip(axes[2:], models, strict=False):
                grid = view.grids[model]
                prediction, target = (_slice(field[model], grid, height) for field in (view.predictions, view.targets))
                _show(panel, prediction, grid, cells_map(), 1.0)
                _outline(panel, prediction, grid, _OWN_COLOUR, "solid")
                _outline(panel, target, grid, _SOLVER_COLOUR, _DASHES)
                panel.set_xlabel(_scores(rows, model, view.case), fontsize=SMALL, labelpad=1, linespacing=1.05)
            error = _show(axes[-1], difference, view.grids[best], DEVIATION, largest)
        for number, title in enumerate(columns):
            x = _LEFT + number * (edge + _GAP) + edge / 2
            sheet.title(x, _TITLES - 0.04, title, int(edge / _CHARACTER))
        for mappable, label, x in (
            (image, "concentration c (no unit)", 3.2), (error, "absolute difference of c (no unit)", 5.3)
        ):  # fmt: skip
            sheet.bar(mappable, x, sheet.height - _KEY + 0.08, 1.7, 0.07, label).ax.locator_params(nbins=5)
        _legend(sheet)
        save_figure(sheet.figure, out_dir, "figure1b", dpi)


def _slice(field: NDArray[np.floating], grid: Grid, height_mm: float) -> NDArray[np.floating]:
    """Return an axial slice as (y, x) with the patient's right on the left."""
    k = int(np.clip(np.rint(grid.world_to_voxel(np.array([*grid.centre_mm[:2], height_mm]))[2]), 0, field.shape[2] - 1))
    return field[::-1, :, k].T


def _edges(grid: Grid) -> tuple[float, float, float, float]:
    """Return left, right, bottom and top of a slice in mm to the patient's left and front."""
    low, high = grid.voxel_to_world(np.full(3, -0.5)), grid.voxel_to_world(np.array(grid.shape) - 0.5)
    return -float(high[0]), -float(low[0]), float(low[1]), float(high[1])


def _show(axes: Axes, field: NDArray[np.floating], grid: Grid, colours: Any, largest: float) -> AxesImage:
    image = axes.imshow(
        field, origin="lower", extent=_edges(grid), cmap=colours, vmin=0, vmax=largest, interpolation="nearest"
    )
    finish_slice(axes)
    return image


def _outline(axes: Axes, field: NDArray[np.floating], grid: Grid, colour: str, line: Any) -> None:
    """Draw the contour at the concentration of the outer outline, if there is one."""
    draw_edge(axes, field, OUTLINES[0], colour, line, width=0.7, origin="lower", extent=_edges(grid))


def _scores(rows: pd.DataFrame, model: str, case: int) -> str:
    """Return error and Dice of a prediction in the atlas as text."""
    scores = rows[(rows["group"] == ATLAS) & (rows["model"] == model) & (rows["case"] == case)]
    if scores.empty:
        return " "
    mse, dice = scores.iloc[0][["mse_cube", "dice_033"]]
    return f"MSE {format_quantity(mse)}" + (f"\nDice {dice:.2f}" if np.isfinite(dice) else "")


def _legend(sheet: Sheet) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color="0.45", linestyle=_DASHES, linewidth=1.2, label=f"solver, c = {OUTLINES[0]} (white)"),
        Line2D([], [], color=_OWN_COLOUR, linewidth=1.2, label=f"surrogate, c = {OUTLINES[0]}"),
    ]
    sheet.figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(_LEFT / sheet.width, 0.01), borderaxespad=0)
