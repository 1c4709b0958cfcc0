"""Base classes of inversion methods, and their outcome."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from gliofit.core.references import Kind, Reference, Trait, references_in
from gliofit.core.settings import Settings
from gliofit.core.work import Work
from gliofit.growth.model import DEFAULT, growth_model_names
from gliofit.growth.theta import Theta
from gliofit.train.settings import NetworkRole

if TYPE_CHECKING:
    import pandas as pd

    from gliofit.core.grid import Volume
    from gliofit.invert.problem import Problem
    from gliofit.invert.uncertainty import Uncertainty

#: Estimates with ``not-converged`` are usable; ``failed`` means that there is no estimate.
Status = Literal["ok", "not-converged", "failed"]

#: Observation of a patient: the concentration simulated with the reference method's estimate, or the segmentation.
PatientObservation = Literal["reference", "segmentation"]


class MethodTrait(Trait):
    """What settings can require of a method that they name."""

    THETA = "estimates theta"
    ALONE = "refines no other method"
    WITHOUT_ATLAS = "does not work in the atlas"
    DESCENT = "descends by gradients through a surrogate"
    DIRECT_ESTIMATE = "uses a direct inverse network"


#: Name of a trained direct inverse network.
DirectName = Annotated[str, Reference(Kind.NETWORK, (NetworkRole.DIRECT,))]


class InversionError(RuntimeError):
    """A method has no estimate for a case, which becomes a row with status ``failed``."""


class LevelSettings(Settings):
    """One voxel size of a method from coarse to fine voxels."""

    spacing_mm: float = Field(gt=0, description="Voxel size; the nearest whole multiple of the case's is used.")
    tolerance: float | None = Field(
        None, gt=0, le=0.1, description="Tolerance of the `accurate` integrator; by default that of `integrator`."
    )
    imaging_width: float | None = Field(
        None,
        ge=0.005,
        le=0.3,
        description="Width of the imaging model; by default `invert.imaging.width`. A large width smooths the loss.",
    )


@dataclass(frozen=True, eq=False)
class Inversion:
    """Outcome of one method on one case."""

    #: Estimate; None if the method failed or estimates only a concentration.
    theta: Theta | None
    #: Loss at the estimate. Losses of different methods or domains are not comparable.
    loss: float
    #: One row per evaluation, see ``Trace.table``.
    trace: pd.DataFrame
    #: Number of forward model evaluations, by solver or surrogate.
    evaluations: int
    #: Time of the inversion, without reading files, loading networks and the forward simulation of the estimate.
    wall_seconds: float
    #: Outcome, with notes for the user.
    status: Status
    message: str = ""
    #: Rejected candidate of a method that chooses between two.
    other: Theta | None = None
    #: Covariance and intervals of theta, if the method provides them.
    uncertainty: Uncertainty | None = None
    #: Additional columns of the results row.
    extra: dict[str, Any] = field(default_factory=dict)
    #: Concentration estimated directly, on the grid of the case; it replaces the forward simulation.
    concentration: Volume | None = None


class AbstractInverter(Settings, ABC):
    """Inversion method with its settings: estimates theta from an observation.

    A method is one subclass in one file of ``gliofit/invert/methods`` that restricts ``inverter`` to the name of the
    file. Import heavy libraries inside ``invert``, since configurations are validated without them.
    """

    inverter: str = Field(description="File of the method in `gliofit/invert/methods`, with `-` for `_`.")
    origin: Literal["free", "com-fixed", "com-start", "com-swap"] = Field(
        "free",
        description="Use of the observation's centre of mass (COM). `free`: the origin is estimated without it. "
        "`com-fixed`: the origin is fixed at the COM. `com-swap`: the origin is estimated, and the COM replaces it in "
        "the forward simulation. `com-start`: the COM is the initial guess (gradient methods).",
    )
    patient_observation: PatientObservation | None = Field(
        None, description="Observation of patients; by default `invert.patient_observation`."
    )
    cohorts: tuple[Literal["synthetic", "patients"], ...] = Field(
        ("synthetic", "patients"),
        min_length=1,
        description="Cohorts to run the method on. Use `[patients]` for an entry that differs from another one only in "
        "`patient_observation`.",
    )
    growth_model: str = Field(
        DEFAULT, description="Growth model whose parameters are estimated (docs/methods.md, growth models)."
    )

    #: Whether the method estimates an origin in the case, which `origin` can fix or replace.
    has_origin: ClassVar[bool] = True
    #: Whether the method supports all growth models, or only that of the paper.
    any_growth_model: ClassVar[bool] = False
    #: Whether the method descends by gradients through a surrogate, from one guess, which `com-start` can change.
    descends: ClassVar[bool] = False
    #: Whether the method chooses between two candidates and returns the rejected one in ``Inversion.other``.
    keeps_other: ClassVar[bool] = False
    #: Whether the method returns ``Inversion.uncertainty``.
    gives_uncertainty: ClassVar[bool] = False
    #: Whether the method estimates theta.
    gives_theta: ClassVar[bool] = True
    #: Whether the method returns ``Inversion.concentration``, which replaces the forward simulation.
    gives_concentration: ClassVar[bool] = False
    #: Whether the method works in the atlas, to which a patient must be registered, and needs ``Problem.atlas``.
    needs_atlas: ClassVar[bool] = False

    @abstractmethod
    def invert(self, problem: Problem) -> Inversion:
        """Estimate theta.

        Raises
        ------
        InversionError
            If there is no estimate. ``fit`` also converts other numerical errors to a failed outcome.
        """

    def work(self, spacing_mm: float, cube: int) -> Work:
        """Return the work of the method on one case; every method defines it.

        ``cube`` is the number of voxels along each edge of the networks' cube, 0 for methods without networks.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define work; see gliofit.core.work")

    @property
    def networks(self) -> dict[str, str]:
        """Names of the trained networks that the method needs, by role."""
        needs = [(need, name) for _, name, reference in references_in(self) for need in reference.needs]
        return {need.value: name for need, name in needs if isinstance(need, NetworkRole)}

    @property
    def refined(self) -> str | None:
        """Name of the method whose estimate is refined, None if there is none."""
        return getattr(self, "refines", None)

    @property
    def most_evaluations(self) -> int | None:
        """Largest number of forward model evaluations; None if unknown."""
        return None

    @model_validator(mode="after")
    def _supported(self) -> Self:
        known = growth_model_names() if self.any_growth_model else [DEFAULT]
        if self.growth_model not in known:
            raise ValueError(
                f"growth_model: '{self.inverter}' does not support '{self.growth_model}'; use {', '.join(known)}"
            )
        if self.origin != "free" and not self.has_origin:
            raise ValueError(f"origin: '{self.inverter}' does not estimate an origin in the case; set free")
        if self.origin == "com-start" and not self.descends:
            raise ValueError(f"origin: '{self.inverter}' has no initial guess; com-start is for gradient methods")
        return self


class DirectInverter(AbstractInverter):
    """Method that uses a direct inverse network."""

    direct: DirectName = Field("direct-inverse", description="Name of the trained direct inverse network.")


class SurrogateInverter(AbstractInverter):
    """Method that uses a neural surrogate."""

    surrogate: Annotated[str, Reference(Kind.NETWORK, (NetworkRole.SURROGATE,))] = Field(
        "guided-unet", description="Name of the trained surrogate."
    )
    training_range: bool = Field(
        True,
        description="Restrict the search to the surrogate's training range within `invert.bounds`; networks "
        "extrapolate poorly.",
    )
