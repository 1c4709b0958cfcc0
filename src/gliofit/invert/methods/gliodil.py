"""GliODIL: joint fit of field and parameters to data and growth equation (Balcerak et al., arXiv:2312.05063)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from gliofit.core.settings import Settings
from gliofit.core.work import Work
from gliofit.growth.space import ParameterSpace
from gliofit.growth.theta import DURATION_DAYS
from gliofit.invert.base import AbstractInverter, Inversion, InversionError

if TYPE_CHECKING:
    from gliofit.core.grid import Grid
    from gliofit.invert.odil.loss import DiscreteLoss, Unknowns
    from gliofit.invert.problem import Problem
    from gliofit.invert.trace import Trace

# Unit of the origin for `l-bfgs`, whose steps scale with gradients.
_PLACE_MM = 100.0
# Number of stages with constant weights for `l-bfgs`.
_STAGES = 8
# Convergence criterion: relative change of mu and change of the origin in the last tenth of the epochs.
_SETTLED, _SETTLED_MM = 0.02, 0.5


class WeightSettings(Settings):
    """Weights w of the terms mean((w term)^2) over cells and slices, by default those of GliODIL."""

    equation: float = Field(2400.0, gt=0, description="Residual of the growth equation, per day.")
    seed: float = Field(1000.0, gt=0, description="Difference of the first slice from the initial tumour.")
    regions: float = Field(12.0, gt=0, description="Distance of the last slice from the segmentation's thresholds.")
    concentration: float = Field(45.0, gt=0, description="Difference of the last slice from a concentration.")
    range: float = Field(1.0, ge=0, description="Values below 0 or above 1.")
    outside: float = Field(0.01, ge=0, description="Values outside white and grey matter.")
    parameters: float = Field(1.0, ge=0, description="Sum of the distances of parameters from their ranges.")


class ReleasedSettings(Settings):
    """Optional behaviour of GliODIL's released version that changes results."""

    swapped_faces: bool = Field(
        False,
        description="Combine each face's diffusivity with the difference at the opposite face, so that cells diffuse "
        "out of tissue.",
    )
    y_faces_for_z: bool = Field(False, description="Use the diffusivities of the lower y faces for the lower z faces.")
    periodic_box: bool = Field(False, description="Use periodic boundary conditions.")
    wide_seed: bool = Field(
        False,
        description="Use GliODIL's initial tumour (peak 0.58, radius 10.3 voxels) instead of that of the forward "
        "simulation (0.50, 5.7 mm).",
    )
    half_voxel_offset: bool = Field(
        False, description="Measure the origin from voxel corners in the fit and from voxel centres in the result."
    )


