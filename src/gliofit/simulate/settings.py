"""Settings of stage simulate."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from gliofit.core.settings import Settings
from gliofit.growth.model import DEFAULT, GrowthModelName
from gliofit.solver.settings import AccurateSettings, IntegratorSettings

__all__ = ["ATLAS", "PRESETS", "SamplerPreset", "SimulateSettings", "WarpSettings", "brain_name", "warped_name"]

#: Name of the unwarped anatomy.
ATLAS = "atlas"


def warped_name(number: int | str) -> str:
    """Name of a warped atlas by its number, or by the folder named after it."""
    return f"warped-{number:05d}" if isinstance(number, int) else f"warped-{number}"


def brain_name(folder: Path) -> str:
    """Name of the brain whose tissue a folder holds: ``tissue`` for the atlas, ``warped/{number}`` for the others."""
    return ATLAS if folder.name == "tissue" else warped_name(folder.name)


class SamplerPreset(Settings):
    """Uniform ranges that parameters are drawn from."""

    diffusivity_mm2_per_day: tuple[float, float] = Field(description="Range of D in white matter.")
    proliferation_per_day: tuple[float, float] = Field(description="Range of rho.")
    stopping_volume_mm3: tuple[float, float] = Field(description="Range of the volume at which growth is stopped.")


#: ``appendix-d`` is what the paper's appendix D prints; ``paper`` bounds rho at 1 per day, which alone gives the mean
#: growth parameters that the paper's own code holds (``gliofit.paper.MEAN_THETA``).
PRESETS: dict[str, SamplerPreset] = {
    "paper": SamplerPreset(
        diffusivity_mm2_per_day=(0.001, 10.0), proliferation_per_day=(0.001, 1.0), stopping_volume_mm3=(1e3, 4e5)
    ),
    "appendix-d": SamplerPreset(
        diffusivity_mm2_per_day=(0.001, 10.0), proliferation_per_day=(0.001, 10.0), stopping_volume_mm3=(1e3, 4e5)
    ),
}


class WarpSettings(Settings):
    """Randomly warped copies of the atlas, so that networks see more than one anatomy."""

    count: int = Field(
        0,
        ge=0,
        le=99_999,
        description="Warped atlases, over which the shards of `train_shards` of this section take turns.",
    )
    train_shards: int = Field(
        0, ge=0, description="Training shards on warped atlases, beyond `simulate.train_shards` on the atlas itself."
    )
    amplitude_mm: float = Field(
        8.0,
        ge=0,
        description="Root mean square over the brain of the smooth random velocity, integrated for unit time.",
    )
    smoothness_mm: float = Field(
        25.0, gt=0, description="Standard deviation of the Gaussian that smooths the velocity."
    )
    scale: float = Field(
        0.06, ge=0, le=0.3, description="Standard deviation of the logarithm of a random scaling along each axis."
    )
    steps: int = Field(6, ge=1, le=12, description="Squarings in the integration of the velocity.")


class SimulateSettings(Settings):
    """How synthetic tumours are drawn and grown."""

    preset: Literal["paper", "appendix-d"] = Field("paper", description="Ranges of D, rho and stopping volume.")
    growth_model: GrowthModelName = Field(DEFAULT, description="Growth model of the simulated tumours.")
    spacing_mm: float = Field(2.0, gt=0, description="Voxel size of the simulations; the atlas is coarsened to it.")
    samples_per_shard: int = Field(32, ge=1, description="Samples one job grows and one file holds.")
    train_shards: int = Field(2, ge=1, description="Shards to train networks on.")
    validation_shards: int = Field(1, ge=1, description="Shards to choose network weights by.")
    test_cases: int = Field(6, ge=0, description="Size of the synthetic cohort (samples of the test shards).")
    pilot_samples: int = Field(200, ge=10, description="Samples of the pilot report of the theta distribution.")
    pilot_spacing_mm: float = Field(4.0, gt=0, description="Voxel size of the pilot's simulations.")
    integrator: IntegratorSettings = Field(default_factory=AccurateSettings, description="The forward solver.")
    batch_size: int = Field(32, ge=1, description="Tumours grown at a time on CUDA; of no effect on CPUs.")
    warps: WarpSettings = Field(WarpSettings(), description="Randomly warped atlases to grow tumours in.")

    @model_validator(mode="after")
    def _warps_for_shards(self) -> SimulateSettings:
        if self.warps.train_shards and not self.warps.count:
            raise ValueError("warps.train_shards: there are no warped atlases; set warps.count")
        return self

    @model_validator(mode="after")
    def _whole_shards(self) -> SimulateSettings:
        if self.samples_per_shard > 10_000:
            raise ValueError("samples_per_shard: at most 10000, or one job runs for days")
        return self

    @property
    def test_shards(self) -> int:
        """Shards that hold the synthetic cohort."""
        return -(-self.test_cases // self.samples_per_shard)

    def shard_names(self, split: Literal["train", "validation", "test"]) -> list[str]:
        """Names of a split's shards, for example ``train-00003``."""
        trained = self.train_shards + self.warps.train_shards
        count = {"train": trained, "validation": self.validation_shards, "test": self.test_shards}[split]
        return [f"{split}-{number:05d}" for number in range(count)]

    def samples_in(self, shard: str) -> int:
        """Number of samples in a shard: the last test shard holds only what the cohort still needs."""
        split, _, number = shard.partition("-")
        if split != "test":
            return self.samples_per_shard
        return min(self.samples_per_shard, self.test_cases - int(number) * self.samples_per_shard)

    @property
    def anatomies(self) -> list[str]:
        """Names of all brains that tumours grow in: ``atlas``, then ``warped-00000`` and so on."""
        return [ATLAS, *map(warped_name, range(self.warps.count))]

    def anatomy_of(self, shard: str) -> str:
        """Brain a shard's tumours grow in.

        The first ``train_shards`` training shards have the atlas, those beyond take turns over the warped ones.
        Networks are compared by their errors in the atlas, so validation and the synthetic cohort are its.
        """
        split, _, number = shard.partition("-")
        beyond = int(number) - self.train_shards
        if split != "train" or beyond < 0:
            return ATLAS
        return self.anatomies[1 + beyond % self.warps.count]

    def case_names(self) -> list[str]:
        """Names of the synthetic cases."""
        return [f"synthetic-{number:05d}" for number in range(self.test_cases)]

    def case_location(self, case: str) -> tuple[str, int]:
        """Shard and index of a synthetic case."""
        number = int(case.rpartition("-")[2])
        return f"test-{number // self.samples_per_shard:05d}", number % self.samples_per_shard
