"""Learn-Morph-Infer: theta predicted in the atlas, simulation there, concentration warped back (arXiv:2111.04090)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from gliofit.core.errors import InputError
from gliofit.core.references import Kind, Reference
from gliofit.core.work import Work, cubes
from gliofit.invert.base import AbstractInverter, Inversion, InversionError
from gliofit.observation.imaging import check_thresholds
from gliofit.solver.settings import AccurateSettings, IntegratorSettings
from gliofit.train.settings import NetworkRole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from gliofit.core.crop import Crop
    from gliofit.core.tissue import Tissue
    from gliofit.growth.theta import Theta
    from gliofit.invert.atlas_map import AtlasMap
    from gliofit.invert.problem import Problem
    from gliofit.observation.observation import AbstractObservation
    from gliofit.train.surrogate import AtlasInverse


class Lmi(AbstractInverter):
    """Prediction of theta by a network from the segmentation in the atlas, and simulation there.

    Origin and concentration are brought back to the patient. Growth parameters stay those of the tumour in the atlas,
    whose brain may be larger or smaller.
    """

    has_origin: ClassVar[bool] = False
    gives_concentration: ClassVar[bool] = True
    needs_atlas: ClassVar[bool] = True

    inverter: Literal["lmi"] = Field(description="`lmi`.")
    patient_observation: Literal["segmentation"] = Field(
        "segmentation", description="Observation of patients; the network reads only segmentations."
    )
    lmi: Annotated[str, Reference(Kind.NETWORK, (NetworkRole.LMI,))] = Field(
        "lmi", description="Name of the trained network for segmentations in the atlas."
    )
    threshold_whole: float = Field(
        0.33, gt=0, lt=1, description="Concentration at the border of the whole tumour, for synthetic cases."
    )
    threshold_core: float = Field(
        0.6, gt=0, lt=1, description="Concentration at the border of the core, for synthetic cases."
    )
    as_released: bool = Field(
        False,
        description="Encode the core as 0.666 instead of 0.999. The released script does so, since it passes only "
        "oedema as FLAIR region; the network was not trained on that.",
    )
    integrator: IntegratorSettings = Field(
        default_factory=AccurateSettings, description="Integrator of the simulation in the atlas."
    )

    _ordered = model_validator(mode="after")(check_thresholds)

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Return one prediction, one simulation in the atlas (voxels of 1 mm), and resampling there and back."""
        warped = Work.of("volume", 12 * spacing_mm**-3.0)
        return Work.of("prediction", cubes(cube)) + self.integrator.work(1.0) + warped

    def invert(self, problem: Problem) -> Inversion:
        """Predict theta, simulate and warp; the loss is NaN.

        Raises InversionError if the tumour disappears in the atlas, or the output of the network is not finite.
        """
        from gliofit.core.grid import Volume
        from gliofit.solver.registry import make_solver

        if problem.atlas is None:
            raise InputError("lmi", "has no registration to the atlas", "run it in the workflow (docs/invert.md)")
        atlas, network = problem.atlas, problem.networks["lmi"]
        trace = problem.start_trace()
        crop = network.cube(atlas.tissue.grid)
        prediction = self._predict(problem.observation, atlas, crop, network)
        atlas_theta, notes = self._make_feasible(prediction, problem, atlas.tissue, network)
        trace.count()
        solution = make_solver(self.integrator).solve(atlas.tissue, atlas_theta)
        warped = atlas.to_patient(solution.volume)
        inside = np.where(problem.observation.visible, np.clip(warped.data, 0, 1), 0).astype(np.float32)
        theta = atlas_theta.with_origin(atlas.point_to_patient(np.array(atlas_theta.origin_mm)))
        return trace.finish(
            theta.to_array(), np.nan, True, "; ".join(notes), extra={"out_of_range": bool(notes)},
            concentration=Volume(inside, problem.tissue.grid),
        )  # fmt: skip

    def _predict(
        self, observation: AbstractObservation, atlas: AtlasMap, crop: Crop, network: AtlasInverse
    ) -> NDArray[np.float64]:
        """Predict theta in the atlas, shape (n,), origin in world mm."""
        import torch

        from gliofit.train.surrogate import segmentation_image

        whole, core = (torch.from_numpy(mask)[None] for mask in self._masks(observation, atlas, crop))
        if not whole.any():
            raise InversionError(f"the tumour disappears on the network's voxels of {network.crop.spacing_mm:g} mm")
        image = segmentation_image(whole & ~core if self.as_released else whole, core)
        with torch.no_grad():
            raw = network(image.to(network.theta_mean.device))[0].double().cpu().numpy()
        if not np.isfinite(raw).all():
            raise InversionError("the output of the network is not finite")
        return np.append(raw[:3] + crop.centre_mm, raw[3:])

    def _masks(
        self, observation: AbstractObservation, atlas: AtlasMap, crop: Crop
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return whole tumour and core on the cube, by majority of a voxel or by thresholds of the concentration."""
        from gliofit.core.grid import Volume
        from gliofit.observation.observation import SegmentationObservation

        if isinstance(observation, SegmentationObservation):

            def resample(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
                visible = Volume((mask & observation.visible).astype(np.float32), observation.tissue.grid)
                return crop.volume(atlas.to_atlas(visible)).data >= 0.5

            return resample(observation.masks.whole), resample(observation.masks.core)
        concentration = crop.volume(atlas.to_atlas(observation.concentration)).data
        return concentration >= self.threshold_whole, concentration >= self.threshold_core

    @staticmethod
    def _make_feasible(
        theta: NDArray[np.float64], problem: Problem, tissue: Tissue, network: AtlasInverse
    ) -> tuple[Theta, list[str]]:
        """Clip theta to the bounds, move its origin to tissue, and note where it is outside the training range."""
        from gliofit.growth.theta import Theta
        from gliofit.invert.solver_objective import locate_origin

        notes = []
        low, high = (values.double().cpu().numpy() for values in (network.theta_low, network.theta_high))
        clipped = problem.bounds.clip(theta)
        for index in np.flatnonzero(~problem.space.is_position):
            if low[index] <= theta[index] <= high[index]:
                continue
            name = problem.space.symbols[index]
            note = f"{name} of {theta[index]:.3g} is outside the training range ({low[index]:.3g} to {high[index]:.3g})"
            notes.append(note if clipped[index] == theta[index] else f"{note} and was clipped to the bounds")
            theta[index] = clipped[index]
        distance, target = locate_origin(tissue, theta[:3])
        if distance:
            note = f"the origin lies {distance:.1f} mm from the atlas' white and grey matter"
            if target is not None:
                theta[:3] = target
                note += " and was moved to the nearest voxel"
            notes.append(note)
        return Theta.from_array(theta), notes
