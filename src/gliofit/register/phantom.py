"""Phantom patients: synthetic BraTS patients with known tumour parameters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.atlas.model import Atlas, load_atlas, solid
from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.grid import Grid, Volume
from gliofit.core.header import CONCENTRATION
from gliofit.core.io import write_table, write_volume
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import diffusivity_mm2_per_day, proliferation_per_day
from gliofit.growth.theta import DURATION_DAYS, Theta
from gliofit.register.naming import check_case_name, phantom_file_names
from gliofit.register.phantom_images import paint_images, paint_segmentation
from gliofit.register.phantom_shape import PhantomShape, phantom_grid
from gliofit.register.settings import PhantomSettings
from gliofit.simulate.grow import truth_row
from gliofit.solver.settings import AccurateSettings

#: Spacing of the trial simulation before the full one.
_TRIAL_SPACING_MM = 4.0
_TRIES = 60
#: The same for all runs, because a phantom's tumour is data and independent of the run's solver.
_INTEGRATOR = AccurateSettings()


@dataclass(frozen=True, eq=False)
class _Tumour:
    """A simulated tumour with its ground truth."""

    theta: Theta
    concentration: NDArray[np.float32]
    planned: Theta
    final_time_days: float
    volume_mm3: float


def make_phantom(case: str, atlas_dir: Path, out_dir: Path, settings: PhantomSettings, seed: int) -> None:
    """Write a phantom patient in BraTS 2021 naming, with ``truth.parquet`` and ``truth_concentration.nii.gz``.

    The atlas' tissue is deformed, a tumour with known theta is simulated in it, and images are computed from both.
    The phantom's seed is derived from ``seed``, the run's, and ``case``; equal ones give equal files. The atlas needs
    no T1 image.

    Raises
    ------
    InputError
        If no tumour of the requested size is obtained.
    """
    check_case_name(case, "phantom")
    phantom_seed = derive_seed(seed, "phantom", case)
    shapes, tumours, paint = (np.random.default_rng([phantom_seed, part]) for part in range(3))
    atlas = load_atlas(atlas_dir)
    grid = phantom_grid(settings.spacing_mm)
    tissue, brain = _deform(atlas, grid, shapes, settings)
    tumour = _grow(tissue, tumours, settings)
    segmentation = paint_segmentation(tumour.concentration, brain, settings)
    images = paint_images(paint, tissue, brain, tumour.concentration, settings)
    names = phantom_file_names(case)
    for role, image in images.items():
        write_volume(out_dir / names[role], Volume(image, grid))
    write_volume(out_dir / names["seg"], Volume(segmentation, grid))
    concentration = Volume(tumour.concentration, grid)
    write_volume(out_dir / "truth_concentration.nii.gz", concentration, CONCENTRATION)
    rates = (diffusivity_mm2_per_day(tumour.planned), proliferation_per_day(tumour.planned))
    truth = truth_row(tumour.theta, concentration, *rates, tumour.final_time_days, tumour.volume_mm3, _INTEGRATOR.name)
    row = {"case": case, "sample": 0, **truth, "seed": phantom_seed}
    write_table(out_dir / "truth.parquet", pd.DataFrame([row]))


def _deform(
    atlas: Atlas, grid: Grid, generator: np.random.Generator, settings: PhantomSettings
) -> tuple[Tissue, NDArray[np.bool_]]:
    """Return tissue and brain mask of the phantom."""
    mask = atlas.brain_mask
    ratio = settings.spacing_mm / mask.grid.isotropic_spacing_mm
    factor = max(1, round(ratio))
    used = np.argwhere(mask.data)
    centre = mask.grid.voxel_to_world((used.min(axis=0) + used.max(axis=0)) / 2)
    shape = PhantomShape.draw(generator, grid, centre, settings)
    # Averaged before coarser sampling, so that thin structures fade instead of breaking up.
    brain = solid(shape.pull(Volume(mask.data.astype(np.float32), mask.grid).coarsen(factor), grid).data > 0.5)
    wm, gm = (np.where(brain, shape.pull(atlas.tissue.map(n).coarsen(factor), grid).data, 0) for n in ("wm", "gm"))
    csf = np.where(brain, 1 - wm - gm, 0).clip(0, 1)
    return Tissue(wm, gm, csf, grid), brain


def _grow(tissue: Tissue, generator: np.random.Generator, settings: PhantomSettings) -> _Tumour:
    """Draw tumours until one has a volume in the range: first at a coarse spacing, then in full."""
    from gliofit.solver.registry import make_solver

    solver = make_solver(_INTEGRATOR)
    domain = tissue if settings.tissue == "probabilities" else Tissue.from_labels(Volume(tissue.labels, tissue.grid))
    spacing = tissue.grid.isotropic_spacing_mm
    trial_domain = domain.coarsen(max(1, int(_TRIAL_SPACING_MM / spacing + 1e-6)))
    low, high = (1000 * v for v in settings.tumour_volume_cc)
    depth = _depth(tissue)
    for _ in range(_TRIES):
        planned = _draw_theta(tissue, depth, generator, settings)
        # The range is of the segmented volume; the solver stops at the integral of c, which is slightly smaller.
        target = float(np.exp(generator.uniform(np.log(1.1 * low), np.log(max(0.9 * high, 1.1 * low)))))
        try:
            trial = solver.solve(trial_domain, planned, stopping_volume_mm3=target)
            if trial.stopped_by != "volume" or trial.final_time_days < 0.05 * DURATION_DAYS:
                continue
            solution = solver.solve(domain, planned, stopping_volume_mm3=target)
        except SeedOutsideTissueError:
            continue
        visible = float((solution.concentration >= settings.whole_at).sum()) * tissue.grid.voxel_volume_mm3
        if solution.stopped_by == "volume" and low <= visible <= high:
            # Values below those of any image would only enlarge the file.
            concentration = np.where(solution.concentration < 1e-9, 0, solution.concentration).astype(np.float32)
            theta = planned.at_fraction(solution.final_time_days / DURATION_DAYS)
            return _Tumour(theta, concentration, planned, solution.final_time_days, solution.volume_mm3)
    raise InputError(
        "phantoms",
        f"no tumour of {settings.tumour_volume_cc[0]:g} to {settings.tumour_volume_cc[1]:g} cc grew in {_TRIES} tries",
        "widen phantoms.tumour_volume_cc, or raise phantoms.mu_rho and phantoms.front_mm",
    )


def _draw_theta(
    tissue: Tissue, depth: NDArray[np.float32], generator: np.random.Generator, settings: PhantomSettings
) -> Theta:
    """Draw an origin in deep white matter of the cerebrum, and a uniform growth and front width."""
    grid = tissue.grid
    candidates = np.flatnonzero((tissue.wm > 0.8).ravel() & (depth.ravel() > 8))
    voxel = np.array(np.unravel_index(generator.choice(candidates), grid.shape)) + generator.uniform(-0.5, 0.5, 3)
    growth = generator.uniform(*settings.mu_rho)
    return Theta.from_voxel(voxel, growth * generator.uniform(*settings.front_mm), growth, grid=grid)


def _depth(tissue: Tissue) -> NDArray[np.float32]:
    """Return the distance in mm from the brain's surface; zero in the lowest third (brain stem and cerebellum)."""
    from scipy.ndimage import distance_transform_edt

    brain = (tissue.wm + tissue.gm + tissue.csf) > 0.5
    depth = distance_transform_edt(np.pad(brain, 1), sampling=tissue.grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    z = tissue.grid.voxel_to_world(np.argwhere(brain))[:, 2]
    floor = z.min() + (z.max() - z.min()) / 3
    # The third axis of phantom grids is foot-head.
    heights = tissue.grid.voxel_to_world(np.array([[0, 0, k] for k in range(tissue.grid.shape[2])]))[:, 2]
    depth[:, :, heights < floor] = 0
    return np.asarray(depth, dtype=np.float32)
