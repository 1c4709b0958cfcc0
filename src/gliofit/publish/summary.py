"""One page for one fit: observation, fitted concentration, residual, and how the loss fell."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gliofit.crop import centre_of_mass_mm
from gliofit.grid import Volume
from gliofit.io import atomic_path
from gliofit.tissue import Tissue

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["plot_summary"]

# name, axis that is cut, directions at the left and right edge of the picture
_PLANES = (("axial", 2, "R", "L"), ("coronal", 1, "R", "L"), ("sagittal", 0, "A", "P"))
_THRESHOLD = 0.33


def _cut(data: NDArray, axis: int, index: int) -> NDArray:
    """A slice as picture rows, seen as radiologists do: the patient's right (or front) on the left."""
    return np.take(data, index, axis=axis).T[:, ::-1]


def plot_summary(
    path: str | Path,
    tissue: Tissue,
    fitted: Volume,
    observed: Volume,
    segmentation: NDArray[np.bool_] | None,
    trace: pd.DataFrame,
    facts: dict[str, str],
) -> None:
    """Write ``summary.png``.

    Parameters
    ----------
    path
        PNG to write.
    tissue
        Tissue of the case; the background of the pictures.
    fitted
        Concentration of the final run, on the tissue's grid.
    observed
        What was fitted to, on the tissue's grid: a concentration, or the one drawn through a segmentation.
    segmentation
        Whole-tumour mask on the same grid, where a segmentation was observed; the residual is then taken against it.
    trace
        Table with columns ``evaluation`` and ``loss``.
    facts
        Lines of the text panel: name to value.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    brain = Volume((tissue.wm + 0.6 * tissue.gm + 0.15 * tissue.csf).astype(np.float32), tissue.grid).canonical()
    fit, target = fitted.canonical(), observed.canonical()
    mask = None if segmentation is None else Volume(segmentation, tissue.grid).canonical().data
    centre = np.rint(target.grid.world_to_voxel(centre_of_mass_mm(target))).astype(int)
    centre = np.clip(centre, 0, np.array(target.grid.shape) - 1)
    if mask is None:
        residual, residual_name = fit.data - target.data, "fit - observation"
        contour = target.data > _THRESHOLD
    else:
        residual, residual_name = (fit.data > _THRESHOLD).astype(np.float32) - mask, "fit > 0.33 minus whole tumour"
        contour = mask
    figure = Figure(figsize=(13, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 4, width_ratios=[1, 1, 1, 1.15])
    extent_mm = target.grid.isotropic_spacing_mm
    for row, (name, axis, left, right) in enumerate(_PLANES):
        index = int(centre[axis])
        background = _cut(brain.data, axis, index)
        size = (background.shape[1] * extent_mm, background.shape[0] * extent_mm)
        place = {"origin": "lower", "extent": (0, size[0], 0, size[1])}
        shown = (("observation", _cut(target.data, axis, index)), ("fit", _cut(fit.data, axis, index)))
        for column, (title, picture) in enumerate(shown):
            panel = axes[row, column]
            panel.imshow(background, cmap="gray", vmin=0, vmax=1.4, **place)
            layer = panel.imshow(np.ma.masked_less(picture, 0.01), cmap="inferno", vmin=0, vmax=1, alpha=0.8, **place)
            if row == 0:
                panel.set_title(title if column or mask is None else "observation\n(drawn through the segmentation)")
        panel = axes[row, 2]
        panel.imshow(background, cmap="gray", vmin=0, vmax=1.4, **place)
        difference = panel.imshow(
            np.ma.masked_inside(_cut(residual, axis, index), -0.02, 0.02), cmap="RdBu_r", vmin=-1, vmax=1, **place
        )
        if row == 0:
            panel.set_title(residual_name)
        edge = _cut(contour, axis, index).astype(float)
        fit_edge = (_cut(fit.data, axis, index) > _THRESHOLD).astype(float)
        for panel in axes[row, :3]:
            for data, colour, style in ((edge, "#66CCEE", "solid"), (fit_edge, "#CCBB44", "dashed")):
                if data.any() and not data.all():
                    panel.contour(data, levels=[0.5], colors=colour, linewidths=0.9, linestyles=style, **place)
            panel.set(xticks=[], yticks=[])
            panel.text(0.02, 0.5, left, transform=panel.transAxes, color="white", va="center")
            panel.text(0.98, 0.5, right, transform=panel.transAxes, color="white", va="center", ha="right")
        axes[row, 0].set_ylabel(name)
    figure.colorbar(layer, ax=axes[:, 1], location="bottom", shrink=0.9, label="tumour-cell concentration")
    figure.colorbar(difference, ax=axes[:, 2], location="bottom", shrink=0.9, label="residual")
    if len(trace):
        best = trace["loss"].cummin()
        axes[0, 3].plot(trace["evaluation"], trace["loss"], ".", color="#BBBBBB", markersize=3, label="evaluated")
        axes[0, 3].plot(trace["evaluation"], best, color="#4477AA", label="best so far")
        axes[0, 3].set(xlabel="evaluation", ylabel="loss", title="trace")
        if (trace["loss"] > 0).all():
            axes[0, 3].set_yscale("log")
        axes[0, 3].legend(frameon=False)
    else:
        axes[0, 3].axis("off")
    for panel in axes[1:, 3]:
        panel.axis("off")
    lines = "\n".join(f"{name}: {value}" for name, value in facts.items())
    axes[1, 3].text(0, 1, lines, va="top", family="monospace", fontsize=9, wrap=True)
    what = "whole tumour" if mask is not None else "observation at 0.33"
    axes[2, 3].text(
        0, 1, f"solid: {what}\ndashed: fit at 0.33\nthe patient's right is on the left", va="top", fontsize=9
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})
