"""Settings of the forward solvers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from gliofit.core.settings import Settings
from gliofit.core.work import Work

__all__ = ["AccurateSettings", "BackendName", "IntegratorSettings", "ReferenceSettings", "ToolkitSettings"]

BackendName = Literal["auto", "numba", "torch", "triton"]


class AccurateSettings(Settings):
    """The ``accurate`` integrator: error-controlled in time, same flux discretisation in space."""

    name: Literal["accurate"] = Field("accurate", description="`accurate`, also where no name is given.")
    tolerance: float = Field(
        3e-3, gt=0, le=0.1, description="Relative error (L2) of c aimed at in each time step, by step doubling."
    )
    active: float = Field(
        1e-15,
        ge=0,
        lt=1e-2,
        description="Concentration above which a voxel is active; work is done there and around, and grows with it. "
        "What lies ahead of a front decides its speed, so this is far below anything visible.",
    )
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")
    backend: BackendName = Field(
        "auto", description="`numba` on CPU, `triton` on CUDA, `torch` anywhere (slow, for checks); `auto` chooses."
    )

    def work(self, spacing_mm: float, tangents: bool = False) -> Work:
        """Work of one tumour: voxels go with the third power of the resolution, stages in time with its first."""
        return Work.of("accurate-tangents" if tangents else "accurate", spacing_mm**-4.0)

    def with_tolerance(self, tolerance: float | None) -> AccurateSettings:
        """The same with another tolerance, if one is given."""
        return self if tolerance is None else self.model_copy(update={"tolerance": tolerance})


class ReferenceSettings(Settings):
    """The ``reference`` integrator: forward Euler in flux form, the public toolkit's scheme without its faults.

    Each fault can be switched on by a flag; ``toolkit`` has them all.
    """

    # A section without a name is of `accurate`, so the schema has to ask for this one.
    model_config = ConfigDict(json_schema_extra={"required": ["name"]})

    name: Literal["reference"] = Field("reference", description="`reference`.")
    mask_seed: bool = Field(
        True,
        description="Set the initial tumour to zero outside white and grey matter; the toolkit lets it grow there.",
    )
    sub_voxel_seed: bool = Field(
        True, description="Take the origin as a real number and average the seed over voxels; the toolkit truncates it."
    )
    limit_reaction_step: bool = Field(
        True,
        description="Bound rho dt by `max_reaction_step`; the toolkit lets it reach 0.9, which slows early growth.",
    )
    max_reaction_step: float = Field(0.02, gt=0, le=0.9, description="Largest rho dt where it is bounded.")
    exact_final_time: bool = Field(
        True, description="Report the time really simulated; the toolkit reports one step less when stopped by volume."
    )
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")

    def work(self, spacing_mm: float) -> Work:
        """Work of one tumour: explicit steps in time go with the second power of the resolution."""
        return Work.of("reference", spacing_mm**-5.0)


class ToolkitSettings(Settings):
    """The ``toolkit`` integrator: the public toolkit's scheme with all of its faults, for comparison with its results.

    Source: TumorGrowthToolkit, whose forward Euler scheme generated the data of the paper.
    """

    model_config = ConfigDict(json_schema_extra={"required": ["name"]})

    name: Literal["toolkit"] = Field("toolkit", description="`toolkit`.")
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")

    def work(self, spacing_mm: float) -> Work:
        """Work of one tumour, that of the ``reference`` integrator."""
        return self.scheme.work(spacing_mm)

    @property
    def scheme(self) -> ReferenceSettings:
        """The same as flags of the ``reference`` integrator."""
        return ReferenceSettings(
            mask_seed=False,
            sub_voxel_seed=False,
            limit_reaction_step=False,
            exact_final_time=False,
            precision=self.precision,
        )


def _named(value: Any) -> Any:
    """A section without a name is of ``accurate``."""
    return {"name": "accurate", **value} if isinstance(value, Mapping) else value


#: Settings of any integrator, told apart by ``name``.
IntegratorSettings = Annotated[
    AccurateSettings | ReferenceSettings | ToolkitSettings, Field(discriminator="name"), BeforeValidator(_named)
]
