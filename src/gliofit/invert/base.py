"""What every inversion method is: settings, a problem in, an estimate of theta out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, Self, TypeVar

from pydantic import Field, model_validator

from gliofit.core.references import Kind, Reference, Trait, references_in
from gliofit.core.settings import Settings
from gliofit.growth.model import DEFAULT, growth_model_names
from gliofit.growth.theta import Theta
from gliofit.train.roles import NetworkRole

if TYPE_CHECKING:
    import pandas as pd

    from gliofit.core.grid import Volume
    from gliofit.invert.problem import Problem
    from gliofit.invert.uncertainty import Uncertainty

__all__ = [
    "AbstractInverter",
    "DirectMethodSettings",
    "DirectName",
    "Inversion",
    "InversionError",
    "MethodSettings",
    "MethodTrait",
    "OriginReading",
    "PatientObservation",
    "Status",
    "SurrogateMethodSettings",
]

#: ``not-converged`` estimates are usable; ``failed`` ones do not exist.
Status = Literal["ok", "not-converged", "failed"]

#: What a method sees of a patient: the concentration of the reference method's final run, or the segmentation.
PatientObservation = Literal["reference", "segmentation"]


#: How the observation's centre of mass enters: the paper's "COM" can be read in each of three ways.
OriginReading = Literal["free", "com-fixed", "com-start", "com-swap"]


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
    """A method cannot give an estimate for this case; it becomes a row with status ``failed``."""


class MethodSettings(Settings):
    """Settings all methods have. Each method derives its own and narrows ``inverter`` to its file's name."""

    inverter: str = Field(description="File of the method in `gliofit/invert/methods`, with `-` for `_`.")
    origin: OriginReading = Field(
        "free",
        description="`free`: the origin is estimated. The centre of mass of the observation (COM) enters in one of "
        "three ways: `com-fixed` holds the origin there, and it is no variable at all; `com-swap` estimates it, and "
        "then puts the COM in its place for the final run; `com-start` begins the search there (gradient methods).",
    )
    patient_observation: PatientObservation | None = Field(
        None, description="What the method sees of a patient, where it differs from `invert.patient_observation`."
    )

    cohorts: tuple[Literal["synthetic", "patients"], ...] = Field(
        ("synthetic", "patients"),
        min_length=1,
        description="Cohorts to run the method on. An entry that differs from another only in what it sees of patients "
        "needs `[patients]` alone.",
    )

    growth_model: str = Field(
        DEFAULT, description="Growth model whose parameters are estimated (docs/methods.md, growth models)."
    )

    #: Whether the method searches from one start, which `origin: com-start` can choose.
    has_start: ClassVar[bool] = False
    #: Whether the method works with any growth model, or with the paper's alone.
    any_growth_model: ClassVar[bool] = False
    #: Whether the method descends by gradients through a surrogate.
    descends: ClassVar[bool] = False

    @property
    def networks(self) -> dict[NetworkRole, str]:
        """Names of the trained networks that the method needs."""
        found = [(name, need) for _, name, reference in references_in(self) for need in reference.needs]
        return {need: name for name, need in found if isinstance(need, NetworkRole)}

    @property
    def refined(self) -> str | None:
        """Name of the method whose estimate is refined, None if there is none."""
        return None

    @property
    def most_evaluations(self) -> int | None:
        """Evaluations of the forward model that the method makes at most; None where its settings do not say."""
        return None

    @model_validator(mode="after")
    def _growth_model_known(self) -> Self:
        known = growth_model_names() if self.any_growth_model else [DEFAULT]
        if self.growth_model not in known:
            raise ValueError(
                f"growth_model: '{self.inverter}' works with {', '.join(known)}, not with '{self.growth_model}'"
            )
        return self

    @model_validator(mode="after")
    def _origin_known(self) -> Self:
        if self.origin == "com-start" and not self.has_start:
            raise ValueError(
                f"origin: com-start is for methods that search from one start, which '{self.inverter}' does not"
            )
        return self


class DirectMethodSettings(MethodSettings):
    """Settings of methods that use the direct inverse network."""

    direct: DirectName = Field("direct-inverse", description="Name of the trained direct inverse model.")


class SurrogateMethodSettings(MethodSettings):
    """Settings of methods that use the neural surrogate."""

    surrogate: Annotated[str, Reference(Kind.NETWORK, (NetworkRole.SURROGATE,))] = Field(
        "guided-unet", description="Name of the trained surrogate."
    )
    training_range: bool = Field(
        True,
        description="Search only where the surrogate was trained (intersection with `invert.bounds`), because networks "
        "extrapolate badly.",
    )


@dataclass(frozen=True, eq=False)
class Inversion:
    """Outcome of one method on one case.

    Parameters
    ----------
    theta
        Estimate, None where the method failed or gives a concentration alone.
    loss
        The method's own loss at the estimate. Losses of different methods or domains cannot be compared.
    trace
        One row per evaluation, see ``Trace.table``.
    evaluations
        Runs of the forward model, solver or surrogate.
    wall_seconds
        Time of the inversion alone: without reading files, loading networks or the final forward run.
    status, message
        How it ended; the message also says what the user should know about the estimate.
    other
        The candidate a method that decides between two did not choose.
    uncertainty
        How well theta is determined, from methods that say so.
    extra
        Further columns of the results row.
    concentration
        The concentration that a method estimates itself, with or without theta, on the grid of the case; it takes the
        place of the final forward run.
    """

    theta: Theta | None
    loss: float
    trace: pd.DataFrame
    evaluations: int
    wall_seconds: float
    status: Status
    message: str = ""
    other: Theta | None = None
    uncertainty: Uncertainty | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    concentration: Volume | None = None


SettingsT = TypeVar("SettingsT", bound=MethodSettings)


class AbstractInverter(ABC, Generic[SettingsT]):
    """Estimates theta from an observation.

    A method is one concrete subclass in one file of ``gliofit/invert/methods``. Settings derived from
    ``SurrogateMethodSettings`` or ``DirectMethodSettings`` say that it needs those trained networks. Heavy libraries
    are imported inside ``invert``, because configurations are checked without them.
    """

    #: The method's own settings class.
    settings_type: ClassVar[type[MethodSettings]]
    #: Whether the method decides between two candidates; the other one then is in ``Inversion.other``.
    keeps_other: ClassVar[bool] = False
    #: Whether the method says how well theta is determined (``Inversion.uncertainty``).
    gives_uncertainty: ClassVar[bool] = False
    #: Whether the method estimates theta.
    gives_theta: ClassVar[bool] = True
    #: Whether the method estimates a concentration (``Inversion.concentration``) in place of the final forward run.
    gives_concentration: ClassVar[bool] = False
    #: Whether the method works in the atlas and needs the way there (``Problem.atlas``).
    needs_atlas: ClassVar[bool] = False

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings

    @abstractmethod
    def invert(self, problem: Problem) -> Inversion:
        """Estimate theta.

        Raises
        ------
        InversionError
            If there is no estimate. Anything numerical that goes wrong may also be raised: ``fit`` makes a failed
            outcome of it.
        """
