"""Three-dimensional views of a patient: brain, segmentation and tumour cells, from three directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gliofit.core.grid import Grid, bounding_box
from gliofit.core.io import read_like, read_table
from gliofit.core.labels import TissueLabel
from gliofit.figures.colours import CORE, GLASS, MODEL, SPREAD, WHOLE
from gliofit.figures.sheet import Sheet
from gliofit.figures.slices import add_scale_bar, finish_slice, name_edges
from gliofit.figures.style import TWO_COLUMNS, figure_style, save_figure
from gliofit.metrics.masks import WHOLE_THRESHOLD
from gliofit.publish.patient_record import choose_method
from gliofit.publish.settings import PublishSettings
from gliofit.publish.slices import Anatomy
from gliofit.report.names import method_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Low concentration of the outer surface.
_LOW = 0.02
#: Spacing of surfaces and smoothing of masks in mm.
_STEP, _SMOOTHING = 3.0, 1.5

#: Oversampling of pixels against aliasing, pixels per inch, and ambient light.
_OVERSAMPLING, _PIXELS, _AMBIENT = 3, 180, 0.35

# Inches: left margin, gaps, names of directions, keys; and margin around the scene in mm.
_LEFT, _GAP, _ABOVE, _KEY, _EDGE_MM = 0.3, 0.05, 0.2, 0.24, 6.0


@dataclass(frozen=True)
class _Direction:
    """View: unit vectors (RAS) to the camera and to the right, and the patient's sides at the edges."""

    name: str
    towards: tuple[float, float, float]
    right: tuple[float, float, float]
    letters: str

    @property
    def up(self) -> NDArray[np.float64]:
        """Upward unit vector in the picture."""
        up: NDArray[np.float64] = np.cross(np.array(self.towards, dtype=float), np.array(self.right, dtype=float))
        return up


_FRONT = _Direction("from the front", (0, 1, 0), (-1, 0, 0), "RLIS")
_LEFT_SIDE = _Direction("from the left", (-1, 0, 0), (0, -1, 0), "APIS")
_RIGHT_SIDE = _Direction("from the right", (1, 0, 0), (0, 1, 0), "PAIS")
#: Same orientation as axial slices (the patient's right is on the left).
_BELOW = _Direction("from below, as axial slices", (0, 0, -1), (-1, 0, 0), "RLPA")


@dataclass(frozen=True, eq=False)
class Surface:
    """Surface of a region as triangles.

    Parameters
    ----------
    corners, normals
        World coordinates (RAS, mm) of the corners, shape (n, 3, 3), and unit normals outwards, shape (n, 3).
    colour, opacity
        Appearance of a triangle that faces the camera.
    rim
        Additional opacity where the surface turns away from the camera.
    """

    corners: NDArray[np.float64]
    normals: NDArray[np.float64]
    colour: str
    opacity: float
    rim: float = 0.0


def surface_of(
    values: NDArray[Any], grid: Grid, level: float, colour: str, opacity: float, rim: float = 0.0,
    smoothing: float = 0.0,
) -> Surface | None:  # fmt: skip
    """Compute an isosurface by marching cubes on voxels of 3 mm; None if it is empty.

    Parameters
    ----------
    values, grid
        Mask or concentration on a grid.
    level
        Values above the level are inside.
    colour, opacity, rim
        As in :class:`Surface`.
    smoothing
        Standard deviation in mm of the Gaussian smoothing; needed for masks.
    """
    from scipy.ndimage import gaussian_filter, zoom
    from skimage.measure import marching_cubes

    inside = np.asarray(values) > level
    if not inside.any():
        return None
    spacing = np.array(grid.spacing_mm)
    # A border of zeros closes surfaces at the edge of the volume.
    margin = int(np.ceil(3 * max(smoothing, _STEP) / spacing.min())) + 1
    box = [slice(max(0, side.start - margin), side.stop + margin) for side in bounding_box(inside)]
    part = np.pad(np.asarray(values, dtype=np.float32)[tuple(box)], margin)
    start = np.array([side.start for side in box]) - margin
    if smoothing:
        part = gaussian_filter(part, smoothing / spacing)
    factors = np.minimum(1, spacing / _STEP)
    coarse = zoom(part, factors, order=1, grid_mode=True, mode="grid-constant") if (factors < 1).any() else part
    if not coarse.min() < level < coarse.max():
        return None
    vertices, triangles, _, _ = marching_cubes(coarse, level)
    # Coarse voxel centres in fine voxels; outer borders are the same.
    ratio = np.array(part.shape) / np.array(coarse.shape)
    world = grid.voxel_to_world((vertices + 0.5) * ratio - 0.5 + start)
    corners = world[triangles]
    if np.linalg.det(corners).sum() < 0:
        corners, triangles = corners[:, ::-1], triangles[:, ::-1]
    return Surface(corners, _normals(corners, triangles, len(world)), colour, opacity, rim)


