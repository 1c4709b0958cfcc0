"""Theta read in the atlas, the tumour grown there and warped back: Learn-Morph-Infer (arXiv:2111.04090)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from gliofit.core.errors import InputError
from gliofit.invert.base import AbstractInverter, Inversion, InversionError, MethodSettings
from gliofit.solver.settings import AccurateSettings, IntegratorSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gliofit.core.crop import Crop
    from gliofit.growth.theta import Theta
    from gliofit.invert.atlas_map import AbstractAtlasMap
    from gliofit.invert.problem import Problem
    from gliofit.observation.observation import AbstractObservation
    from gliofit.train.surrogate import AtlasInverse

__all__ = ["Lmi", "LmiSettings"]


class LmiSettings(MethodSettings):
    """Settings of ``lmi``."""

    inverter: Literal["lmi"] = Field(description="`lmi`.")
    patient_observation: Literal["segmentation"] = Field(
        "segmentation", description="The network reads segmentations and nothing else."
    )
    lmi: str = Field("lmi", description="Name of the trained network, of an architecture that is fixed in the atlas.")
    threshold_whole: float = Field(
        0.33,
        gt=0,
        lt=1,
        description="Where a concentration is observed (synthetic cases): that at the border of the whole tumour.",
    )
    threshold_core: float = Field(0.6, gt=0, lt=1, description="The same at the border of the core.")
    as_released: bool = Field(
        False,
        description="Show the network the core as 0.666 and not as 0.999. The released script does so, since it gives "
        "oedema alone as the FLAIR region; the network was not trained on that.",
    )
    integrator: IntegratorSettings = Field(
        default_factory=AccurateSettings, description="Forward integrator that grows the tumour in the atlas."
    )

    @model_validator(mode="after")
    def _consistent(self) -> LmiSettings:
        if self.origin != "free":
            raise ValueError("lmi reads the origin in the atlas and cannot hold it; set origin: free")
        if self.threshold_core <= self.threshold_whole:
            raise ValueError("threshold_core must be above threshold_whole: the core lies inside the whole tumour")
        return self


class Lmi(AbstractInverter[LmiSettings]):
    """One pass through a network that reads the segmentation in the atlas, and one run of the solver there.

    Origin and concentration are brought back to the patient. Growth parameters stay those of the tumour in the atlas,
    whose brain may be larger or smaller.
    """

    settings_type: ClassVar[type[LmiSettings]] = LmiSettings
    gives_concentration: ClassVar[bool] = True
    needs_atlas: ClassVar[bool] = True

    def invert(self, problem: Problem) -> Inversion:
        """Read theta, grow, and warp; no loss is computed.

        Raises
        ------
        InputError
            If the problem has no way to the atlas.
        InversionError
            If no tumour arrives there, or the network gives numbers that are not finite.
        """
        from gliofit.core.grid import Volume
        from gliofit.solver.registry import make_solver

        if problem.atlas is None:
            raise InputError("lmi", "has no registration to the atlas", "run it in the workflow (docs/invert.md)")
        atlas, network = problem.atlas, problem.networks.lmi
        trace = problem.start_trace()
        crop = network.cube(atlas.tissue.grid)
        found, notes = self._settled(self._read(problem.observation, atlas, crop, network), problem, network)
        trace.count()
        solution = make_solver(self.settings.integrator).solve(atlas.tissue, found)
        grown = atlas.to_patient(solution.volume)
        inside = np.where(problem.observation.visible, np.clip(grown.data, 0, 1), 0).astype(np.float32)
        origin = atlas.point_to_patient(np.array(found.origin_mm))
        theta = found.with_origin(origin)
        return trace.finish(
            theta.to_array(),
            np.nan,
            True,
            "; ".join(notes),
            extra={"out_of_range": bool(notes)},
            concentration=Volume(inside, problem.tissue.grid),
        )

    def _read(
        self, observation: AbstractObservation, atlas: AbstractAtlasMap, crop: Crop, network: AtlasInverse
    ) -> NDArray[np.float64]:
        """Theta in the atlas as the network gives it, shape (n,), origin in world mm."""
        import torch

        from gliofit.train.surrogate import segmentation_image

        whole, core = (torch.from_numpy(mask)[None] for mask in self._masks(observation, atlas, crop))
        if not whole.any():
            raise InversionError(f"no tumour is left on the network's voxels of {network.crop.spacing_mm:g} mm")
        image = segmentation_image(whole & ~core if self.settings.as_released else whole, core)
        with torch.no_grad():
            raw = network(image.to(network.theta_mean.device))[0].double().cpu().numpy()
        if not np.isfinite(raw).all():
            raise InversionError("the network gives numbers that are not finite")
        return raw + np.append(crop.centre_mm, np.zeros(len(raw) - 3))

    def _masks(
        self, observation: AbstractObservation, atlas: AbstractAtlasMap, crop: Crop
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whole tumour and core on the cube: the greater part of a voxel, or a mean concentration at the threshold."""
        from gliofit.core.grid import Volume
        from gliofit.observation.observation import SegmentationObservation

        if isinstance(observation, SegmentationObservation):
            masks, grid = observation.masks, observation.tissue.grid

            def part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
                inside = Volume((mask & observation.visible).astype(np.float32), grid)
                return crop.volume(atlas.to_atlas(inside)).data >= 0.5

            return part(masks.whole), part(np.zeros_like(masks.whole) if masks.core is None else masks.core)
        seen = crop.volume(atlas.to_atlas(observation.concentration)).data
        return seen >= self.settings.threshold_whole, seen >= self.settings.threshold_core

    @staticmethod
    def _settled(theta: NDArray[np.float64], problem: Problem, network: AtlasInverse) -> tuple[Theta, list[str]]:
        """A theta that can grow in the atlas, and what is said of one that is none of those trained on."""
        from gliofit.growth.theta import Theta
        from gliofit.invert.solver_objective import distance_to_tissue_mm
        from gliofit.solver.seed import SEED_REACH_MM

        assert problem.atlas is not None
        tissue, notes = problem.atlas.tissue, []
        low, high = (values.double().cpu().numpy() for values in (network.theta_low, network.theta_high))
        bounds = problem.bounds.lower, problem.bounds.upper
        for index in np.flatnonzero(~problem.space.is_position):
            if low[index] <= theta[index] <= high[index]:
                continue
            name = problem.space.symbols[index]
            note = f"{name} of {theta[index]:.3g} is outside the training range ({low[index]:.3g} to {high[index]:.3g})"
            inside = np.clip(theta[index], bounds[0][index], bounds[1][index])
            notes.append(note if inside == theta[index] else f"{note} and was brought into the bounds")
            theta[index] = inside
        distance, nearest = distance_to_tissue_mm(tissue.mask, tissue.grid, theta[:3])
        spacing = max(tissue.grid.spacing_mm)
        if distance > np.sqrt(3) / 2 * spacing:
            note = f"the origin lies {distance:.1f} mm from the atlas' white and grey matter"
            # Half a voxel less than the seed's radius, so that the voxel reached really gets a share of it.
            if distance > SEED_REACH_MM - spacing / 2:
                theta[:3] = nearest
                note += " and was moved to the nearest"
            notes.append(note)
        return Theta.from_array(theta), notes
