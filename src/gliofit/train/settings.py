"""Settings of the train stage; imports no torch, so that the workflow can parse them cheaply."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gliofit.core.crop import CropSettings
from gliofit.core.settings import Settings
from gliofit.train.roles import NetworkRole

__all__ = ["ROLES", "ModelSettings", "TrainSettings", "architecture_names"]

#: Architectures whose networks are not surrogates.
ROLES = {"direct-inverse": NetworkRole.DIRECT, "lmi": NetworkRole.LMI}


def architecture_names() -> list[str]:
    """Names of all architectures: one per module of ``gliofit.train.models``."""
    folder = Path(__file__).parent / "models"
    return sorted(path.stem.replace("_", "-") for path in folder.glob("*.py") if not path.stem.startswith("_"))


class ModelSettings(Settings):
    """One network: its architecture, what it sees and how it is fitted."""

    architecture: str = Field(
        description="Module of gliofit.train.models that defines the network, with dashes for underscores."
    )
    network: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the architecture (see its module); defaults where left out."
    )
    crop: CropSettings | None = Field(
        None,
        description="The network's own cube in place of `train.crop`. That of `lmi` is fixed in the atlas and should "
        "span its brain.",
    )
    tissue_input: Literal["maps", "label"] = Field(
        "maps",
        description="`maps`: white and grey matter fractions as two channels. `label`: one channel, 3 for white and 2 "
        "for grey matter, as the paper's code.",
    )
    normalise: bool = Field(
        True,
        description="Give and ask theta by mean and standard deviation of the training set. False: raw mu, and the "
        "origin as a fraction of 240 x 240 x 155 mm, as the paper's code.",
    )
    flip_axes: tuple[Literal["x", "y", "z"], ...] = Field(
        ("x",), description="Axes along which a random half of the training samples is mirrored, origin included."
    )
    batch_size: int = Field(8, ge=1, description="Samples per optimisation step.")
    learning_rate: float = Field(1e-4, gt=0, description="Adam's learning rate, the highest one of the schedule.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (AdamW); 0 is plain Adam.")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "constant",
        description="`cosine`: linear warm-up, then cosine decay to a hundredth over the epochs or the time budgets, "
        "whichever is used up fastest. `plateau`: half of it after every `plateau_patience` epochs without a better "
        "validation loss.",
    )
    plateau_patience: int = Field(5, ge=1, description="Epochs that schedule `plateau` waits.")
    warmup_fraction: float = Field(0.02, ge=0, lt=1, description="Part of a cosine schedule spent on warm-up.")
    epochs: int = Field(
        100, ge=0, description="Passes over the training set, at most. 0 with `init`: pass that model on untrained."
    )
    time_budget_minutes: float | None = Field(
        None, gt=0, description="Training stops after this time, in the middle of an epoch if need be."
    )
    core_budget_minutes: float | None = Field(
        None,
        gt=0,
        description="Training stops after this much processor time, summed over the threads of the process: a budget "
        "for comparing networks that does not depend on other load on the machine.",
    )
    validate_every_steps: int | None = Field(
        None, ge=1, description="Also validate after this many steps within an epoch; null: only after every epoch."
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after this many epochs without a better validation loss; null: never."
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Largest gradient norm of a step; null: no clipping.")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Keep an exponential moving average of the weights and ship that; null: ship the weights.",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Arithmetic of training; `auto`: bfloat16 (else float16) on CUDA, float32 on the CPU."
    )
    devices: int = Field(
        1, ge=1, description="GPUs to train on (CPU processes where there is none); they share each batch."
    )
    stored: Literal["float32", "float16", "bfloat16"] = Field(
        "float32", description="Floating type in which weights are written; validation numbers are those of what is."
    )
    init: Path | None = Field(
        None, description="Folder of a trained model to start from; the result is never worse on validation."
    )
    max_samples: int | None = Field(None, ge=1, description="Use only the first samples of the training shards.")
    data: Literal["shards", "generated"] = Field(
        "shards",
        description="`shards`: the simulated training shards, again in every epoch. `generated`: fresh tumours in "
        "every epoch, grown while the network trains; validation is on shards either way.",
    )
    anatomies: Literal["all", "atlas"] = Field(
        "all",
        description="`atlas`: train on tumours in the atlas only, also where there are warped ones (`simulate.warps`).",
    )
    samples_per_epoch: int = Field(2048, ge=1, description="Tumours in an epoch of generated data.")

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in architecture_names():
            raise ValueError(f"no architecture `{name}`; there are {', '.join(architecture_names())}")
        return name

    @model_validator(mode="after")
    def _trains(self) -> ModelSettings:
        if self.epochs == 0 and self.init is None:
            raise ValueError("epochs: 0 needs `init`, a trained model to pass on")
        if self.core_budget_minutes is not None and self.devices > 1:
            raise ValueError("core_budget_minutes: processor time is counted for one process; set devices: 1")
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size: {self.devices} devices cannot share {self.batch_size} samples evenly")
        return self

    @model_validator(mode="after")
    def _stays_in_the_atlas(self) -> ModelSettings:
        if self.in_atlas and self.anatomies != "atlas":
            raise ValueError(f"anatomies: `{self.architecture}` sees no anatomy and knows that of the atlas; set atlas")
        if self.in_atlas and self.flip_axes:
            raise ValueError(
                f"flip_axes: `{self.architecture}` sees a fixed cube, and the mirrored atlas is another brain; set []"
            )
        return self

    @property
    def role(self) -> NetworkRole:
        """What the network is for."""
        return ROLES.get(self.architecture, NetworkRole.SURROGATE)

    @property
    def in_atlas(self) -> bool:
        """Whether the cube is fixed in the atlas, and not centred on a tumour."""
        return self.role is NetworkRole.LMI


def _default_models() -> dict[str, ModelSettings]:
    return {name: ModelSettings(architecture=name) for name in ("guided-unet", "direct-inverse")}


class TrainSettings(Settings):
    """The train stage: the cube all networks see and the networks to train."""

    crop: CropSettings = Field(
        default_factory=CropSettings,
        description="The cube about a tumour's centre of mass that networks see, unless they have their own.",
    )
    models: dict[str, ModelSettings] = Field(
        default_factory=_default_models,
        description="Networks by the name under which they are saved (results/{run}/train/{name}).",
    )
    cache_gib: float = Field(
        8.0, ge=0, description="Keep the cubes in memory while they fit into this; larger sets are cut anew each time."
    )
    threads: int = Field(
        2,
        ge=1,
        description="CPU threads that a network is trained with. Gradients are summed by threads and depend on how "
        "many there are; this way they do not depend on the number of cores of a run.",
    )
    checkpoint_minutes: float = Field(
        10.0, gt=0, description="Write a checkpoint this often, and after every epoch, where a path for it is given."
    )

    def crop_of(self, model: str) -> CropSettings:
        """The cube a network sees."""
        return self.models[model].crop or self.crop
