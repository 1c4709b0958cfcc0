"""Training of a model from shards or generated samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from gliofit.train.settings import TrainSettings
from gliofit.train.training import Training, TrainingJob


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
        Shards ``{shard}.nii`` next to their tables; generated data need no training shards.
    tissue_dir
        Tissue of the simulations.
    settings
        Settings of the stage.
    name
        Key of ``settings.models``.
    out_dir
        Output folder for ``weights.safetensors``, ``model.json``, ``history.parquet`` and ``learning_curve.png``.
    seed
        Seed of the run. On the CPU, weights are reproducible for the same seed and number of threads, unless a time
        budget ends or schedules the training.
    device
        ``auto`` (CUDA if available), ``cpu`` or ``cuda``.
    threads
        CPU threads.
    tissue_kind
        Kind of tissue maps in ``tissue_dir``.
    checkpoint
        File to resume from and to write checkpoints to.
    warped
        Folders of additional tissues, by the name of the anatomy.
    simulate
        Settings of the simulations for generated data.
    piece_minutes
        Stop after this time with a checkpoint; the folder then holds the best validated weights so far.
    progress
        Progress callback, on one device.

    Raises
    ------
    InputError
        If data or settings are invalid.
    """
    if name not in settings.models:
        raise InputError(
            f"model `{name}`", "is not in `train.models`", f"choose one of {', '.join(settings.models)}, or add it"
        )
    job = TrainingJob(
        [Path(path) for path in train], [Path(path) for path in validation], Path(tissue_dir), settings, name,
        Path(out_dir), seed, threads, tissue_kind, None if checkpoint is None else Path(checkpoint),
        {name: Path(folder) for name, folder in (warped or {}).items()}, simulate, piece_minutes,
    )  # fmt: skip
    kind, devices = _device(device).type, settings.models[name].devices
    if devices == 1:
        _run(Fabric(accelerator=kind, devices=1), job, progress)
        return
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise InputError(
            f"model `{name}`",
            f"requests {devices} devices, but torch finds {torch.cuda.device_count()}",
            "reduce `devices`",
        )
    # CUDA and compiled kernels do not survive a fork, so processes are spawned.
    Fabric(accelerator=kind, devices=devices, strategy="ddp_spawn").launch(partial(_run, job=job))


def _run(fabric: Fabric, job: TrainingJob, progress: OnProgress = no_progress) -> None:
    """Train in one of the processes."""
    model = job.settings.models[job.name]
    threads = max(1, job.threads // fabric.world_size)
    keep_freed_memory()
    with torch_threads(threads):
        # Warped tissues are always probability maps.
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
            data = GeneratedDataset(
                tissues if model.anatomies == "all" else {ATLAS: tissues[ATLAS]}, crop,
                job.simulate or SimulateSettings(), job.seed, model.samples_per_epoch, passes=model.passes,
                threads=threads, anchor=anchor,
            )  # fmt: skip
        if model.in_atlas:
            network = find_architecture(model.architecture).parse(model.network)
            assert isinstance(network, AtlasNetworkSettings)
            held_out = SegmentedDataset(held_out, network, None)
            data = SegmentedDataset(data, network, derive_seed(job.seed, job.name))
        training = Training(job, data, held_out, fabric, threads, progress)
        training.run()
        if fabric.is_global_zero and training.best:
            training.write(job.out_dir)


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device `{name}`", "is not available", "use `auto` or `cpu`")
    return device
