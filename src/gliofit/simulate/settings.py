"""Settings of stage simulate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from gliofit.core.settings import Settings
from gliofit.growth.model import DEFAULT, GrowthModelName
from gliofit.solver.settings import AccurateSettings, IntegratorSettings

#: Name of the unwarped anatomy.
ATLAS = "atlas"


def warped_name(number: int | str) -> str:
    """Return the name of a warped atlas by its number or its folder's name."""
    return f"warped-{number:05d}" if isinstance(number, int) else f"warped-{number}"


class SamplerPreset(Settings):
    """Ranges of uniform draws."""

    diffusivity_mm2_per_day: tuple[float, float] = Field(description="Range of D in white matter.")
    proliferation_per_day: tuple[float, float] = Field(description="Range of rho.")
    stopping_volume_mm3: tuple[float, float] = Field(description="Range of the volume at which growth stops.")


#: ``appendix-d`` has the printed ranges of the paper's appendix D; ``paper`` limits rho to 1 per day, which reproduces
#: the mean growth parameters in the paper's code (``gliofit.paper.MEAN_THETA``).
PRESETS: dict[str, SamplerPreset] = {
    "paper": SamplerPreset(
        diffusivity_mm2_per_day=(0.001, 10.0), proliferation_per_day=(0.001, 1.0), stopping_volume_mm3=(1e3, 4e5)
    ),
    "appendix-d": SamplerPreset(
        diffusivity_mm2_per_day=(0.001, 10.0), proliferation_per_day=(0.001, 10.0), stopping_volume_mm3=(1e3, 4e5)
    ),
}


class WarpSettings(Settings):
    """Randomly warped copies of the atlas, to train networks on more than one anatomy."""

    count: int = Field(
        0,
        ge=0,
        le=99_999,
        description="Number of warped atlases; the shards of `simulate.warps.train_shards` use them in turn.",
    )
    train_shards: int = Field(
        0, ge=0, description="Training shards on warped atlases, in addition to `simulate.train_shards` on the atlas."
    )
    amplitude_mm: float = Field(
        8.0,
        ge=0,
        description="Root mean square over the brain of the smooth random velocity, integrated over unit time.",
    )
    smoothness_mm: float = Field(25.0, gt=0, description="Standard deviation in mm of the Gaussian smoothing.")
    scale: float = Field(
        0.06, ge=0, le=0.3, description="Standard deviation of the logarithm of a random scaling along each axis."
    )
    steps: int = Field(6, ge=1, le=12, description="Number of squarings in the integration of the velocity.")


class SimulateSettings(Settings):
    """Sampling and simulation of synthetic tumours."""

    preset: Literal["paper", "appendix-d"] = Field("paper", description="Ranges of D, rho and stopping volume.")
    growth_model: GrowthModelName = Field(DEFAULT, description="Growth model of the simulated tumours.")
    spacing_mm: float = Field(2.0, gt=0, description="Voxel size of the simulations and the coarsened atlas, in mm.")
    samples_per_shard: int = Field(32, ge=1, description="Number of samples per job and file.")
    train_shards: int = Field(2, ge=1, description="Number of shards for the training of networks.")
    validation_shards: int = Field(1, ge=1, description="Number of shards for the selection of network weights.")
    test_cases: int = Field(6, ge=0, description="Size of the synthetic cohort (samples of the test shards).")
    pilot_samples: int = Field(200, ge=10, description="Number of samples of the pilot report.")
    pilot_spacing_mm: float = Field(4.0, gt=0, description="Voxel size of the pilot's simulations, in mm.")
    integrator: IntegratorSettings = Field(default_factory=AccurateSettings, description="The forward solver.")
    batch_size: int = Field(32, ge=1, description="Number of simultaneous simulations on CUDA; not used on CPUs.")
    warps: WarpSettings = Field(WarpSettings(), description="Randomly warped atlases.")

    @model_validator(mode="after")
    def _shards_agree(self) -> SimulateSettings:
        if self.warps.train_shards and not self.warps.count:
            raise ValueError("warps.train_shards: needs warped atlases; set warps.count")
        if self.samples_per_shard > 10_000:
            raise ValueError("samples_per_shard: at most 10000, or one job runs for days")
        return self

    def shard_names(self, split: Literal["train", "validation", "test"]) -> list[str]:
        """Return the names of a split's shards, for example ``train-00003``."""
        counts = {
            "train": self.train_shards + self.warps.train_shards, "validation": self.validation_shards,
            "test": -(-self.test_cases // self.samples_per_shard),
        }  # fmt: skip
        return [f"{split}-{number:05d}" for number in range(counts[split])]

    def samples_in(self, shard: str) -> int:
        """Return the number of samples in a shard; the last test shard has the rest of the cohort."""
        split, _, number = shard.partition("-")
        if split != "test":
            return self.samples_per_shard
        return min(self.samples_per_shard, self.test_cases - int(number) * self.samples_per_shard)

    @property
    def anatomies(self) -> list[str]:
        """Names of all anatomies: ``atlas``, then ``warped-00000`` and so on."""
        return [ATLAS, *map(warped_name, range(self.warps.count))]

    def anatomy_of(self, shard: str) -> str:
        """Return the anatomy of a shard.

        The first ``train_shards`` training shards have the atlas, the others the warped atlases in turn. Validation
        and test shards have the atlas, in which networks are compared.
        """
        split, _, number = shard.partition("-")
        position = int(number) - self.train_shards
        if split != "train" or position < 0:
            return ATLAS
        return self.anatomies[1 + position % self.warps.count]

    def case_names(self) -> list[str]:
        """Return the names of the synthetic cases."""
        return [f"synthetic-{number:05d}" for number in range(self.test_cases)]

    def case_location(self, case: str) -> tuple[str, int]:
        """Return shard and index of a synthetic case."""
        number = int(case.rpartition("-")[2])
        return f"test-{number // self.samples_per_shard:05d}", number % self.samples_per_shard
