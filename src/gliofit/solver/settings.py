"""Settings of the forward solvers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from gliofit.core.settings import Settings
from gliofit.core.work import Work

BackendName = Literal["auto", "numba", "torch", "triton"]


class AccurateSettings(Settings):
    """The ``accurate`` integrator: error control in time, flux form in space."""

    name: Literal["accurate"] = Field("accurate", description="`accurate` (default).")
    tolerance: float = Field(
        3e-3, gt=0, le=0.1, description="Target of the relative L2 error of c in each time step, by step doubling."
    )
    active: float = Field(
        1e-15,
        ge=0,
        lt=1e-2,
        description="Concentration above which a voxel is active; only active voxels and their surroundings are "
        "computed. The speed of a front depends on concentrations far below anything visible.",
    )
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")
    backend: BackendName = Field(
        "auto", description="`numba` (CPU), `triton` (CUDA) or `torch` (CPU, slow); `auto`: numba or triton."
    )

    def work(self, spacing_mm: float, tangents: bool = False) -> Work:
        """Work of one tumour: voxels go with the third power of the resolution, stages in time with its first."""
        return Work.of("accurate-tangents" if tangents else "accurate", spacing_mm**-4.0)

    def with_tolerance(self, tolerance: float | None) -> AccurateSettings:
        """Return a copy with another tolerance, unchanged for None."""
        return self if tolerance is None else self.model_copy(update={"tolerance": tolerance})


class ReferenceSettings(Settings):
    """The ``reference`` integrator: forward Euler in flux form, the public toolkit's scheme without its faults.

    Each option set to false restores one fault; ``toolkit`` restores all.
    """

    # Sections without a name are `accurate`, so the schema requires this name.
    model_config = ConfigDict(json_schema_extra={"required": ["name"]})

    name: Literal["reference"] = Field("reference", description="`reference`.")
    mask_seed: bool = Field(
        True, description="Set the initial tumour to zero outside white and grey matter; the toolkit does not."
    )
    sub_voxel_seed: bool = Field(
        True, description="Average the seed over voxels about a real-valued origin; the toolkit truncates the origin."
    )
    limit_reaction_step: bool = Field(
        True, description="Limit rho dt to `max_reaction_step`; the toolkit reaches 0.9, which slows early growth."
    )
    max_reaction_step: float = Field(0.02, gt=0, le=0.9, description="Largest rho dt with `limit_reaction_step`.")
    exact_final_time: bool = Field(
        True, description="Report the simulated time; the toolkit reports one step less when stopped by volume."
    )
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")

    def work(self, spacing_mm: float) -> Work:
        """Work of one tumour: explicit steps in time go with the second power of the resolution."""
        return Work.of("reference", spacing_mm**-5.0)


class ToolkitSettings(Settings):
    """The ``toolkit`` integrator: scheme of the public TumorGrowthToolkit with its faults, as in the paper's data."""

    model_config = ConfigDict(json_schema_extra={"required": ["name"]})

    name: Literal["toolkit"] = Field("toolkit", description="`toolkit`.")
    precision: Literal["float32", "float64"] = Field("float32", description="Floating type of the field.")

    def work(self, spacing_mm: float) -> Work:
        """Work of one tumour, that of the ``reference`` integrator."""
        return self.scheme.work(spacing_mm)

    @property
    def scheme(self) -> ReferenceSettings:
        """Equivalent settings of the ``reference`` integrator."""
        return ReferenceSettings(
            mask_seed=False, sub_voxel_seed=False, limit_reaction_step=False, exact_final_time=False,
            precision=self.precision,
        )  # fmt: skip


def _with_name(value: Any) -> Any:
    return {"name": "accurate", **value} if isinstance(value, Mapping) else value


#: Settings of any integrator, selected by ``name``.
IntegratorSettings = Annotated[
    AccurateSettings | ReferenceSettings | ToolkitSettings, Field(discriminator="name"), BeforeValidator(_with_name)
]