class Gliodil(AbstractInverter):
    """Minimisation of the discrete loss from a forward simulation that resembles the observation."""

    inverter: Literal["gliodil"] = Field(description="`gliodil`.")
    space_cells: int = Field(32, ge=4, le=256, description="Cells along each axis of the box about the tumour.")
    time_slices: int = Field(32, ge=4, le=1024, description="Time slices from the seed to the observation.")
    levels: int = Field(
        4,
        ge=1,
        le=8,
        description="Number of grids whose sum is the field, each with half the cells of the previous one.",
    )
    box_scale: float = Field(1.5, ge=1, le=4, description="Ratio of box to tumour length along each axis.")
    box_margin_mm: float = Field(10.0, ge=0, description="Smallest distance of the tumour from the faces of the box.")
    optimiser: Literal["adam", "l-bfgs"] = Field(
        "l-bfgs", description="Optimiser. GliODIL uses `adam`, which needs far more epochs."
    )
    epochs: int = Field(1000, ge=4, description="Evaluations of the loss and its derivatives.")
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Initial learning rate of the field.")
    rates_learning_rate: float = Field(5e-3, gt=0, le=1, description="Learning rate of D (mm²/day) and rho (1/day).")
    origin_learning_rate: float = Field(0.1, gt=0, le=1, description="Learning rate of the origin (mm).")
    imaging_learning_rate: float = Field(
        1e-3, gt=0, le=1, description="Learning rate of thresholds and log10(D_WM / D_GM)."
    )
    final_learning_rate: float = Field(
        0.02, gt=0, le=1, description="Final learning rate relative to the initial one (cosine schedule)."
    )
    first_strength: float = Field(
        0.02,
        gt=0,
        le=1,
        description="Initial factor of the weights of equation and seed. With a small factor the field first follows "
        "the data and the parameters follow the field, which takes fewer epochs; GliODIL uses 1.",
    )
    strengthening: float = Field(
        0.9, gt=0, le=1, description="Share of the epochs in which that factor increases to 1, geometrically."
    )
    weights: WeightSettings = Field(default_factory=WeightSettings, description="Weights of the loss.")
    fit_ratio: bool = Field(
        False, description="Fit D_WM / D_GM between 10 and 1000, initially 100; the forward simulation still uses 10."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="`auto` uses a CUDA device if there is one.")
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")
    released: ReleasedSettings = Field(
        default_factory=ReleasedSettings, description="Behaviour of the released version to reproduce."
    )

    @model_validator(mode="after")
    def _halves(self) -> Self:
        step = 2 ** (self.levels - 1)
        for name in ("space_cells", "time_slices"):
            if getattr(self, name) % step:
                raise ValueError(f"{name} must be a multiple of {step} with {self.levels} levels")
        return self

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Evaluations of the loss on all cells in space and time."""
        million = self.space_cells**3 * self.time_slices / 1e6
        return Work.of("cells", self.epochs * million, megabytes=1000 * million)

    def invert(self, problem: Problem) -> Inversion:
        """Fit field and parameters on a box about the tumour."""
        import torch

        from gliofit.train.memory import keep_freed_memory

        keep_freed_memory()
        trace = problem.start_trace()
        loss, unknowns = self._start(problem)
        groups = [(unknowns.levels, self.learning_rate), ([unknowns.rates], self.rates_learning_rate)]
        if problem.held_origin_mm(self.origin) is None:
            groups.append(([unknowns.place], self.origin_learning_rate))
        imaging = [unknowns.imaging, *([unknowns.log_ratio] if self.fit_ratio else [])]
        groups.append((imaging, self.imaging_learning_rate))
        variables = [tensor for tensors, _ in groups for tensor in tensors]
        for tensor in variables:
            tensor.requires_grad_(True)

        strength, strengths = 1.0, []

        def evaluate() -> torch.Tensor:
            optimiser.zero_grad(set_to_none=True)
            value = loss(unknowns, strength)
            strengths.append(strength)
            value.backward()
            trace.add(self._theta(loss, unknowns, problem), float(value.detach()), self.optimiser)
            if not np.isfinite(float(value.detach())):
                raise InversionError(f"the loss was not finite after {len(trace)} epochs; choose smaller step sizes")
            return value

        epochs = self.epochs
        if self.optimiser == "adam":
            parameters = [{"params": tensors, "lr": rate} for tensors, rate in groups]
            optimiser: torch.optim.Optimizer = torch.optim.Adam(parameters, eps=1e-7, fused=True)
            final = self.final_learning_rate
            schedule = torch.optim.lr_scheduler.LambdaLR(
                optimiser, lambda epoch: final + (1 - final) * (1 + np.cos(np.pi * epoch / epochs)) / 2
            )
            for epoch in range(epochs):
                strength = self._strength(epoch)
                evaluate()
                optimiser.step()
                schedule.step()
        else:
            # A line search needs a constant loss, so that weights increase in stages.
            stages = 1 if self.first_strength == 1 else min(_STAGES, epochs // 2)
            for stage in range(stages):
                strength = self._strength(epochs * stage // (stages - 1)) if stages > 1 else 1.0
                optimiser = torch.optim.LBFGS(
                    variables, max_iter=epochs, max_eval=epochs // stages, history_size=20, tolerance_grad=0,
                    tolerance_change=1e-12, line_search_fn="strong_wolfe",
                )  # fmt: skip
                optimiser.step(evaluate)
        return self._finish(problem.space, trace, loss, unknowns, np.array(strengths))

    def _start(self, problem: Problem) -> tuple[DiscreteLoss, Unknowns]:
        """Return the loss and the initial guess."""
        import torch

        from gliofit.core.grid import Volume
        from gliofit.core.tissue import TISSUE_THRESHOLD
        from gliofit.growth.model import DIFFUSIVITY_RATIO
        from gliofit.invert.odil.data import START_CORE, START_WHOLE, SpaceTime, data_term, tumour_mask
        from gliofit.invert.odil.equation import Diffusion, diffusion
        from gliofit.invert.odil.loss import DiscreteLoss, Unknowns, first_guess

        device = "cuda" if self.device != "cpu" and torch.cuda.is_available() else "cpu"
        if self.device == "cuda" != device:
            raise InversionError("device: CUDA is not available; set `device: auto`")
        like = torch.zeros((), dtype=getattr(torch, self.precision), device=device)
        observation = problem.observation
        tumour = tumour_mask(observation)
        if not tumour.any():
            raise InversionError("the observed concentration is too low in all voxels")
        mask = Volume(tumour, problem.tissue.grid).canonical()
        space = SpaceTime.about(mask, self.space_cells, self.time_slices, self.box_scale, self.box_margin_mm)
        tissue = problem.tissue.canonical()
        wm, gm = space.average(tissue.wm), space.average(tissue.gm)
        inside = wm + gm >= TISSUE_THRESHOLD

        def stencil(white: float, grey: float) -> Diffusion:
            return diffusion(wm, gm, space.spacing_mm, white, grey, self.released, like)

        ratio = 100.0 if self.fit_ratio else DIFFUSIVITY_RATIO
        whole_stencil = stencil(1.0, 1 / ratio)
        stencils = (stencil(1.0, 0.0), stencil(0.0, 1.0)) if self.fit_ratio else (whole_stencil, None)
        term = data_term(observation, space, like)
        weights = self.weights
        loss = DiscreteLoss(
            space, stencils, like.new_tensor(inside.astype(np.float32)), term, problem.bounds, weights,
            weights.regions if term.has_thresholds else weights.concentration, self.released.wide_seed,
        )  # fmt: skip
        origin = like.new_tensor(space.to_box(self._first_origin(problem, space.grid, inside, term.core)))
        seed = loss.seed(origin)
        if not bool((seed > 0).any()):
            raise InversionError("no cell of the initial tumour lies in white or grey matter")
        field, *rates = first_guess(term, whole_stencil, seed, space.slices)
        coarser = [[size // 2**level for size in space.shape] for level in range(1, self.levels)]
        levels = [field, *(like.new_zeros(shape) for shape in coarser)]
        unit = _PLACE_MM if self.optimiser == "l-bfgs" else 1.0
        return loss, Unknowns(
            levels,
            origin / unit,
            like.new_tensor(rates),
            like.new_tensor([START_CORE, START_WHOLE]),
            like.new_tensor([np.log10(ratio)]),
            unit,
        )

    def _first_origin(
        self, problem: Problem, grid: Grid, inside: NDArray[np.bool_], core: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the fixed origin, or the centre of mass of the core (or tumour), moved to the nearest tissue."""
        from gliofit.invert.solver_objective import distance_to_tissue_mm

        fixed = problem.held_origin_mm(self.origin)
        if fixed is not None:
            return fixed
        centre = problem.observation.centre_mm
        if core.any():
            centre = grid.voxel_to_world(np.argwhere(core).mean(axis=0))
        distance, nearest = distance_to_tissue_mm(inside, grid, centre)
        return nearest if distance > max(grid.spacing_mm) / 2 else centre

    def _strength(self, epoch: int) -> float:
        """Return the factor of the weights of equation and seed."""
        fraction = min(epoch / (self.strengthening * self.epochs), 1.0)
        return float(self.first_strength ** (1 - fraction))

    def _theta(self, loss: DiscreteLoss, unknowns: Unknowns, problem: Problem) -> NDArray[np.float64]:
        """Return theta of the current parameters, clipped to the bounds."""
        fixed_origin = problem.held_origin_mm(self.origin)
        place = unknowns.origin_mm.detach().double().cpu().numpy()
        if self.released.half_voxel_offset:
            place = place + np.array(loss.space.source.spacing_mm) / 2
        origin = loss.space.to_world(place) if fixed_origin is None else fixed_origin
        rates = unknowns.rates.detach().double().abs().cpu().numpy()
        theta = problem.bounds.clip(np.append(origin, np.sqrt(rates * DURATION_DAYS)))
        # A fixed origin must not change by rounding of the bounds.
        return theta if fixed_origin is None else np.append(fixed_origin, theta[3:])

    def _finish(
        self,
        space: ParameterSpace,
        trace: Trace,
        loss: DiscreteLoss,
        unknowns: Unknowns,
        strengths: NDArray[np.float64],
    ) -> Inversion:
        """Return the epoch with the lowest loss, and whether theta changed in the last tenth of the epochs."""
        table = trace.table()
        # Losses at lower strengths are not comparable.
        best = table[strengths == strengths.max()].sort_values("loss", kind="stable").iloc[0]
        theta, value = best[list(space.columns)].to_numpy(dtype=float), float(best["loss"])
        # Only accepted points of line searches count: those that lower the loss at constant strength.
        lowest = table["loss"].groupby(strengths).cummin()
        late = table.iloc[-max(2, len(table) // 10) :][lambda rows: rows["loss"] <= lowest[rows.index]]
        late = late if len(late) else table[table["evaluation"] == best["evaluation"]]
        mu = late[[parameter.column for parameter in space.others]].to_numpy()
        origins = late[list(space.columns[:3])].to_numpy()
        drift = float(np.max(np.ptp(mu, axis=0) / mu.mean(axis=0)))
        drift_mm = float(np.linalg.norm(np.ptp(origins, axis=0)))
        cells = " x ".join(f"{size:.1f}" for size in loss.space.spacing_mm)
        message = f"cells of {cells} mm; in the last tenth of the epochs mu changed by {drift:.1%}, "
        message += f"the origin by {drift_mm:.1f} mm"
        extra = {}
        if loss.term.has_thresholds:
            core, whole = unknowns.imaging.detach().abs().tolist()
            extra = {"threshold_whole": whole, "threshold_core": core}
        converged = drift <= _SETTLED and drift_mm <= _SETTLED_MM
        return trace.finish(theta, value, converged, message, extra=extra)