def _normals(corners: NDArray[np.float64], triangles: NDArray[np.int32], points: int) -> NDArray[np.float64]:
    """Compute smooth normals of triangles as means of the normals around their corners."""
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    sums = np.zeros((points, 3))
    for corner in range(3):
        np.add.at(sums, triangles[:, corner], face_normals)
    mean = sums[triangles].sum(axis=1)
    normals: NDArray[np.float64] = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
    return normals


def draw_view3d(
    case_dir: str | Path, metrics: str | Path, forward_root: str | Path, out_dir: str | Path, settings: PublishSettings
) -> None:
    """Draw ``{case}.3d.png`` and ``.pdf``: segmentation above, tumour cells by one method below.

    The brain is transparent; views are from the front, from the side nearer to the tumour, and from below. The method
    is the preferred one or, if it failed or is missing, the first successful one.

    Parameters
    ----------
    case_dir, metrics, forward_root
        ``register/patients/{case}``, ``metrics.parquet`` of the patient, and ``forward/patients/{case}``.
    out_dir
        Folder to write to.
    settings
        Preferred method and printed names.

    Raises
    ------
    InputError
        If a file is missing or lies on another grid than the patient, or the segmentation contains no tumour.
    """
    case_dir = Path(case_dir)
    anatomy = Anatomy.load(case_dir)
    grid, whole = anatomy.grid, anatomy.whole.data
    tissue = anatomy.labels.data >= TissueLabel.GREY_MATTER
    statuses = {str(row.method): str(row.status) for row in read_table(metrics).itertuples()}
    method = choose_method(statuses, settings.preferred_method)

    def surfaces(smoothing: float, *regions: tuple[str, Any, float, str, bool]) -> dict[str, Surface]:
        """Return the surfaces of regions (name, values, level, colour, opaque) that are not empty."""
        shown = {}
        for name, values, level, colour, opaque in regions:
            opacity, rim = (1.0, 0.0) if opaque else (0.3, 0.5)
            surface = surface_of(values, grid, level, colour, opacity, rim, smoothing)
            if surface is not None:
                volume = (values > level).sum() * grid.voxel_volume_mm3 / 1000
                shown[f"{name} ({volume:.0f} cm³)"] = surface
        return shown

    segmentation = ("core", anatomy.core, 0.5, CORE, True), ("whole tumour", whole, 0.5, WHOLE, False)
    views = {"Segmentation": surfaces(_SMOOTHING, *segmentation)}
    if method is not None:
        cells = read_like(Path(forward_root) / method / "concentration.nii.gz", grid).data
        levels = ((WHOLE_THRESHOLD, MODEL, True), (_LOW, SPREAD, False))
        regions = [(f"c above {level:.2f}", cells, level, colour, opaque) for level, colour, opaque in levels]
        views[method_name(method, settings.method_names)] = surfaces(1.0, *regions)
    brain = surface_of(tissue, grid, 0.5, GLASS, 0.06, 0.6, _SMOOTHING)
    centre = grid.voxel_to_world(np.argwhere(whole).mean(axis=0))
    middle = grid.voxel_to_world(np.argwhere(tissue).mean(axis=0))
    directions = (_FRONT, _RIGHT_SIDE if centre[0] > middle[0] else _LEFT_SIDE, _BELOW)
    with figure_style():
        figure = _draw([] if brain is None else [brain], views, directions)
        save_figure(figure, out_dir, f"{case_dir.name}.3d", _PIXELS)


