"""Training: from shards to the folder of a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from lightning_fabric import Fabric

from gliofit.core.errors import InputError
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.seeds import derive_seed
from gliofit.core.threads import torch_threads
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.simulate.settings import ATLAS, SimulateSettings
from gliofit.train.architecture import AtlasNetworkSettings, find_architecture
from gliofit.train.dataset import AbstractDataset, Anchor, ShardDataset
from gliofit.train.generated import GeneratedDataset
from gliofit.train.memory import keep_freed_memory
from gliofit.train.segmented import SegmentedDataset
from gliofit.train.settings import ModelSettings, TrainSettings
from gliofit.train.training import Training

__all__ = ["train_model"]


def _model_settings(settings: TrainSettings, name: str) -> ModelSettings:
    if name not in settings.models:
        raise InputError(
            f"model `{name}`", "is not in `train.models`", f"choose one of {', '.join(settings.models)} or add it"
        )
    return settings.models[name]


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
    warped: Mapping[str, str | Path] | None = None,
    simulate: SimulateSettings | None = None,
    piece_minutes: float | None = None,
    progress: OnProgress = no_progress,
) -> None:
    """Train a model and write its folder.

    Parameters
    ----------
    train, validation
        Shards (``{shard}.nii``, tables beside them); no training shards are needed for generated data.
    tissue_dir
        Tissue the shards were simulated on.
    settings
        The stage's settings.
    name
        Which of ``settings.models``.
    out_dir
        Receives ``weights.safetensors``, ``model.json``, ``history.parquet`` and ``learning_curve.png``.
    seed
        Seed of the run; on the CPU, same seed and number of threads, same weights (unless a time budget ends or paces
        the training). Other numbers of threads sum gradients in another order.
    device
        ``auto`` takes CUDA where there is one.
    threads
        Threads of the CPU.
    tissue_kind
        How the tissue folder is read.
    checkpoint
        File to resume from and to write checkpoints to.
    warped
        Folders of further tissues that samples grow in, by the name of the anatomy.
    simulate
        How samples are grown where the model's ``data`` is ``generated``.
    piece_minutes
        Ends the process after so long, with a checkpoint to go on from; the folder then holds the best weights so far,
        if any have been validated.
    progress
        Hears of the share of the training that is done, on one device.

    Raises
    ------
    InputError
        If data or settings are wrong.
    """
    model_settings = _model_settings(settings, name)
    job = _Job(
        [Path(path) for path in train], [Path(path) for path in validation], Path(tissue_dir), settings, name,
        Path(out_dir), seed, threads, tissue_kind, None if checkpoint is None else Path(checkpoint),
        {name: Path(folder) for name, folder in (warped or {}).items()}, simulate, piece_minutes,
    )  # fmt: skip
    kind, devices = _device(device).type, model_settings.devices
    if devices == 1:
        _run(Fabric(accelerator=kind, devices=1), job, progress)
        return
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise InputError(
            f"model `{name}`",
            f"asks for {devices} devices, and torch sees {torch.cuda.device_count()}",
            "ask for fewer",
        )
    # Processes are started anew, not forked: CUDA and compiled kernels do not survive a fork.
    Fabric(accelerator=kind, devices=devices, strategy="ddp_spawn").launch(partial(_run, job=job))


@dataclass(frozen=True)
class _Job:
    """What a process needs to train: :func:`train_model`'s arguments."""

    train: list[Path]
    validation: list[Path]
    tissue_dir: Path
    settings: TrainSettings
    name: str
    out_dir: Path
    seed: int
    threads: int
    tissue_kind: TissueKind
    checkpoint: Path | None
    warped: dict[str, Path]
    simulate: SimulateSettings | None
    piece_minutes: float | None


def _run(fabric: Fabric, job: _Job, progress: OnProgress = no_progress) -> None:
    """Train in one process of possibly several."""
    model = job.settings.models[job.name]
    threads = max(1, job.threads // fabric.world_size)
    keep_freed_memory()
    with torch_threads(threads):
        # Warped tissues are made from the unwarped maps, whatever kind that is.
        tissues = {ATLAS: Tissue.load(job.tissue_dir, job.tissue_kind)}
        tissues |= {name: Tissue.load(folder, "probabilities") for name, folder in job.warped.items()}
        crop, half = job.settings.crop_of(job.name), job.settings.cache_gib / 2 / fabric.world_size
        anchor: Anchor = "grid" if model.in_atlas else "tumour"
        if model.in_atlas:
            tissues = {ATLAS: tissues[ATLAS]}
        held_out: AbstractDataset = ShardDataset(job.validation, tissues, crop, cache_gib=half, anchor=anchor)
        data: AbstractDataset
        if model.data == "shards":
            data = ShardDataset(job.train, tissues, crop, cache_gib=half, max_samples=model.max_samples, anchor=anchor)
        else:
            own = tissues if model.anatomies == "all" else {ATLAS: tissues[ATLAS]}
            data = GeneratedDataset(
                own,
                crop,
                job.simulate or SimulateSettings(),
                job.seed,
                model.samples_per_epoch,
                threads=threads,
                anchor=anchor,
            )
        if model.in_atlas:
            network = find_architecture(model.architecture).parse(model.network)
            assert isinstance(network, AtlasNetworkSettings)
            held_out = SegmentedDataset(held_out, network, None)
            data = SegmentedDataset(data, network, derive_seed(job.seed, job.name))
        training = Training(
            job.name, model, job.settings, data, held_out, job.seed, fabric, threads, job.tissue_kind, job.checkpoint,
            job.piece_minutes, progress,
        )  # fmt: skip
        training.run()
        if fabric.is_global_zero and training.best:
            training.write(job.out_dir)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device `{name}`", "torch sees no CUDA device", "use `auto` or `cpu`")
    return device
