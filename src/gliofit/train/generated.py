"""Training samples grown while a network trains: fresh ones in every epoch, the same ones for the same seed."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from gliofit.core.crop import Crop, CropSettings
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.model import find_growth_model, space_of
from gliofit.simulate.grow import Sample
from gliofit.simulate.many import grow_samples
from gliofit.simulate.sampler import draw_parameters, seed_voxels
from gliofit.simulate.settings import ATLAS, PRESETS, SimulateSettings
from gliofit.simulate.shard import to_counts
from gliofit.solver.backends import choose_backend
from gliofit.solver.settings import AccurateSettings
from gliofit.solver.threads import kernels_are_thread_safe
from gliofit.train.dataset import AbstractDataset, Anchor, Batch, Shard, cut_counts, digest_of_tissues, to_batch

__all__ = ["GeneratedDataset"]

_LOG = logging.getLogger(__name__)

#: Voxel size of the pilot's tumours, where it is a whole multiple of the samples'.
_PILOT_SPACING_MM = 4.0


class _Cube(NamedTuple):
    """A grown sample: counts (4, n, n, n) and theta."""

    counts: NDArray[np.uint16]
    theta: NDArray[np.float64]


class GeneratedDataset(AbstractDataset):
    """Samples that our own solver grows when they are asked for, cut to cubes as those of shards are.

    Sample i of epoch e is a function of (seed, e, i) alone: neither of the order nor the number in which samples are
    asked for, nor of threads. It grows in tissue i modulo the number of tissues, on the cores of the CPU or, where the
    integrator's back end is Triton, in batches on CUDA. There it is that of a CPU up to rounding.

    What ``theta`` is can only be told once a tumour is grown, since growth stops at a volume. The attribute ``theta``,
    for normalisation and range, is that of a pilot of tumours drawn alike, grown at 4 mm where that is a whole multiple
    of the simulations' spacing; the extremes of all samples lie a little beyond the pilot's.

    Parameters
    ----------
    tissues
        Brains at the spacing of the simulations, by name; a single one is ``atlas``.
    crop
        The cube.
    settings
        Preset, integrator and batch size on CUDA.
    seed
        Decides all samples.
    samples
        Samples in an epoch.
    pilot
        Tumours of the pilot.
    threads
        Of the CPU, for the pilot.
    ahead_gib
        Memory that cubes grown ahead of need may take. More lets more tumours of one tissue grow at a time on CUDA.
    anchor
        What cubes are laid about; ``grid`` is for a single tissue.

    Raises
    ------
    InputError
        If there is no tissue, the cube's spacing is no multiple of the tissues', or draws make no tumours.
    """

    def __init__(
        self,
        tissues: Tissue | Mapping[str, Tissue],
        crop: CropSettings,
        settings: SimulateSettings,
        seed: int,
        samples: int,
        *,
        pilot: int = 256,
        threads: int = 1,
        ahead_gib: float = 4.0,
        anchor: Anchor = "tumour",
    ) -> None:
        given = {ATLAS: tissues} if isinstance(tissues, Tissue) else dict(tissues)
        if not given:
            raise InputError("training data", "there is no tissue to grow tumours in", "give at least one")
        self._names = list(given)
        self._tissues = list(given.values())
        self._canonical = [tissue.canonical() for tissue in self._tissues]
        self._voxels = [seed_voxels(tissue) for tissue in self._tissues]
        self.tissue = self._canonical[0]
        self.crop_settings, self.size = crop, crop.size
        self.settings, self.seed = settings, seed
        self.shards: Sequence[Shard] = ()
        if anchor == "grid":
            self.centre_mm = Crop.around(self.tissue.grid, self.tissue.grid.centre_mm, crop).centre_mm
        self._samples, self._pilot, self._ahead_gib = samples, pilot, ahead_gib
        self._epoch = 0
        self._on_device = (
            isinstance(settings.integrator, AccurateSettings)
            and choose_backend(settings.integrator.backend) == "triton"
        )
        self.space = find_growth_model(settings.growth_model).space
        _LOG.info("growing a pilot of %d tumours", pilot)
        self.theta = self._pilot_theta(threads)
        self._fingerprint = self._digest()

    def __len__(self) -> int:
        """Number of samples in an epoch."""
        return self._samples

    @property
    def fingerprint(self) -> str:
        """Digest of all that decides the samples.

        Not of the pilot's theta: another device rounds differently, and must not end a training.
        """
        return self._fingerprint

    @property
    def anatomies(self) -> list[str]:
        """Names of the brains that samples grow in, by turns."""
        return list(self._names)

    def _digest(self) -> str:
        facts = {
            "seed": self.seed,
            "samples": len(self),
            "pilot": self._pilot,
            "crop": self.crop_settings.model_dump(mode="json"),
            "preset": PRESETS[self.settings.preset].model_dump(mode="json"),
            "integrator": self.settings.integrator.model_dump(mode="json", exclude={"backend"}),
            "tissues": self._names,
        }
        digest = sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(digest_of_tissues(dict(zip(self._names, self._canonical, strict=True))))
        return digest.hexdigest()

    def of_epoch(self, epoch: int) -> GeneratedDataset:
        """View on the samples of an epoch."""
        view = copy.copy(self)
        view._epoch = epoch
        return view

    def draw(self, index: int, attempt: int = 0) -> pd.Series:
        """Parameters of a sample of this epoch: a row of ``draw_parameters``."""
        return self._drawn(index, derive_seed(self.seed, "generated", self._epoch, index, attempt))

    def _drawn(self, index: int, seed: int) -> pd.Series:
        place = index % len(self._tissues)
        preset = PRESETS[self.settings.preset]
        return draw_parameters(self._tissues[place], preset, 1, seed, self._voxels[place], self.space).iloc[0]

    def anatomy(self, index: int) -> str:
        """Name of the tissue that a sample grows in."""
        return self._names[index % len(self._names)]

    def _pilot_theta(self, threads: int) -> NDArray[np.float64]:
        spacing = self.tissue.grid.isotropic_spacing_mm
        ratio = _PILOT_SPACING_MM / spacing
        factor = round(ratio) if round(ratio) >= 1 and abs(ratio - round(ratio)) < 1e-3 * ratio else 1
        rows = np.empty((self._pilot, len(self.space)))
        for place, tissue in enumerate(self._tissues):
            coarse = tissue.coarsen(factor)
            own = range(place, self._pilot, len(self._tissues))

            def draw(position: int, attempt: int, own: range = own) -> pd.Series:
                index = own[position]
                return self._drawn(index, derive_seed(self.seed, "generated", "pilot", index, attempt))

            grown = grow_samples(coarse, draw, len(own), self.settings.integrator, threads, self.settings.batch_size)
            for index, (sample, _) in zip(own, grown, strict=True):
                # The cube that the same tumour has on the fine grid, up to a voxel.
                rows[index] = _theta(sample, self._crop(place, sample))
        return rows

    def _crop(self, place: int, sample: Sample) -> Crop:
        com = np.array([sample.row[f"com_{axis}_mm"] for axis in "xyz"])
        centre = com if self.centre_mm is None else self.centre_mm
        return Crop.around(self._tissues[place].grid, centre, self.crop_settings)

    def _grow(self, indices: Sequence[int]) -> list[_Cube]:
        """Samples of one tissue, alone on a core or together on CUDA."""
        place = indices[0] % len(self._tissues)
        tissue = self._tissues[place]
        cubes = []
        grown = grow_samples(
            tissue,
            lambda position, attempt: self.draw(indices[position], attempt),
            len(indices),
            self.settings.integrator,
            batch_size=self.settings.batch_size,
        )
        for sample, _ in grown:
            crop = self._crop(place, sample)
            counts = Volume(to_counts(sample.concentration.data), tissue.grid)
            cubes.append(_Cube(cut_counts(crop, self._canonical[place], counts), _theta(sample, crop)))
        return cubes

    def _jobs(self, indices: Sequence[int]) -> list[list[int]]:
        """Split samples into what grows at a time: one on a core, ``batch_size`` of one tissue on CUDA."""
        if not self._on_device:
            return [[index] for index in indices]
        jobs = []
        for place in range(len(self._tissues)):
            own = [index for index in indices if index % len(self._tissues) == place]
            size = self.settings.batch_size
            jobs += [own[start : start + size] for start in range(0, len(own), size)]
        return jobs

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Samples of the given indices, grown one after another."""
        wanted = [int(index) for index in indices]
        cubes: dict[int, _Cube] = {}
        for job in self._jobs(list(dict.fromkeys(wanted))):
            cubes.update(zip(job, self._grow(job), strict=True))
        return _batch([cubes[index] for index in wanted])

    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Batches of ``size`` in the given order of samples, grown ahead of need.

        Samples are asked for in windows, the next one while the last one is used: on ``threads`` cores of the CPU, or
        by one thread that keeps CUDA busy.
        """
        indices = [int(index) for index in order]
        if not self._on_device and not kernels_are_thread_safe():
            # Training itself may be in a kernel while a thread grows tumours.
            for start in range(0, len(indices), size):
                yield self.batch(indices[start : start + size])
            return
        workers = 1 if self._on_device else max(1, threads)
        length = self._window(size, workers)
        windows = [indices[start : start + length] for start in range(0, len(indices), length)]
        # A thread starts on the first device, which another process may be training on.
        device = torch.cuda.current_device() if self._on_device and torch.cuda.is_available() else None
        begin: Callable[[], object] | None = None if device is None else partial(torch.cuda.set_device, device)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="generate", initializer=begin)

        def ask_for(window: Sequence[int]) -> list[tuple[list[int], Future[list[_Cube]]]]:
            return [(job, pool.submit(self._grow, job)) for job in self._jobs(list(dict.fromkeys(window)))]

        try:
            following = ask_for(windows[0]) if windows else []
            for number, window in enumerate(windows):
                jobs = following
                following = ask_for(windows[number + 1]) if number + 1 < len(windows) else []
                found = {index: (future, place) for job, future in jobs for place, index in enumerate(job)}
                for start in range(0, len(window), size):
                    part = (found[index] for index in window[start : start + size])
                    yield _batch([future.result()[place] for future, place in part])
        finally:
            pool.shutdown(cancel_futures=True)

    def _window(self, size: int, workers: int) -> int:
        """Samples to ask for at a time, a multiple of ``size``: two such windows are in memory."""
        affordable = self._ahead_gib * 2**30 / (2 * 4 * self.size**3 * 2)
        wanted = self.settings.batch_size * len(self._tissues) if self._on_device else 4 * workers
        return size * max(1, -(-int(min(affordable, wanted)) // size))


def _theta(sample: Sample, crop: Crop) -> NDArray[np.float64]:
    """Theta of a sample as networks get it, shape (n,)."""
    space = space_of(sample.row)
    return np.array([sample.row[column] for column in space.columns]) - space.relative_to(crop.centre_mm)


def _batch(cubes: Sequence[_Cube]) -> Batch:
    return to_batch(np.stack([cube.counts for cube in cubes]), np.stack([cube.theta for cube in cubes]))
