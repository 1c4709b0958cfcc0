"""Training loop of one network."""

from __future__ import annotations

import copy
import logging
import math
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from gliofit.core.errors import InputError
from gliofit.core.io import write_table
from gliofit.core.progress import OnProgress
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import TissueKind
from gliofit.simulate.settings import SimulateSettings
from gliofit.train.architecture import find_architecture
from gliofit.train.checkpoint import digest, load_checkpoint, save_checkpoint
from gliofit.train.dataset import AbstractDataset, Batch, flip
from gliofit.train.normalisation import Normalisation
from gliofit.train.plot import plot_learning_curve
from gliofit.train.precision import choose_precision, protect_convolutions
from gliofit.train.schedule import Clock, learning_rate_factor
from gliofit.train.settings import TrainSettings
from gliofit.train.surrogate import MODELS, AnyModel, frame_of, load_model, save_model, to_device
from gliofit.train.task import AbstractTask, InverseTask, SurrogateTask

_LOG = logging.getLogger(__name__)

#: Successive steps without a finite loss or gradient after which training stops.
_MAX_BAD_STEPS = 20

#: Settings that may change when a training continues, or that other facts of its identity cover (the last two).
_MAY_CHANGE = {
    "epochs", "time_budget_minutes", "core_budget_minutes", "patience", "init", "devices", "stored", "recipe", "passes",
}  # fmt: skip

_DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}

_TASKS: dict[str, type[AbstractTask]] = {
    "surrogate": SurrogateTask,
    "direct-inverse": InverseTask,
    "atlas-inverse": InverseTask,
}


@dataclass(frozen=True)
class TrainingJob:
    """Data, settings and files of a training.

    Parameters
    ----------
    train, validation
        Shards ``{shard}.nii`` next to their tables; generated data need no training shards.
    tissue_dir
        Tissue of the simulations, of ``tissue_kind``.
    name
        Key of ``settings.models``.
    out_dir
        Output folder for ``weights.safetensors``, ``model.json``, ``history.parquet`` and ``learning_curve.png``.
    seed
        Seed of the run. On the CPU, weights are reproducible for the same seed and number of threads, unless a time
        budget ends or schedules the training.
    checkpoint
        File to resume from and to write checkpoints to.
    warped
        Folders of additional tissues, by the name of the anatomy.
    simulate
        Settings of the simulations for generated data.
    piece_minutes
        Stop after this time with a checkpoint; the folder then holds the best validated weights so far.
    """

    train: Sequence[str | Path]
    validation: Sequence[str | Path]
    tissue_dir: Path
    settings: TrainSettings
    name: str
    out_dir: Path
    seed: int
    threads: int = 1
    tissue_kind: TissueKind = "probabilities"
    checkpoint: Path | None = None
    warped: Mapping[str, Path] = field(default_factory=dict)
    simulate: SimulateSettings = field(default_factory=SimulateSettings)
    piece_minutes: float | None = None


@dataclass
class _Position:
    """Progress of a training."""

    epoch: int = 0
    step: int = 0
    steps: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    since_best: int = 0
    bad_steps: int = 0
    since_drop: int = 0
    plateau_factor: float = 1.0
    best_loss: float = math.inf
    stopped: str = ""
    history: list[dict[str, Any]] = field(default_factory=list)


