"""Training of a model from shards or generated samples."""

from __future__ import annotations

from functools import partial

import torch
from lightning_fabric import Fabric

from gliofit.core.errors import InputError
from gliofit.core.progress import OnProgress, no_progress
from gliofit.core.seeds import derive_seed
from gliofit.core.threads import torch_threads
from gliofit.core.tissue import Tissue
from gliofit.simulate.settings import ATLAS
from gliofit.train.architecture import AtlasNetworkSettings, find_architecture
from gliofit.train.dataset import AbstractDataset, Anchor, SegmentedDataset, ShardDataset
from gliofit.train.generated import GeneratedDataset
from gliofit.train.memory import keep_freed_memory
from gliofit.train.training import Training, TrainingJob


def train_model(job: TrainingJob, *, device: str = "auto", progress: OnProgress = no_progress) -> None:
    """Train a model and write its folder.

    Parameters
    ----------
    device
        ``auto`` (CUDA if available), ``cpu`` or ``cuda``.
    progress
        Progress callback, on one device.

    Raises
    ------
    InputError
        If data or settings are invalid.
    """
    models, subject = job.settings.models, f"model `{job.name}`"
    if job.name not in models:
        raise InputError(subject, "is not in `train.models`", f"choose one of {', '.join(models)}, or add it")
    found = torch.cuda.device_count()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, devices = torch.device(device).type, models[job.name].devices
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError(f"device `{device}`", "is not available", "use `auto` or `cpu`")
    if devices == 1:
        _run(Fabric(accelerator=kind, devices=1), job, progress)
        return
    if kind == "cuda" and devices > found:
        raise InputError(subject, f"requests {devices} devices, but torch finds {found}", "reduce `devices`")
    # CUDA and compiled kernels do not survive a fork, so processes are spawned.
    Fabric(accelerator=kind, devices=devices, strategy="ddp_spawn").launch(partial(_run, job=job))


def _run(fabric: Fabric, job: TrainingJob, progress: OnProgress = no_progress) -> None:
    """Train in one of the processes."""
    model = job.settings.models[job.name]
    threads = max(1, job.threads // fabric.world_size)
    keep_freed_memory()
    with torch_threads(threads):
        tissues = {ATLAS: Tissue.load(job.tissue_dir, job.tissue_kind)}
        if not model.in_atlas:
            # Warped tissues are always probability maps.
            tissues |= {name: Tissue.load(folder, "probabilities") for name, folder in job.warped.items()}
        crop, half = job.settings.crop_of(job.name), job.settings.cache_gib / 2 / fabric.world_size
        anchor: Anchor = "grid" if model.in_atlas else "tumour"
        held_out: AbstractDataset = ShardDataset(job.validation, tissues, crop, cache_gib=half, anchor=anchor)
        data: AbstractDataset
        if model.data == "shards":
            data = ShardDataset(job.train, tissues, crop, cache_gib=half, max_samples=model.max_samples, anchor=anchor)
        else:
            data = GeneratedDataset(
                tissues if model.anatomies == "all" else {ATLAS: tissues[ATLAS]}, crop, job.simulate, job.seed,
                model.samples_per_epoch, passes=model.passes, threads=threads, anchor=anchor,
            )  # fmt: skip
        if model.in_atlas:
            network = find_architecture(model.architecture).parse(model.network)
            assert isinstance(network, AtlasNetworkSettings)
            held_out = SegmentedDataset(held_out, network, None)
            data = SegmentedDataset(data, network, derive_seed(job.seed, job.name))
        training = Training(job, data, held_out, fabric, threads, progress)
        training.run()
        if fabric.is_global_zero and training.best:
            training.write()