def _draw(
    brain: Sequence[Surface], views: Mapping[str, Mapping[str, Surface]], directions: Sequence[_Direction]
) -> Figure:
    """Draw rows of pictures at one scale, with a key below each row."""
    from matplotlib.patches import Patch

    shown = [*brain, *(surface for row in views.values() for surface in row.values())]
    points = np.concatenate([surface.corners.reshape(-1, 3) for surface in shown])
    low, high = points.min(axis=0) - _EDGE_MM, points.max(axis=0) + _EDGE_MM
    centre = (low + high) / 2
    # Width and height; directions are along axes.
    sizes = [(high - low) @ np.abs(np.stack([direction.right, direction.up], axis=1)) for direction in directions]
    scale = (TWO_COLUMNS - _LEFT - len(directions) * _GAP) / sum(across for across, _ in sizes)
    up = max(up for _, up in sizes)
    tall = scale * up
    sheet = Sheet(TWO_COLUMNS, _ABOVE + len(views) * (tall + _KEY))
    for row, (name, surfaces) in enumerate(views.items()):
        top = _ABOVE + row * (tall + _KEY)
        letter = rf"$\mathbf{{{'ab'[row]}}}$"
        sheet.text(_LEFT / 2, top + tall / 2, f"{letter}   {name}", rotation=90, ha="center", va="center")
        x = _LEFT
        for direction, (across, _) in zip(directions, sizes, strict=True):
            axes = sheet.axes(x, top, scale * across, tall)
            picture = _render([*brain, *surfaces.values()], direction, centre, (across, up), scale)
            axes.imshow(picture, extent=(-across / 2, across / 2, -up / 2, up / 2))
            finish_slice(axes)
            name_edges(axes, direction.letters)
            if row == 0:
                sheet.text(x + scale * across / 2, top - 0.05, direction.name, ha="center")
            if x == _LEFT:
                add_scale_bar(axes)
            x += scale * across + _GAP
        handles = [
            Patch(facecolor=surface.colour, edgecolor="0.3", linewidth=0.4, label=text)
            for text, surface in surfaces.items()
        ]
        sheet.figure.legend(
            handles=handles, loc="upper left", ncols=max(1, len(handles)), borderaxespad=0.3, handlelength=1.2,
            bbox_to_anchor=(_LEFT / sheet.width, 1 - (top + tall) / sheet.height),
        )  # fmt: skip
    return sheet.figure


def _render(
    surfaces: Sequence[Surface], direction: _Direction, centre: NDArray[np.float64], size_mm: tuple[float, float],
    scale: float,
) -> NDArray[np.uint8]:  # fmt: skip
    """Render surfaces on black in parallel projection, shape (rows, columns, 3).

    Triangles of all surfaces are drawn in the order of their depth, for transparency.
    ``centre`` is the world point in the middle, ``scale`` the inches per mm.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import to_rgb
    from matplotlib.figure import Figure

    right, up, eye = (np.array(vector, dtype=float) for vector in (direction.right, direction.up, direction.towards))
    light = eye + 0.6 * up - 0.5 * right
    light /= np.linalg.norm(light)
    corners, colours = [], []
    for surface in surfaces:
        facing = surface.normals @ eye
        visible = facing > 0
        bright = _AMBIENT + (1 - _AMBIENT) * np.clip(surface.normals[visible] @ light, 0, 1)
        opacity = np.clip(surface.opacity + surface.rim * (1 - facing[visible]) ** 2, 0, 1)
        corners.append(surface.corners[visible] - centre)
        colours.append(np.column_stack([bright[:, None] * np.array(to_rgb(surface.colour)), opacity]))
    places = np.concatenate(corners)
    order = np.argsort((places @ eye).mean(axis=1), kind="stable")
    flat = np.stack([places @ right, places @ up], axis=-1)[order]

    columns, rows = (round(length * scale * _PIXELS) for length in size_mm)
    figure = Figure(figsize=(_OVERSAMPLING * columns / 100, _OVERSAMPLING * rows / 100), dpi=100, facecolor="black")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-size_mm[0] / 2, size_mm[0] / 2), ylim=(-size_mm[1] / 2, size_mm[1] / 2))
    axes.axis("off")
    faces = np.concatenate(colours)[order]
    # Edges hide seams between opaque triangles.
    edges = np.where(faces[:, 3:] < 1, 0.0, faces)
    axes.add_collection(PolyCollection(list(flat), facecolors=faces, edgecolors=edges, linewidths=0.7))
    canvas.draw()
    fine = np.asarray(canvas.buffer_rgba())[..., :3].astype(np.float32)
    fine = fine[: rows * _OVERSAMPLING, : columns * _OVERSAMPLING]
    mean = fine.reshape(rows, _OVERSAMPLING, columns, _OVERSAMPLING, 3).mean(axis=(1, 3))
    pixels: NDArray[np.uint8] = np.rint(mean).astype(np.uint8)
    return pixels