class Training:
    """One training: network, optimiser and position in the data.

    On several devices every process has the same network and its share of every batch; gradients are averaged. Process
    0 measures the time, validates and writes. ``held_out`` are the validation samples, ``threads`` the CPU threads that
    prepare samples.
    """

    def __init__(
        self,
        job: TrainingJob,
        data: AbstractDataset,
        held_out: AbstractDataset,
        fabric: Fabric,
        threads: int,
        progress: OnProgress,
    ) -> None:
        settings = job.settings.models[job.name]
        self.job, self.name, self.settings, self.crop = job, job.name, settings, data.crop_settings
        self.data, self.held_out, self.fabric, self.threads = data, held_out, fabric, threads
        self.device, self._progress = fabric.device, progress
        self.architecture = find_architecture(settings.architecture)
        self.task = _TASKS[self.architecture.kind]()
        self.parent: dict[str, Any] | None = None
        self.model = self._start()
        self.identity = self._identity()
        protect_convolutions(self.model)
        self.model = to_device(self.model, self.device)
        self.optimiser = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.average = None if settings.ema_decay is None else copy.deepcopy(self.model).requires_grad_(False)
        self._set_precision(self._choose_precision())
        # For random numbers of architectures (dropout); everything else has its own seeds.
        torch.manual_seed(derive_seed(job.seed, job.name, "training"))
        self.position = _Position()
        self.best: dict[str, Tensor] = {}
        self.clock = Clock(settings.time_budget_minutes)
        self.core_clock = Clock(settings.core_budget_minutes, now=time.process_time)
        self.piece = Clock(job.piece_minutes)
        self._validation_seconds = 0.0
        self.steps_per_epoch = -(-len(data) // settings.batch_size)

    def _start(self) -> AnyModel:
        """Create a new network, or load that of ``init`` with its normalisation."""
        settings, crop = self.settings, self.crop
        values = self.architecture.parse(settings.network).model_dump(mode="json")
        normalisation = Normalisation.of(self.data.theta, settings.normalise, self.data.space)
        parent = None
        if settings.init is not None:
            expected = {
                "architecture": self.architecture.name, "network": values, "crop": crop.model_dump(mode="json"),
                "tissue_input": settings.tissue_input,
            }  # fmt: skip
            parent = load_model(settings.init, expected=expected)
            if parent.centre_mm is not None and self.data.centre_mm is not None:
                parent_mm, data_mm = parent.centre_mm.tolist(), self.data.centre_mm.tolist()
                if not np.allclose(parent_mm, data_mm, atol=0.01):
                    raise InputError(
                        settings.init,
                        f"has a cube about {parent_mm} mm, not {data_mm}",
                        "use the atlas and voxel size of its training, or train without `init`",
                    )
            if parent.info.get("tissue_kind") != self.job.tissue_kind:
                _LOG.warning("%s was trained on %s tissue", settings.init, parent.info.get("tissue_kind"))
            # The weights require the parent's normalisation; only the range of theta is extended.
            inherited = Normalisation.from_dict(parent.info["theta"], str(settings.init), parent.space)
            normalisation = inherited.merged(normalisation)
            self.parent = {"training": parent.info.get("training"), "validation": parent.info.get("validation")}
        frame = frame_of(crop, settings.tissue_input, normalisation)
        network = self.architecture.build(values, frame, derive_seed(self.job.seed, self.name))
        if parent is not None:
            network.load_state_dict(parent.network.state_dict())
        model_class = MODELS[self.architecture.kind]
        model = model_class(network, normalisation, crop, settings.tissue_input, self.data.centre_mm)
        model.space = self.data.space
        return model

    def _choose_precision(self) -> str:
        precision = self.settings.precision
        if precision == "auto":
            return self.fabric.broadcast(choose_precision(self.device))
        if precision == "float16" and self.device.type != "cuda":
            raise InputError("precision `float16`", "requires a CUDA device", "use `auto`")
        return precision

    def _set_precision(self, precision: str) -> None:
        self.precision = precision
        self.scaler = torch.amp.GradScaler("cuda", enabled=precision == "float16")

    def run(self) -> None:
        """Train until epochs, patience or time budget are used up; the best weights are in ``best``."""
        if not self._resume():
            _LOG.info("%s: %d parameters, %d samples", self.name, self._parameters(), len(self.data))
            # Only an initial model can be the result. Validating a new one would waste minutes of a budget.
            if self.settings.init is not None:
                self._validate()
        position, settings, before = self.position, self.settings, self.position.steps
        position.stopped = ""
        while not position.stopped and position.epoch < settings.epochs:
            if settings.patience is not None and position.since_best >= settings.patience:
                position.stopped = "patience"
            elif position.steps and self._time_is_up():
                position.stopped = "time"
            elif position.steps > before and self._piece_is_over():
                position.stopped = "piece"
            else:
                self._epoch()
        position.stopped = position.stopped or "epochs"
        _LOG.info("%s: stopped by %s after %.1f min", self.name, position.stopped, self.clock.seconds / 60)
        if not self.best and position.stopped != "piece":
            raise RuntimeError(f"{self.name}: training has no finite validation loss; reduce the learning rate")

    # Decisions are those of process 0.
    def _time_is_up(self) -> bool:
        """Return whether only the time for a validation is left."""
        seconds = self._validation_seconds
        return self.fabric.broadcast(not (self.clock.left_for(seconds) and self.core_clock.left_for(seconds)))

    def _piece_is_over(self) -> bool:
        return self.fabric.broadcast(not self.piece.left_for(0))

    def _epoch(self) -> None:
        """Train the rest of an epoch and validate."""
        position, settings = self.position, self.settings
        generator = np.random.default_rng(derive_seed(self.job.seed, self.name, "epoch", position.epoch))
        order = generator.permutation(len(self.data))
        flips = generator.random((len(self.data), 3)) < 0.5
        flips &= np.array([axis in settings.flip_axes for axis in "xyz"])
        size = settings.batch_size
        rest = order[position.step * size :]
        self.model.train()
        written = self.clock.seconds
        # Each process uses every n-th sample of a batch; the last batch may have none for some processes.
        rank, world = self.fabric.global_rank, self.fabric.world_size
        shares = [rest[start : start + size] for start in range(0, len(rest), size)]
        samples = np.concatenate([share[rank::world] for share in shares]) if world > 1 else rest
        batches = self.data.of_epoch(position.epoch).batches(samples, size // world, self.threads)
        for share in shares:
            chosen = flips[position.step * size : (position.step + 1) * size][rank::world]
            batch = flip(next(batches), torch.from_numpy(chosen)) if len(chosen) else None
            loss = self._step(batch, len(chosen) * world / len(share))
            position.step += 1
            position.steps += 1
            self._report()
            if math.isfinite(loss):
                position.loss_sum += loss
                position.loss_count += 1
                position.bad_steps = 0
            else:
                position.bad_steps += 1
                if position.bad_steps >= _MAX_BAD_STEPS:
                    position.stopped = "divergence"
                    _LOG.warning("%s: %d steps without a finite loss; training stops", self.name, position.bad_steps)
                    break
            if self._time_is_up():
                position.stopped = "time"
                break
            every = settings.validate_every_steps
            if every is not None and position.step % every == 0 and position.step < self.steps_per_epoch:
                self._validate()
                self.model.train()
            if position.step < self.steps_per_epoch and self._piece_is_over():
                # No validation, as in an uninterrupted training.
                position.stopped = "piece"
                self._save_checkpoint()
                return
            if self.clock.seconds - written > 60 * self.job.settings.checkpoint_minutes:
                self._save_checkpoint()
                written = self.clock.seconds
        self._validate()
        if position.step >= self.steps_per_epoch:
            position.epoch, position.step = position.epoch + 1, 0
            position.loss_sum, position.loss_count = 0.0, 0
        self._save_checkpoint()

    def _step(self, batch: Batch | None, weight: float) -> float:
        """Take one training step; return the loss before it, or NaN if the step is skipped.

        ``weight`` is the number of samples of this process relative to the average over processes.
        """
        settings = self.settings
        factor = self.position.plateau_factor
        if settings.schedule != "plateau":
            factor = learning_rate_factor(self._fraction, settings.schedule, settings.warmup_fraction)
        rate = settings.learning_rate * self.fabric.broadcast(factor)
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        value = 0.0
        if batch is not None:
            if self.device.type == "cuda":
                batch = Batch(*(part.pin_memory().to(self.device, non_blocking=True) for part in batch))
            with torch.autocast(self.device.type, _DTYPES[self.precision], enabled=self.precision != "float32"):
                loss = self.task.loss(self.model, batch)
            self.scaler.scale(loss * weight if weight != 1 else loss).backward()
            value = float(loss.detach()) * weight
        if self.fabric.world_size > 1:
            value = self._share_gradients(value)
        self.scaler.unscale_(self.optimiser)
        limit = math.inf if settings.clip_norm is None else settings.clip_norm
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), limit)
        if self.scaler.is_enabled():
            self.scaler.step(self.optimiser)  # Skips steps that overflow.
            self.scaler.update()
        elif math.isfinite(value) and bool(torch.isfinite(norm)):
            self.optimiser.step()
        else:
            return math.nan
        if self.average is not None:
            self._update_average()
        return value

    def _report(self) -> None:
        """Report the progress."""
        settings, position = self.settings, self.position
        note = f"epoch {position.epoch + 1} of {settings.epochs}, step {position.step} of {self.steps_per_epoch}"
        fraction = min(self._fraction, 1.0)
        self._progress(f"training {self.name}", fraction, 1.0, note, most=settings.patience is not None)

    @property
    def _fraction(self) -> float:
        """Fraction of the epochs or time budgets used, whichever ends first."""
        steps = max(1, self.settings.epochs * self.steps_per_epoch)
        return max(self.position.steps / steps, self.clock.fraction, self.core_clock.fraction)

    def _share_gradients(self, loss: float) -> float:
        """Average gradients over the processes, in one message; return the average loss."""
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([*(gradient.reshape(-1) for gradient in gradients), gradients[0].new_tensor([loss])])
        mean = self.fabric.all_reduce(flat, reduce_op="mean")
        assert isinstance(mean, Tensor)
        parts = mean[:-1].split([p.numel() for p in parameters])
        for parameter, gradient, part in zip(parameters, gradients, parts, strict=True):
            parameter.grad = gradient.copy_(part.view_as(gradient))
        return float(mean[-1])

    @torch.no_grad()
    def _update_average(self) -> None:
        assert self.average is not None
        assert self.settings.ema_decay is not None
        # A smaller decay in the first steps forgets the random initial weights.
        decay = min(self.settings.ema_decay, (1 + self.position.steps) / (10 + self.position.steps))
        for mean, value in zip(self.average.parameters(), self.model.parameters(), strict=True):
            mean.lerp_(value, 1 - decay)

    @torch.no_grad()
    def _validate(self) -> None:
        """Validate the model to save, store its weights if it is the best so far, and extend the history."""
        position = self.position
        model = (self.model if self.average is None else self.average).eval()
        before = self.clock.seconds
        numbers = self.task.validate(model, self.held_out, self.device) if self.fabric.is_global_zero else {}
        numbers = self.fabric.broadcast(numbers)
        self._validation_seconds = self.clock.seconds - before
        loss = numbers["loss"]
        better = math.isfinite(loss) and loss < position.best_loss
        if better:
            position.best_loss, position.since_best, position.since_drop = loss, 0, 0
            self.best = {name: value.detach().cpu().clone() for name, value in model.network.state_dict().items()}
        else:
            position.since_best += 1
            position.since_drop += 1
            if position.since_drop >= self.settings.plateau_patience:
                position.plateau_factor, position.since_drop = position.plateau_factor / 2, 0
        train_loss = position.loss_sum / position.loss_count if position.loss_count else math.nan
        epoch = position.epoch + position.step / self.steps_per_epoch
        row = {
            "epoch": epoch, "steps": position.steps, "seconds": self.clock.seconds,
            "learning_rate": self.optimiser.param_groups[0]["lr"], "core_seconds": self.core_clock.seconds,
            "train_loss": train_loss, "validation_loss": loss, "best": better,
        }  # fmt: skip
        position.history.append(row | {f"validation_{key}": value for key, value in numbers.items() if key != "loss"})
        message = "%s: epoch %.2f, %.1f min, training %.4g, validation %.4g%s"
        note = " (best)" if better else ""
        _LOG.info(message, self.name, epoch, self.clock.seconds / 60, train_loss, loss, note)

    def _parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    def _identity(self) -> str:
        """Return the digest of everything that determines the training, except its length."""
        facts = {
            "settings": self.settings.model_dump(mode="json", exclude=_MAY_CHANGE),
            "crop": self.crop.model_dump(mode="json"), "seed": self.job.seed, "train": self.data.fingerprint,
            "validation": self.held_out.fingerprint,
            "start": [float(value.double().abs().sum()) for value in self.model.network.state_dict().values()],
        }  # fmt: skip
        return digest(facts)

    def _save_checkpoint(self) -> None:
        if self.job.checkpoint is None or not self.fabric.is_global_zero:
            return
        state = {
            "digest": self.identity, "model": self.model.network.state_dict(), "best": self.best,
            "average": None if self.average is None else self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(), "scaler": self.scaler.state_dict(),
            "position": vars(self.position), "random": torch.get_rng_state(), "precision": self.precision,
            "seconds": self.clock.seconds, "core_seconds": self.core_clock.seconds,
            "validation_seconds": self._validation_seconds,
        }  # fmt: skip
        save_checkpoint(self.job.checkpoint, state)

    def _resume(self) -> bool:
        """Continue from the checkpoint if it belongs to this training."""
        state = None if self.job.checkpoint is None else load_checkpoint(self.job.checkpoint, self.identity)
        if state is None:
            return False
        self.model.network.load_state_dict(state["model"])
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.settings.precision == "auto":
            # A resumed training keeps its precision, also on another processor; older checkpoints do not state it.
            self._set_precision(state.get("precision", "float32" if self.device.type == "cpu" else self.precision))
        self.scaler.load_state_dict(state["scaler"])
        self.best = state["best"]
        self.position = _Position(**state["position"])
        torch.set_rng_state(state["random"])
        self.clock = Clock(self.settings.time_budget_minutes, state["seconds"])
        self.core_clock = Clock(self.settings.core_budget_minutes, state["core_seconds"], time.process_time)
        self._validation_seconds = state["validation_seconds"]
        _LOG.info("%s: resumed at epoch %d, step %d", self.name, self.position.epoch, self.position.step)
        return True

    def write(self) -> None:
        """Write the best model with its history."""
        folder, history = self.job.out_dir, pd.DataFrame(self.position.history)
        best = history[history["best"]].iloc[-1]
        prefix = "validation_"
        numbers = {key.removeprefix(prefix): float(best[key]) for key in history if key.startswith(prefix)}
        # Generated samples would have to be simulated again.
        baseline = self.task.baseline(self.data if self.data.shards else self.held_out, self.held_out)
        stored = _DTYPES[self.settings.stored]
        weights = {name: v.to(stored) if v.is_floating_point() else v for name, v in self.best.items()}
        self.model.network.load_state_dict(weights)
        if stored != torch.float32:
            # Rounding changes the metrics.
            with torch.no_grad():
                numbers = self.task.validate(self.model.eval(), self.held_out, self.device)
        on_cuda = self.device.type == "cuda"
        device = torch.cuda.get_device_name(self.device) if on_cuda else f"CPU ({platform.machine()})"
        description = {
            "name": self.name, "architecture": self.architecture.name,
            "network": self.architecture.parse(self.settings.network), "tissue_kind": self.job.tissue_kind,
            "simulation_spacing_mm": self.data.tissue.grid.isotropic_spacing_mm,
            "validation": {
                "samples": len(self.held_out), "epoch": float(best["epoch"]), **numbers, "baseline": baseline
            },
            "training": {
                "samples": len(self.data), "shards": [shard.path.name for shard in self.data.shards],
                "anatomies": self.data.anatomies, "data_fingerprint": self.data.fingerprint, "seed": self.job.seed,
                "epochs": float(history["epoch"].max()), "steps": self.position.steps,
                "minutes": self.clock.seconds / 60, "core_minutes": self.core_clock.seconds / 60,
                "stopped_by": self.position.stopped, "device": device, "threads": self.threads,
                "devices": self.fabric.world_size, "precision": self.precision, "parameters": self._parameters(),
                "settings": self.settings, "init": self.parent, "gliofit": version("gliofit"),
                "torch": torch.__version__,
            },
        }  # fmt: skip
        write_table(folder / "history.parquet", history)
        plot_learning_curve(history, folder / "learning_curve.png", self.name, self.task.unit, baseline["loss"])
        save_model(folder, self.model, description, stored)
