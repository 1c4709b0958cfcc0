"""Figure 4: concentrations of all methods on patients, in the axial slice through the tumour."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.crop import centre_of_mass_mm
from gliofit.errors import InputError
from gliofit.grid import Volume
from gliofit.io import read_table, read_volume
from gliofit.labels import TissueLabel, core_mask, whole_tumour_mask
from gliofit.publish.cohort import Observed, figure_name, methods_shown
from gliofit.publish.drawing import figure_style, grey_values, save_figure
from gliofit.publish.names import method_name
from gliofit.publish.numbers import format_quantity
from gliofit.publish.settings import PublishSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

__all__ = ["choose_cases", "draw_figure4"]

#: Methods whose errors order the patients, best known first.
_ORDERED_BY = (
    "hybrid-com", "hybrid", "gauss-newton", "direct", "gauss-newton-segmentation", "hybrid-segmentation",
)  # fmt: skip

#: Pictures beside each other; more go on in a second row of the same patient.
_MOST_COLUMNS = 8

_WHOLE_COLOUR, _CORE_COLOUR = "#56B4E9", "#FFFFFF"


def draw_figure4(
    cohort_dir: str | Path,
    case_root: str | Path,
    forward_root: str | Path,
    out_dir: str | Path,
    settings: PublishSettings,
    observed: Observed = "reference",
) -> None:
    """Draw patients by methods: T1, segmentation contours and the concentration of each final run.

    Slices are laid out by the affine: axial, in radiological convention (the patient's right is on the left).

    Parameters
    ----------
    cohort_dir
        ``evaluate/{cohort}`` with ``metrics.parquet``.
    case_root
        Folder of the case folders (``register/patients``).
    forward_root
        Folder with ``{case}/{method}/concentration.nii.gz`` (``forward/patients``).
    out_dir
        Folder for ``figure4.png`` and ``.svg``, or ``figure4-segmentation`` for methods that observed that.
    settings
        Patients, methods, names and resolution.
    observed
        Which methods are shown: those of the table of the same observation.

    Raises
    ------
    InputError
        If the cohort has no cases, or settings name a patient or method that is not part of the run.
    """
    metrics = read_table(Path(cohort_dir) / "metrics.parquet")
    cases = choose_cases(metrics, settings)
    methods = _choose_methods(metrics, settings, observed)
    rows = math.ceil((len(methods) + 1) / _MOST_COLUMNS)
    columns = math.ceil((len(methods) + 1) / rows)
    with figure_style():
        from matplotlib.figure import Figure
        from matplotlib.layout_engine import ConstrainedLayoutEngine

        views = [_load_view(Path(case_root) / case) for case in cases]
        width = 1.45
        heights = [width * view.background.shape[1] / view.background.shape[0] for view in views for _ in range(rows)]
        # Below each picture stand its scores; above it, its method, where a column has several.
        text = 0.22 if rows == 1 else 0.52
        size = (width * columns + 0.9, sum(heights) + text * len(heights) + 0.75)
        tight = ConstrainedLayoutEngine(w_pad=0.01, h_pad=0.02, wspace=0.0, hspace=0.0)
        figure = Figure(figsize=size, layout=tight)
        grid = figure.subplots(len(heights), columns, squeeze=False, height_ratios=heights)
        image = None
        for place, (case, view) in enumerate(zip(cases, views, strict=True)):
            first, *others = grid[place * rows : (place + 1) * rows].ravel()
            _draw_background(first, view)
            _draw_contours(first, view)
            _draw_sides(first)
            first.set_ylabel(f"{case}\nz = {view.height_mm:.0f} mm", fontsize=8)
            titled = place == 0 or rows > 1
            if titled:
                first.set_title("T1, segmentation", fontsize=8)
            for axes, method in zip(others, methods, strict=False):
                scores = metrics[(metrics["case"] == case) & (metrics["method"] == method)]
                image = _draw_method(axes, view, Path(forward_root) / case / method, scores, observed) or image
                if titled:
                    role = str(metrics.loc[metrics["method"] == method, "role"].iloc[0])
                    axes.set_title(_title(method_name(method, settings.method_names), role), fontsize=8)
            for axes in others[len(methods) :]:
                axes.axis("off")
        if image is not None:
            bar = figure.colorbar(image, ax=grid, shrink=0.75, aspect=30, pad=0.01, fraction=0.02)
            bar.set_label("tumour-cell concentration", fontsize=8)
            # The image's own map of opacities is none for the bar.
            if bar.solids is not None:
                bar.solids.set_alpha(1)
        _draw_legend(figure)
        save_figure(figure, out_dir, figure_name("figure4", observed), settings.dpi)


def _title(label: str, role: str) -> str:
    """A method's name on two lines where it has two parts."""
    if role == "reference":
        return f"Reference:\n{label}"
    return label.replace(" on ", " on\n", 1) if " on " in label else label.replace(" (", "\n(", 1)


def choose_cases(metrics: pd.DataFrame, settings: PublishSettings) -> list[str]:
    """Patients to show: those the settings name, else the best, the worst and evenly spaced ones between.

    Cases are ordered by the whole-volume MSE of the hybrid method (or the next best known one), so that the figure
    shows failures as well as successes; without errors to go by, the first cases by name are taken.
    """
    known = [str(case) for case in metrics["case"].drop_duplicates()]
    if not known:
        raise InputError("figure 4", "the cohort has no cases", "evaluate at least one patient")
    if settings.figure4_cases:
        strange = [case for case in settings.figure4_cases if case not in known]
        if strange:
            raise InputError("publish.figure4_cases", f"{strange[0]} is no case of the run", "name evaluated cases")
        return list(settings.figure4_cases)
    present = set(metrics["method"])
    method = next((m for m in _ORDERED_BY if m in present), None)
    errors = metrics[(metrics["method"] == method) & metrics["mse_volume"].notna()]
    ordered = [str(case) for case in errors.sort_values(["mse_volume", "case"])["case"]] or sorted(known)
    count = min(settings.figure4_patients, len(ordered))
    picks = np.unique(np.rint(np.linspace(0, len(ordered) - 1, count)).astype(int))
    return [ordered[i] for i in picks]


def _choose_methods(metrics: pd.DataFrame, settings: PublishSettings, observed: Observed) -> list[str]:
    """The reference, then those of the observation that the settings name, or all."""
    roles = metrics[["method", "role"]].drop_duplicates("method")
    known = [str(method) for method in roles["method"]]
    reference = [str(method) for method in roles.loc[roles["role"] == "reference", "method"]]
    wanted = settings.figure4_methods or known
    strange = [method for method in wanted if method not in known]
    if strange:
        raise InputError("publish.figure4_methods", f"{strange[0]} is no method of the run", "name methods of the run")
    shown = methods_shown(metrics, observed)
    return reference + [method for method in wanted if method in shown and method not in reference]


@dataclass(frozen=True, eq=False)
class _View:
    """One axial slice of a patient, cropped to the brain, as (x to the patient's left, y to the front) images."""

    slices: tuple[slice, slice, int]
    background: NDArray[np.float32]
    whole: NDArray[np.bool_]
    core: NDArray[np.bool_]
    height_mm: float
    volume: Volume

    def cut(self, volume: Volume) -> NDArray[np.float32]:
        """The same slice of another volume of the patient."""
        canonical = volume.canonical()
        if not canonical.grid.matches(self.volume.grid):
            raise ValueError("the volume lies on another grid than the patient")
        return _radiological(canonical.data, self.slices)


def _radiological(data: NDArray[Any], slices: tuple[slice, slice, int]) -> NDArray[np.float32]:
    """Axial slice of a canonical (RAS) array with the patient's right on the left."""
    return np.asarray(data[slices][::-1], dtype=np.float32)


def _load_view(case_dir: Path) -> _View:
    """Find the slice of a patient and read what lies behind the concentrations."""
    segmentation = read_volume(case_dir / "segmentation.nii.gz", np.uint8).canonical()
    labels = read_volume(case_dir / "labels.nii.gz", np.uint8).canonical()
    path = case_dir / "t1.nii.gz"
    brain = read_volume(path, np.float32).canonical() if path.is_file() else labels
    whole = whole_tumour_mask(segmentation.data)
    if not whole.any():
        raise InputError(case_dir / "segmentation.nii.gz", "holds no tumour", "segment the tumour again")
    centre = segmentation.grid.world_to_voxel(centre_of_mass_mm(Volume(whole, segmentation.grid)))
    k = int(np.rint(centre[2]))
    if not whole[:, :, k].any():
        k = int(whole.sum(axis=(0, 1)).argmax())
    inside = (labels.data > TissueLabel.BACKGROUND).any(axis=2) | whole.any(axis=2)
    box = []
    for axis in (0, 1):
        hit = np.flatnonzero(np.any(inside, axis=1 - axis))
        box.append(slice(max(0, int(hit[0]) - 2), int(hit[-1]) + 3))
    slices = (box[0], box[1], k)
    return _View(
        slices,
        _radiological(grey_values(brain.data), slices),
        _radiological(whole, slices) > 0.5,
        _radiological(core_mask(segmentation.data), slices) > 0.5,
        float(segmentation.grid.voxel_to_world(np.array([*centre[:2], k]))[2]),
        segmentation,
    )


def _draw_background(axes: Axes, view: _View) -> None:
    spacing = view.volume.grid.spacing_mm
    axes.imshow(view.background.T, origin="lower", cmap="gray", vmin=0, vmax=1, aspect=spacing[1] / spacing[0])
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_contours(axes: Axes, view: _View) -> None:
    for mask, colour, line in ((view.whole, _WHOLE_COLOUR, "-"), (view.core, _CORE_COLOUR, "--")):
        if mask.any() and not mask.all():
            axes.contour(mask.T.astype(float), levels=[0.5], colors=colour, linewidths=0.8, linestyles=line)


def _draw_sides(axes: Axes) -> None:
    for x, side, align in ((0.02, "R", "left"), (0.98, "L", "right")):
        axes.text(x, 0.98, side, transform=axes.transAxes, ha=align, va="top", color="white", fontsize=7)


def _draw_method(axes: Axes, view: _View, folder: Path, scores: pd.DataFrame, observed: Observed) -> AxesImage | None:
    """One concentration over the T1, with the method's scores below; says so where there is none."""
    _draw_background(axes, view)
    if scores.empty or scores["status"].iloc[0] == "failed":
        text = "failed" if len(scores) else "not run"
        axes.text(
            0.5,
            0.5,
            text,
            transform=axes.transAxes,
            ha="center",
            va="center",
            color="white",
            fontsize=9,
            bbox={"facecolor": "black", "edgecolor": "none", "alpha": 0.7},
        )
        axes.set_xlabel(" ", fontsize=7)
        return None
    field = view.cut(read_volume(folder / "concentration.nii.gz", np.float32))
    # Fully transparent without cells, so that anatomy shows through the margin where cells are few.
    opacity = 0.85 * np.clip(field / 0.2, 0, 1)
    image = axes.imshow(
        field.T, origin="lower", cmap="inferno", vmin=0, vmax=1, alpha=opacity.T,
        aspect=view.volume.grid.spacing_mm[1] / view.volume.grid.spacing_mm[0],
    )  # fmt: skip
    _draw_contours(axes, view)
    axes.set_xlabel(_scores_text(scores.iloc[0], observed), fontsize=7, labelpad=2)
    return image


def _scores_text(row: pd.Series, observed: Observed) -> str:
    """Scores by what was observed: distance from the reference, or from the segmentation; and Dice."""
    parts = []
    if observed == "reference" and np.isfinite(row["mse_volume"]):
        parts.append(f"MSE {format_quantity(row['mse_volume'])}")
    if np.isfinite(row["dice_whole_033"]):
        parts.append(f"Dice {row['dice_whole_033']:.2f}")
    if observed == "segmentation" and np.isfinite(row["hd95_whole_033_mm"]):
        parts.append(f"HD95 {row['hd95_whole_033_mm']:.1f} mm")
    return ", ".join(parts) or " "


def _draw_legend(figure: Figure) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=_WHOLE_COLOUR, linewidth=1.4, label="segmentation, whole tumour"),
        Line2D([], [], color="0.45", linestyle="--", linewidth=1.4, label="segmentation, core (white)"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
