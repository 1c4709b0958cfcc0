"""Settings of stage train, without torch, so that the workflow parses them fast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from gliofit.core.crop import CropSettings
from gliofit.core.references import Trait
from gliofit.core.settings import Settings
from gliofit.core.work import Work, cubes, megabytes_of_cube

#: Limit of a cluster's job for a training that has no time budget.
_UNLIMITED_SECONDS = 36 * 3600.0


class NetworkRole(Trait):
    """What a network is for. The values are keys of methods' settings and of rules' inputs."""

    SURROGATE = "surrogate"
    DIRECT = "direct"
    LMI = "lmi"

    @property
    def phrase(self) -> str:
        """See ``Trait``."""
        return {
            "surrogate": "is a surrogate (theta to concentration)",
            "direct": "is a direct inverse network (concentration to theta)",
            "lmi": "reads segmentations in the atlas",
        }[self.value]


#: Architectures whose networks are not surrogates.
ROLES = {"direct-inverse": NetworkRole.DIRECT, "lmi": NetworkRole.LMI}


def architecture_names() -> list[str]:
    """List all architectures; each is a module of ``gliofit.train.models``."""
    folder = Path(__file__).parent / "models"
    return sorted(path.stem.replace("_", "-") for path in folder.glob("*.py") if not path.stem.startswith("_"))


#: Other defaults by the name of ``ModelSettings.recipe``.
_RECIPES: dict[str, dict[str, Any]] = {
    "gliofit": {},
    "paper": {
        "tissue_input": "label", "normalise": False, "flip_axes": (), "batch_size": 3, "learning_rate": 1e-4,
        "schedule": "constant", "clip_norm": None, "anatomies": "atlas", "precision": "float32",
    },
}  # fmt: skip


class ModelSettings(Settings):
    """Settings of one network: architecture, input and training."""

    recipe: Literal["gliofit", "paper"] = Field(
        "gliofit",
        description="`paper`: the defaults of input and training are those of the paper's code: Adam at 1e-4 without "
        "schedule and clipping, batches of 3, tissue labels, unscaled theta, only the atlas, not mirrored, float32.",
    )
    architecture: str = Field(description="Module of `gliofit.train.models`, with dashes for underscores.")
    network: dict[str, Any] = Field(default_factory=dict, description="Settings of the architecture (see its module).")
    crop: CropSettings | None = Field(
        None,
        description="Cube of this network instead of `train.crop`. The cube of `lmi` is fixed in the atlas and should "
        "contain its brain.",
    )
    tissue_input: Literal["maps", "label"] = Field(
        "maps",
        description="`maps`: white and grey matter fractions as channels. `label`: one channel with 3 for white and 2 "
        "for grey matter, as in the paper's code.",
    )
    normalise: bool = Field(
        True,
        description="Normalise theta by mean and standard deviation of the training set. False: unscaled mu, and the "
        "origin as fractions of 240 x 240 x 155 mm, as in the paper's code.",
    )
    flip_axes: tuple[Literal["x", "y", "z"], ...] = Field(
        ("x",), description="Axes along which a random half of the training samples is mirrored."
    )
    batch_size: int = Field(8, ge=1, description="Samples per training step.")
    learning_rate: float = Field(1e-4, gt=0, description="Largest learning rate of Adam in the schedule.")
    weight_decay: float = Field(0.0, ge=0, description="Decoupled weight decay (AdamW).")
    schedule: Literal["constant", "cosine", "plateau"] = Field(
        "constant",
        description="`cosine`: linear warm-up, then cosine decay to 1 % over the epochs or time budgets, whichever end "
        "first. `plateau`: halved after `plateau_patience` epochs without a better validation loss.",
    )
    plateau_patience: int = Field(5, ge=1, description="Epochs before schedule `plateau` halves the learning rate.")
    warmup_fraction: float = Field(0.02, ge=0, lt=1, description="Fraction of schedule `cosine` for warm-up.")
    epochs: int = Field(
        100, ge=0, description="Largest number of epochs. 0 with `init`: copy that model without training."
    )
    time_budget_minutes: float | None = Field(None, gt=0, description="Largest time, which may end within an epoch.")
    core_budget_minutes: float | None = Field(
        None,
        gt=0,
        description="Largest processor time, summed over the threads of the process. It does not depend on other load "
        "on the machine and serves to compare networks.",
    )
    validate_every_steps: int | None = Field(
        None, ge=1, description="Training steps between validations within an epoch; null: only after every epoch."
    )
    patience: int | None = Field(
        None, ge=1, description="Stop after this many epochs without a better validation loss; null: never."
    )
    clip_norm: float | None = Field(1.0, gt=0, description="Largest gradient norm of a step; null: no clipping.")
    ema_decay: float | None = Field(
        None, gt=0, lt=1, description="Decay of the moving average of weights that is saved; null: no average."
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Arithmetic of training. `auto`: bfloat16 (else float16) on CUDA; on the CPU bfloat16 if it is at "
        "least twice as fast as float32 in a measurement at the start.",
    )
    devices: int = Field(1, ge=1, description="Number of GPUs (CPU processes without GPU), which share each batch.")
    stored: Literal["float32", "float16", "bfloat16"] = Field(
        "float32", description="Floating type of the saved weights, which are validated in this type."
    )
    init: Path | None = Field(
        None, description="Folder of a trained model to start from; the validation loss does not increase."
    )
    max_samples: int | None = Field(None, ge=1, description="Number of training samples; null: all of the shards.")
    data: Literal["shards", "generated"] = Field(
        "shards",
        description="`shards`: the same simulated shards in every epoch. `generated`: new tumours in every epoch, "
        "simulated during training. Validation uses shards.",
    )
    anatomies: Literal["all", "atlas"] = Field(
        "all", description="`atlas`: train only on tumours in the atlas, not in warped brains (`simulate.warps`)."
    )
    samples_per_epoch: int = Field(2048, ge=1, description="Samples in an epoch of generated data.")
    passes: int = Field(
        1, ge=1, description="Successive epochs with the same generated samples, mirrored anew; they stay in memory."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_recipe(cls, values: Any) -> Any:
        return _RECIPES.get(str(values.get("recipe")), {}) | values if isinstance(values, dict) else values

    @field_validator("architecture")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in architecture_names():
            raise ValueError(f"architecture `{name}` is unknown; choose one of {', '.join(architecture_names())}")
        return name

    @model_validator(mode="after")
    def _trains(self) -> ModelSettings:
        if self.epochs == 0 and self.init is None:
            raise ValueError("epochs: 0 requires `init`; specify a trained model")
        if self.core_budget_minutes is not None and self.devices > 1:
            raise ValueError("core_budget_minutes: processor time is measured for one process; set devices: 1")
        if self.batch_size % self.devices:
            raise ValueError(f"batch_size: {self.batch_size} is not a multiple of {self.devices} devices; change one")
        return self

    @model_validator(mode="after")
    def _stays_in_the_atlas(self) -> ModelSettings:
        name = self.architecture
        if self.in_atlas and self.anatomies != "atlas":
            raise ValueError(f"anatomies: `{name}` has no tissue input and requires the atlas; set atlas")
        if self.in_atlas and self.flip_axes:
            raise ValueError(f"flip_axes: `{name}` has a fixed cube, and the mirrored atlas is another brain; set []")
        return self

    def work(self, samples: int, cube: int) -> Work:
        """State the work of a training on cubes with ``cube`` voxels along each edge and ``samples`` in shards."""
        if self.data == "generated":
            samples = self.samples_per_epoch
        samples = min(samples, self.max_samples or samples)
        steps = Work.of(f"train-{self.architecture}", self.epochs * samples * cubes(cube))
        budget = None if self.time_budget_minutes is None else 60 * self.time_budget_minutes
        # A tenth of the budget and an hour for growing, reading and validating what comes before and after.
        limit = _UNLIMITED_SECONDS if budget is None else 1.1 * budget + 3600
        memory = self.batch_size * megabytes_of_cube(cube)
        return replace(steps, budget_seconds=budget, limit_seconds=limit, megabytes=memory)

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
    """Settings of stage train: networks and their default cube."""

    crop: CropSettings = Field(
        default_factory=CropSettings, description="Default cube of networks about the tumour's centre of mass."
    )
    models: dict[str, ModelSettings] = Field(
        default_factory=_default_models, description="Networks by name, saved in `results/{run}/train/{name}`."
    )
    cache_gib: float = Field(
        8.0, ge=0, description="Memory for caching cubes; larger data sets are cut again in every epoch."
    )
    threads: int = Field(
        2,
        ge=1,
        description="CPU threads of a training. They change the order of sums in gradients and hence the weights, so "
        "that they do not follow the number of cores of a run.",
    )
    checkpoint_minutes: float = Field(
        10.0, gt=0, description="Time between checkpoints, which are also written after every epoch."
    )

    def crop_of(self, model: str) -> CropSettings:
        """Return the cube of a network."""
        return self.models[model].crop or self.crop
