"""Training: from shards to the folder of a model."""

from __future__ import annotations

import copy
import logging
import math
import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from gliofit.errors import InputError
from gliofit.io import write_table
from gliofit.seeds import derive_seed
from gliofit.tissue import Tissue, TissueKind
from gliofit.train.architecture import find_architecture
from gliofit.train.checkpoint import digest, load_checkpoint, save_checkpoint
from gliofit.train.dataset import Batch, ShardDataset, flip
from gliofit.train.normalisation import Normalisation
from gliofit.train.plot import plot_learning_curve
from gliofit.train.schedule import Clock, learning_rate_factor
from gliofit.train.settings import ModelSettings, TrainSettings
from gliofit.train.surrogate import DirectInverse, Surrogate, load_model, save_model, to_device
from gliofit.train.task import AbstractTask, InverseTask, SurrogateTask

__all__ = ["train_direct_inverse", "train_model", "train_surrogate"]

_LOG = logging.getLogger(__name__)

#: Steps in a row with a loss or gradient that is not finite after which training gives up.
_MAX_BAD_STEPS = 20

#: Settings that a continued training may change.
_MAY_CHANGE = ("epochs", "time_budget_minutes", "patience", "init")

_TASKS: dict[str, type[AbstractTask]] = {"surrogate": SurrogateTask, "direct-inverse": InverseTask}


class TrainOptions(TypedDict, total=False):
    """What else a training may be given.

    ``device`` (``auto`` takes CUDA where there is one), ``threads`` (of the CPU), ``tissue_kind`` (how the tissue
    folder is read) and ``checkpoint`` (file to resume from and to write checkpoints to).
    """

    device: str
    threads: int
    tissue_kind: TissueKind
    checkpoint: str | Path | None


def train_surrogate(
    train: Sequence[str | Path],
    validation: Sequence[str | Path],
    tissue_dir: str | Path,
    settings: TrainSettings,
    name: str,
    out_dir: str | Path,
    seed: int,
    **options: Unpack[TrainOptions],
) -> None:
    """Train the surrogate ``name``; as :func:`train_model`, but raises InputError if it is no surrogate."""
    _expect(settings, name, "surrogate")
    train_model(train, validation, tissue_dir, settings, name, out_dir, seed, **options)


def train_direct_inverse(
    train: Sequence[str | Path],
    validation: Sequence[str | Path],
    tissue_dir: str | Path,
    settings: TrainSettings,
    name: str,
    out_dir: str | Path,
    seed: int,
    **options: Unpack[TrainOptions],
) -> None:
    """Train the direct inverse model ``name``; as :func:`train_model`, but raises InputError if it is none."""
    _expect(settings, name, "direct-inverse")
    train_model(train, validation, tissue_dir, settings, name, out_dir, seed, **options)


def _model_settings(settings: TrainSettings, name: str) -> ModelSettings:
    if name not in settings.models:
        raise InputError(
            f"model `{name}`", "is not in `train.models`", f"choose one of {', '.join(settings.models)} or add it"
        )
    return settings.models[name]


def _expect(settings: TrainSettings, name: str, kind: Literal["surrogate", "direct-inverse"]) -> None:
    model = _model_settings(settings, name)
    found = find_architecture(model.architecture).kind
    if found != kind:
        raise InputError(f"model `{name}`", f"`{model.architecture}` is a {found}", f"name a {kind}")


def train_model(
    train: Sequence[str | Path],
    validation: Sequence[str | Path],
    tissue_dir: str | Path,
    settings: TrainSettings,
    name: str,
    out_dir: str | Path,
    seed: int,
    *,
    device: str = "auto",
    threads: int = 1,
    tissue_kind: TissueKind = "probabilities",
    checkpoint: str | Path | None = None,
) -> None:
    """Train a model and write its folder.

    Parameters
    ----------
    train, validation
        Shards (``{shard}.nii``, tables beside them).
    tissue_dir
        Tissue the shards were simulated on.
    settings
        The stage's settings.
    name
        Which of ``settings.models``.
    out_dir
        Receives ``weights.safetensors``, ``model.json``, ``history.parquet`` and ``learning_curve.png``.
    seed
        Seed of the run; on the CPU, same seed, same weights (unless a time budget ends or paces the training).
    device, threads, tissue_kind, checkpoint
        See :class:`TrainOptions`.

    Raises
    ------
    InputError
        If data or settings are wrong.
    """
    model_settings = _model_settings(settings, name)
    with _torch_threads(threads):
        tissue = Tissue.load(tissue_dir, tissue_kind)
        half = settings.cache_gib / 2
        limit = model_settings.max_samples
        data = ShardDataset(train, tissue, settings.crop, cache_gib=half, max_samples=limit)
        held_out = ShardDataset(validation, tissue, settings.crop, cache_gib=half)
        training = _Training(
            name, model_settings, settings, data, held_out, seed, _device(device), threads, tissue_kind, checkpoint
        )
        training.run()
        training.write(Path(out_dir))


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(max(1, threads))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device `{name}`", "torch sees no CUDA device", "use `auto` or `cpu`")
    return device


