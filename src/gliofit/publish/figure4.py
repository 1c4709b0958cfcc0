"""Figure 4: concentrations of all methods on patients in an axial slice."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.io import read_table
from gliofit.figures.colours import CORE, WHOLE
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, draw_cells, draw_edge, draw_failed, finish_slice, grey_values
from gliofit.figures.style import ONE_COLUMN, PAGE_HEIGHT, SMALL, TWO_COLUMNS, figure_style, save_figure
from gliofit.publish.cohort import Observed, figure_name, methods_shown
from gliofit.publish.settings import PublishSettings
from gliofit.publish.slices import AXIAL, Anatomy, PatientSlices
from gliofit.report.names import method_name
from gliofit.report.numbers import format_quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Methods whose error may order the patients, in order of preference.
_ORDERED_BY = (
    "hybrid-com", "hybrid", "gauss-newton", "direct", "gauss-newton-segmentation", "hybrid-segmentation",
)  # fmt: skip

# Inches: margin for names, gaps, titles, scores below pictures, key, smallest picture, sufficient picture size.
_LEFT, _GAP, _TITLES, _SCORES, _KEY, _NARROWEST, _LARGE = 0.42, 0.05, 0.38, 0.25, 0.4, 0.6, 1.2
#: Width of a character of small text, in inches.
_CHARACTER = 0.05
#: Smallest concentration shown; margin around it and smallest field of view in mm.
_SHOWN_FROM, _MARGIN, _FIELD = 0.1, 12.0, 80.0


def draw_figure4(
    cohort_dir: str | Path, case_root: str | Path, forward_root: str | Path, out_dir: str | Path,
    settings: PublishSettings, observed: Observed = "reference",
) -> None:  # fmt: skip
    """Draw patients by methods: T1, contours of the segmentation, and the concentration of each forward simulation.

    The T1 shows the whole slice with a frame around the field of view of the other pictures. Slices are axial, in
    radiological convention (the patient's right is on the left).

    Parameters
    ----------
    cohort_dir, out_dir, settings, observed
        See ``draw_figure3``; the files are ``figure4`` or ``figure4-segmentation``.
    case_root, forward_root
        ``register/patients`` and ``forward/patients``.

    Raises
    ------
    InputError
        If the cohort has no cases, or a patient or method of the settings is not part of the run.
    """
    metrics = read_table(Path(cohort_dir) / "metrics.parquet")
    cases = choose_cases(metrics, settings)
    methods = _choose_methods(metrics, settings, observed)
    width = ONE_COLUMN if len(methods) == 1 else TWO_COLUMNS
    columns, side = _layout(len(cases), len(methods) + 1, width)
    # Titles and scores may be wider than their pictures.
    step = min((width - _LEFT) / columns, max(side + _GAP, 1.15))
    blocks = [range(start, min(start + columns, len(methods) + 1)) for start in range(0, len(methods) + 1, columns)]
    row_height = side + _SCORES + _GAP
    block_height = _TITLES + len(cases) * row_height
    with figure_style():
        sheet = Sheet(width, len(blocks) * block_height + _KEY)
        layer = None
        for row, case in enumerate(cases):
            rows = metrics[metrics["case"] == case].set_index("method")
            run = [method for method in methods if method in rows.index and rows.loc[method, "status"] != "failed"]
            files = {method: Path(forward_root) / case / method / "concentration.nii.gz" for method in run}
            view = _load_view(Path(case_root) / case, files)
            for number, block in enumerate(blocks):
                top = number * block_height + _TITLES + row * row_height
                name = textwrap.wrap(case, int(row_height / _CHARACTER) - 1)
                sheet.upright(_LEFT / 2, top + side / 2, "\n".join([*name, view.slices.position_text(AXIAL)]))
                for column, picture in enumerate(block):
                    axes = sheet.axes(_LEFT + (column + 0.5) * step - side / 2, top, side, side)
                    if picture == 0:
                        _draw_overview(axes, view)
                    elif (method := methods[picture - 1]) in view.cells:
                        layer = _draw_method(axes, view, method, rows.loc[method], observed)
                    else:
                        _draw_missing(axes, view, "failed" if method in rows.index else "not run")
        for number, block in enumerate(blocks):
            for column, picture in enumerate(block):
                title = "T1, segmentation" if picture == 0 else _title(metrics, methods[picture - 1], settings)
                x, bottom = _LEFT + (column + 0.5) * step, number * block_height + _TITLES - 0.04
                sheet.title(x, bottom, title, int(step / _CHARACTER))
        _draw_key(sheet, layer)
        save_figure(sheet.figure, out_dir, figure_name("figure4", observed), settings.dpi)


def _layout(patients: int, pictures: int, width: float) -> tuple[int, float]:
    """Return the number of pictures in a row and the largest size in inches that fits on a page.

    Further blocks of rows are used if that makes pictures larger.
    """
    best = (pictures, 0.0)
    for blocks in range(1, pictures + 1):
        if best[1] > _LARGE:
            break
        columns = -(-pictures // blocks)
        wide = (width - _LEFT) / columns - _GAP
        tall = (PAGE_HEIGHT - _KEY - blocks * _TITLES) / (blocks * patients) - _SCORES - _GAP
        best = max(best, (columns, min(wide, tall, 1.6)), key=lambda layout: layout[1])
    # Many patients or methods exceed a page.
    return best if best[1] > _NARROWEST else (min(pictures, 8), _NARROWEST)


def _title(metrics: pd.DataFrame, method: str, settings: PublishSettings) -> str:
    role = str(metrics.loc[metrics["method"] == method, "role"].iloc[0])
    name = method_name(method, settings.method_names)
    return f"Reference: {name}" if role == "reference" else name


def choose_cases(metrics: pd.DataFrame, settings: PublishSettings) -> list[str]:
    """Return the patients of the settings, or the best, the worst and evenly spaced ones between.

    Cases are ordered by the whole-volume MSE of the first available method of ``_ORDERED_BY``, so that failures are
    shown as well; without errors, by name.
    """
    known = [str(case) for case in metrics["case"].drop_duplicates()]
    if not known:
        raise InputError("figure 4", "the cohort has no cases", "evaluate at least one patient")
    if settings.figure4_cases:
        unknown = [case for case in settings.figure4_cases if case not in known]
        if unknown:
            raise InputError("publish.figure4_cases", f"{unknown[0]} is not a case of the run", "name evaluated cases")
        return list(settings.figure4_cases)
    present = set(metrics["method"])
    method = next((m for m in _ORDERED_BY if m in present), None)
    errors = metrics[(metrics["method"] == method) & metrics["mse_volume"].notna()]
    ordered = [str(case) for case in errors.sort_values(["mse_volume", "case"])["case"]] or sorted(known)
    count = min(settings.figure4_patients, len(ordered))
    picks = np.unique(np.rint(np.linspace(0, len(ordered) - 1, count)).astype(int))
    return [ordered[i] for i in picks]


def _choose_methods(metrics: pd.DataFrame, settings: PublishSettings, observed: Observed) -> list[str]:
    """Return the reference, then the methods with the observation, as selected by the settings."""
    roles = metrics[["method", "role"]].drop_duplicates("method")
    known = [str(method) for method in roles["method"]]
    reference = [str(method) for method in roles.loc[roles["role"] == "reference", "method"]]
    wanted = settings.figure4_methods or known
    unknown = [method for method in wanted if method not in known]
    if unknown:
        raise InputError("publish.figure4_methods", f"{unknown[0]} is not a method of the run", "name its methods")
    shown = methods_shown(metrics, observed)
    return reference + [method for method in wanted if method in shown and method not in reference]


@dataclass(frozen=True, eq=False)
class _View:
    """Axial slice of a patient.

    Parameters
    ----------
    slices
        Planes of the patient.
    background, whole, core
        T1 image and masks of the segmentation.
    cells
        Concentration by method.
    field
        Left, right, lower and upper edge of the field of view in mm.
    """

    slices: PatientSlices
    background: NDArray[np.float32]
    whole: NDArray[np.bool_]
    core: NDArray[np.bool_]
    cells: Mapping[str, NDArray[np.float32]]
    field: tuple[float, float, float, float]


def _load_view(case_dir: Path, files: Mapping[str, Path]) -> _View:
    """Read the slice of a patient and of concentrations by method, and find the field of view."""
    anatomy, path = Anatomy.load(case_dir), case_dir / "t1.nii.gz"
    slices = anatomy.slices
    image = slices.read_image(path) if path.is_file() else slices.cut(grey_values(anatomy.labels.data))
    whole, core = (slices.cut(mask)[AXIAL.name] for mask in (anatomy.whole.data, anatomy.core))
    cells = {method: slices.read(file)[AXIAL.name].astype(np.float32) for method, file in files.items()}
    shown = np.any([whole, *(values >= _SHOWN_FROM for values in cells.values())], axis=0)
    return _View(slices, image[AXIAL.name], whole, core, cells, _field(shown, slices.size_mm(AXIAL)))


def _field(shown: NDArray[np.bool_], size_mm: tuple[float, float]) -> tuple[float, float, float, float]:
    """Return the edges of a square around a mask, with a margin."""
    middles, halves = [], [_FIELD / 2]
    for axis, length in zip((1, 0), size_mm, strict=True):
        hit = np.flatnonzero(shown.any(axis=1 - axis)) * length / shown.shape[axis]
        middles.append((hit[0] + hit[-1]) / 2)
        halves.append((hit[-1] - hit[0]) / 2 + _MARGIN)
    (x, y), half = middles, max(halves)
    return x - half, x + half, y - half, y + half


def _draw_overview(axes: Axes, view: _View) -> None:
    """Draw the whole slice with the segmentation and a frame around the field of view of the other pictures."""
    from matplotlib.patches import Rectangle

    left, right, bottom, top = view.field
    frame = _draw_background(axes, view)
    _draw_contours(axes, view, frame)
    look: dict[str, Any] = {"fill": False, "edgecolor": "white", "linewidth": 0.6, "clip_on": True}
    axes.add_patch(Rectangle((left, bottom), right - left, top - bottom, **look))
    width, height = view.slices.size_mm(AXIAL)
    half = max(width, height) / 2
    axes.set(xlim=(width / 2 - half, width / 2 + half), ylim=(height / 2 - half, height / 2 + half))
    add_scale_bar(axes)


def _draw_background(axes: Axes, view: _View) -> dict[str, Any]:
    """Draw the T1 image; return the extent for other layers."""
    frame = view.slices.frame(AXIAL)
    axes.imshow(view.background, cmap="gray", vmin=0, vmax=1, **frame)
    finish_slice(axes, AXIAL.left, AXIAL.right)
    return frame


def _draw_contours(axes: Axes, view: _View, frame: Mapping[str, Any]) -> None:
    draw_edge(axes, view.whole, 0.5, WHOLE, width=0.7, **frame)
    draw_edge(axes, view.core, 0.5, CORE, (0, (2, 1)), width=0.7, **frame)


def _draw_method(axes: Axes, view: _View, method: str, scores: pd.Series, observed: Observed) -> Any:
    """Draw a concentration over the T1, with the scores below."""
    frame = _draw_background(axes, view)
    layer = draw_cells(axes, view.cells[method], **frame)
    _draw_contours(axes, view, frame)
    axes.set_xlabel(_scores_text(scores, observed), fontsize=SMALL, labelpad=1, linespacing=1.05)
    _set_field(axes, view)
    return layer


def _draw_missing(axes: Axes, view: _View, reason: str) -> None:
    _draw_background(axes, view)
    draw_failed(axes, reason)
    _set_field(axes, view)


def _set_field(axes: Axes, view: _View) -> None:
    axes.set(xlim=view.field[:2], ylim=view.field[2:])
    add_scale_bar(axes, 20)


def _scores_text(row: pd.Series, observed: Observed) -> str:
    """Return the scores as text: distance from the reference or the segmentation, and Dice."""
    parts = []
    if observed == "reference" and np.isfinite(row["mse_volume"]):
        parts.append(f"MSE {format_quantity(row['mse_volume'])}")
    if np.isfinite(row["dice_whole_033"]):
        parts.append(f"Dice {row['dice_whole_033']:.2f}")
    if observed == "segmentation" and np.isfinite(row["hd95_whole_033_mm"]):
        parts.append(f"HD95 {row['hd95_whole_033_mm']:.1f} mm")
    return "\n".join(parts)


def _draw_key(sheet: Sheet, layer: Any) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=WHOLE, linewidth=1.4, label="segmentation, whole"),
        Line2D([], [], color="0.45", linestyle=(0, (2, 1)), linewidth=1.4, label="segmentation, core (white)"),
    ]
    sheet.figure.legend(handles=handles, loc="lower left", bbox_to_anchor=(_LEFT / sheet.width, 0.0), borderaxespad=0)
    if layer is not None:
        width = 0.34 * sheet.width
        place = sheet.width - width - 0.15, sheet.height - _KEY + 0.08, width, 0.07
        sheet.bar(layer, *place, "concentration c (no unit)").set_ticks([0, 0.5, 1])