@dataclass
class _Position:
    """How far a training has come."""

    epoch: int = 0
    step: int = 0
    steps: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    since_best: int = 0
    bad_steps: int = 0
    best_loss: float = math.inf
    stopped: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)


class _Training:
    """One training: the networks, the optimiser and the position in the data."""

    def __init__(
        self,
        name: str,
        model_settings: ModelSettings,
        stage: TrainSettings,
        data: ShardDataset,
        held_out: ShardDataset,
        seed: int,
        device: torch.device,
        threads: int,
        tissue_kind: TissueKind,
        checkpoint: str | Path | None,
    ) -> None:
        self.name, self.settings, self.stage = name, model_settings, stage
        self.data, self.held_out = data, held_out
        self.seed, self.device, self.threads, self.tissue_kind = seed, device, threads, tissue_kind
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self.architecture = find_architecture(model_settings.architecture)
        self.task = _TASKS[self.architecture.kind]()
        self.parent: dict[str, Any] | None = None
        self.model = self._start()
        self.identity = self._identity()
        self.model = to_device(self.model, device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=model_settings.learning_rate, weight_decay=model_settings.weight_decay
        )
        self.average = None if model_settings.ema_decay is None else copy.deepcopy(self.model).requires_grad_(False)
        self.precision = self._precision()
        self.scaler = torch.amp.GradScaler("cuda", enabled=self.precision == torch.float16)
        self.position = _Position()
        self.best: dict[str, Tensor] = {}
        self.clock = Clock(model_settings.time_budget_minutes)
        self._validation_seconds = 0.0
        self.steps_per_epoch = -(-len(data) // model_settings.batch_size)

    def _start(self) -> Surrogate | DirectInverse:
        """Fresh network, or the one of ``init`` with its normalisation."""
        settings = self.settings
        channels = Surrogate.tissue_channels(settings.tissue_input)
        values = self.architecture.parse(settings.network).model_dump(mode="json")
        network = self.architecture.build(values, channels, self.stage.crop.size, derive_seed(self.seed, self.name))
        normalisation = Normalisation.of(self.data.theta, settings.normalise)
        if settings.init is not None:
            parent = load_model(settings.init)
            wanted = (self.architecture.name, values, self.stage.crop, settings.tissue_input)
            theirs = (
                parent.info["architecture"],
                self.architecture.parse(parent.info["network"]).model_dump(mode="json"),
                parent.crop,
                parent.tissue_input,
            )
            for what, mine, other in zip(
                ("architecture", "network", "crop", "tissue_input"), wanted, theirs, strict=True
            ):
                if mine != other:
                    raise InputError(
                        settings.init, f"has {what} {other}, not {mine}", "give the same settings, or leave out `init`"
                    )
            if parent.info.get("tissue_kind") != self.tissue_kind:
                _LOG.warning("%s was trained on %s tissue", settings.init, parent.info.get("tissue_kind"))
            network.load_state_dict(parent.network.state_dict())
            # The weights hold for the parent's normalisation; only the range of theta grows.
            normalisation = Normalisation.from_dict(parent.info["theta"], str(settings.init)).merged(normalisation)
            self.parent = {"training": parent.info.get("training"), "validation": parent.info.get("validation")}
        model_class = Surrogate if self.architecture.kind == "surrogate" else DirectInverse
        return model_class(network, normalisation, self.stage.crop, settings.tissue_input)

    def _precision(self) -> torch.dtype:
        wanted = self.settings.precision
        if wanted == "auto":
            if self.device.type != "cuda":
                return torch.float32
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        if wanted == "float16" and self.device.type != "cuda":
            raise InputError("precision `float16`", "is for CUDA devices", "use `auto`")
        return getattr(torch, wanted)

    # ------------------------------------------------------------------------------------------------ the loop

    def run(self) -> None:
        """Train until epochs, patience or time budget are used up; the best weights are in ``best``."""
        if not self._resume():
            _LOG.info("%s: %d parameters, %d samples", self.name, self._parameters(), len(self.data))
            # Before any step a fresh network says nothing; one to start from is a candidate to ship.
            self._validate(candidate=self.settings.init is not None)
        position, settings = self.position, self.settings
        position.stopped = ""
        while not position.stopped and position.epoch < settings.epochs:
            if self._patience_is_over():
                position.stopped = "patience"
            elif position.steps and not self.clock.left_for(self._validation_seconds):
                position.stopped = "time"
            else:
                self._epoch()
        position.stopped = position.stopped or "epochs"
        _LOG.info("%s: stopped by %s after %.1f min", self.name, position.stopped, self.clock.seconds / 60)
        if not self.best:
            raise RuntimeError(f"{self.name}: training gave no finite validation loss; lower the learning rate")

    def _patience_is_over(self) -> bool:
        patience = self.settings.patience
        return patience is not None and self.position.since_best >= patience

    def _epoch(self) -> None:
        """Train one epoch from the current step on, then validate."""
        position, settings = self.position, self.settings
        generator = np.random.default_rng(derive_seed(self.seed, self.name, "epoch", position.epoch))
        order = generator.permutation(len(self.data))
        flips = generator.random((len(self.data), 3)) < 0.5
        flips &= np.array([axis in settings.flip_axes for axis in "xyz"])
        size = settings.batch_size
        rest = order[position.step * size :]
        self.model.train()
        written = self.clock.seconds
        for batch in self.data.batches(rest, size, self.threads):
            chosen = flips[position.step * size : (position.step + 1) * size]
            loss = self._step(flip(batch, torch.from_numpy(chosen)))
            position.step += 1
            position.steps += 1
            if math.isfinite(loss):
                position.loss_sum += loss
                position.loss_count += 1
                position.bad_steps = 0
            else:
                position.bad_steps += 1
                if position.bad_steps >= _MAX_BAD_STEPS:
                    position.stopped = "divergence"
                    _LOG.warning("%s: %d steps without a finite loss; training ends", self.name, position.bad_steps)
                    break
            if not self.clock.left_for(self._validation_seconds):
                position.stopped = "time"
                break
            if self.checkpoint is not None and self.clock.seconds - written > 60 * self.stage.checkpoint_minutes:
                self._save_checkpoint()
                written = self.clock.seconds
        self._validate(candidate=True)
        if position.step >= self.steps_per_epoch:
            position.epoch, position.step = position.epoch + 1, 0
            position.loss_sum, position.loss_count = 0.0, 0
        self._save_checkpoint()

    def _step(self, batch: Batch) -> float:
        """One optimisation step; the loss before it, or NaN if the step was left out."""
        settings = self.settings
        progress = max(self.position.steps / max(1, settings.epochs * self.steps_per_epoch), self.clock.fraction)
        rate = settings.learning_rate * learning_rate_factor(progress, settings.schedule, settings.warmup_fraction)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        if self.device.type == "cuda":
            batch = Batch(*(part.pin_memory().to(self.device, non_blocking=True) for part in batch))
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            loss = self.task.loss(self.model, batch)
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        limit = math.inf if settings.clip_norm is None else settings.clip_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        value = float(loss.detach())
        if self.scaler.is_enabled():
            self.scaler.step(self.optimiser)  # leaves out steps that overflow by itself
            self.scaler.update()
        elif math.isfinite(value) and bool(torch.isfinite(norm)):
            self.optimiser.step()
        else:
            return math.nan
        if self.average is not None:
            self._update_average()
        return value

    @torch.no_grad()
    def _update_average(self) -> None:
        assert self.average is not None
        assert self.settings.ema_decay is not None
        # The average of a young training must not hold on to its random start.
        decay = min(self.settings.ema_decay, (1 + self.position.steps) / (10 + self.position.steps))
        for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    @torch.no_grad()
    def _validate(self, candidate: bool) -> None:
        """Measure the model to ship, keep it if it is the best so far, and add a line to the history."""
        position = self.position
        shipped = self.model if self.average is None else self.average
        shipped.eval()
        before = self.clock.seconds
        numbers = self.task.validate(shipped, self.held_out, self.device)
        self._validation_seconds = self.clock.seconds - before
        loss = numbers["loss"]
        better = candidate and math.isfinite(loss) and loss < position.best_loss
        if better:
            position.best_loss, position.since_best = loss, 0
            self.best = {name: value.detach().cpu().clone() for name, value in shipped.network.state_dict().items()}
        elif candidate:
            position.since_best += 1
        train_loss = position.loss_sum / position.loss_count if position.loss_count else math.nan
        epoch = position.epoch + position.step / self.steps_per_epoch
        rate = self.optimiser.param_groups[0]["lr"]
        row = {"epoch": epoch, "steps": position.steps, "seconds": self.clock.seconds, "learning_rate": rate}
        row |= {"train_loss": train_loss, "validation_loss": loss, "best": better}
        position.history.append(row | {f"validation_{key}": value for key, value in numbers.items() if key != "loss"})
        _LOG.info(
            "%s: epoch %.2f, %.1f min, training %.4g, validation %.4g%s",
            self.name,
            epoch,
            self.clock.seconds / 60,
            train_loss,
            loss,
            " (best)" if better else "",
        )

    def _parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    # ------------------------------------------------------------------------------------------- checkpoints

    def _identity(self) -> str:
        """Digest of all that decides how the training goes, but for how long it goes on."""
        start = [float(value.double().abs().sum()) for value in self.model.network.state_dict().values()]
        return digest(
            {
                "settings": self.settings.model_dump(mode="json", exclude=set(_MAY_CHANGE)),
                "crop": self.stage.crop.model_dump(mode="json"),
                "seed": self.seed,
                "train": self.data.fingerprint,
                "validation": self.held_out.fingerprint,
                "start": start,
            }
        )

    def _save_checkpoint(self) -> None:
        if self.checkpoint is None:
            return
        state = {
            "digest": self.identity,
            "model": self.model.network.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "best": self.best,
            "position": vars(self.position),
            "seconds": self.clock.seconds,
            "validation_seconds": self._validation_seconds,
        }
        save_checkpoint(self.checkpoint, state)

    def _resume(self) -> bool:
        """Go on from the checkpoint if there is one for this very training."""
        state = None if self.checkpoint is None else load_checkpoint(self.checkpoint, self.identity)
        if state is None:
            return False
        self.model.network.load_state_dict(state["model"])
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        self.best = state["best"]
        self.position = _Position(**state["position"])
        self.clock = Clock(self.settings.time_budget_minutes, state["seconds"])
        self._validation_seconds = state["validation_seconds"]
        _LOG.info("%s: resumed at epoch %d, step %d", self.name, self.position.epoch, self.position.step)
        return True

    # ------------------------------------------------------------------------------------------------ output

    def write(self, folder: Path) -> None:
        """Write the best model with its history."""
        history = pd.DataFrame(self.position.history)
        kept = history[history["best"]].iloc[-1]
        prefix = "validation_"
        numbers = {key.removeprefix(prefix): float(kept[key]) for key in history if key.startswith(prefix)}
        baseline = self.task.baseline(self.data, self.held_out)
        self.model.network.load_state_dict(self.best)
        description = {
            "name": self.name,
            "architecture": self.architecture.name,
            "network": self.architecture.parse(self.settings.network),
            "tissue_kind": self.tissue_kind,
            "simulation_spacing_mm": self.data.tissue.grid.isotropic_spacing_mm,
            "validation": {
                "samples": len(self.held_out),
                "epoch": float(kept["epoch"]),
                **numbers,
                "baseline": baseline,
            },
            "training": {
                "samples": len(self.data),
                "shards": [shard.path.name for shard in self.data.shards],
                "data_fingerprint": self.data.fingerprint,
                "seed": self.seed,
                "epochs": float(history["epoch"].max()),
                "steps": self.position.steps,
                "minutes": self.clock.seconds / 60,
                "stopped_by": self.position.stopped,
                "device": _device_name(self.device),
                "threads": self.threads,
                "precision": str(self.precision).removeprefix("torch."),
                "parameters": self._parameters(),
                "settings": self.settings,
                "init": self.parent,
                "gliofit": version("gliofit"),
                "torch": torch.__version__,
            },
        }
        write_table(folder / "history.parquet", history)
        plot_learning_curve(history, folder / "learning_curve.png", self.name, self.task.unit, baseline["loss"])
        save_model(folder, self.model, description)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU ({platform.machine()})"
