"""Training samples simulated during training, new in every epoch and reproducible for the same seed."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from hashlib import sha256

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from gliofit.core.crop import Crop, CropSettings
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.seeds import derive_seed
from gliofit.core.threads import kernels_are_thread_safe
from gliofit.core.tissue import Tissue
from gliofit.growth.model import find_growth_model, space_of
from gliofit.simulate.grow import COM, Sample
from gliofit.simulate.many import grow_samples, grows_in_batches
from gliofit.simulate.sampler import draw_parameters, seed_voxels
from gliofit.simulate.settings import ATLAS, PRESETS, SimulateSettings
from gliofit.simulate.shard import to_counts
from gliofit.train.dataset import AbstractDataset, Anchor, Batch, cut_counts, digest_of_tissues, to_batch

_LOG = logging.getLogger(__name__)

#: Voxel size of the pilot, if it is a whole multiple of the samples' voxel size.
_PILOT_SPACING_MM = 4.0

#: Counts (4, n, n, n) and theta of a simulated sample.
_Cube = tuple[NDArray[np.uint16], NDArray[np.float64]]


class GeneratedDataset(AbstractDataset):
    """Samples simulated on demand and cut to cubes like those of shards.

    Sample i of epoch e depends only on (seed, e, i). Its tissue is number i modulo the number of tissues. Samples are
    simulated on CPU cores or, with the Triton back end, in batches on CUDA, with the same result up to rounding.

    Since growth stops at a volume, theta is known only after the simulation. The attribute ``theta``, for normalisation
    and range, is that of ``pilot`` samples from the same distribution, simulated at 4 mm if that is a whole multiple of
    the samples' voxel size.

    Parameters
    ----------
    tissues
        Brains at the voxel size of the simulations, by name, or that of ``atlas``.
    samples
        Samples in an epoch.
    passes
        Successive epochs with the same samples, which stay in memory: 8 n³ bytes each.
    threads
        CPU threads for the pilot.
    ahead_gib
        Memory for prefetched cubes; it limits the batch size on CUDA.
    anchor
        Centre of the cubes; ``grid`` requires a single tissue.

    Raises
    ------
    InputError
        If there is no tissue, the cube's voxel size is not a multiple of the tissues', or samples have no tumour.
    """

    def __init__(
        self,
        tissues: Tissue | Mapping[str, Tissue],
        crop: CropSettings,
        settings: SimulateSettings,
        seed: int,
        samples: int,
        *,
        passes: int = 1,
        pilot: int = 256,
        threads: int = 1,
        ahead_gib: float = 4.0,
        anchor: Anchor = "tumour",
    ) -> None:
        brains = {ATLAS: tissues} if isinstance(tissues, Tissue) else dict(tissues)
        if not brains:
            raise InputError("training data", "has no tissue for simulations", "specify at least one")
        self.anatomies, self._tissues = list(brains), list(brains.values())
        self._canonical = [tissue.canonical() for tissue in self._tissues]
        self._voxels = [seed_voxels(tissue) for tissue in self._tissues]
        self.tissue = self._canonical[0]
        self.crop_settings, self.size = crop, crop.size
        self.settings, self.seed = settings, seed
        self.shards = ()
        if anchor == "grid":
            self.centre_mm = Crop.around(self.tissue.grid, self.tissue.grid.centre_mm, crop).centre_mm
        self._samples, self._passes, self._pilot, self._ahead_gib, self._epoch = samples, passes, pilot, ahead_gib, 0
        self._kept: dict[int, _Cube] = {}
        self._on_device = grows_in_batches(settings.integrator)
        self.space = find_growth_model(settings.growth_model).space
        _LOG.info("simulating a pilot of %d tumours", pilot)
        self.theta = self._pilot_theta(threads)

    def __len__(self) -> int:
        """Number of samples in an epoch."""
        return self._samples

    @cached_property
    def fingerprint(self) -> str:
        """Digest of all settings of the samples, but not of the pilot's theta, whose rounding depends on the device."""
        facts = {
            "seed": self.seed, "samples": len(self), "pilot": self._pilot, "tissues": self.anatomies,
            "crop": self.crop_settings.model_dump(mode="json"),
            "preset": PRESETS[self.settings.preset].model_dump(mode="json"),
            "integrator": self.settings.integrator.model_dump(mode="json", exclude={"backend"}),
        } | ({"passes": self._passes} if self._passes > 1 else {})  # fmt: skip
        digest = sha256(json.dumps(facts, sort_keys=True).encode())
        digest.update(digest_of_tissues(dict(zip(self.anatomies, self._canonical, strict=True))))
        return digest.hexdigest()

    def of_epoch(self, epoch: int) -> GeneratedDataset:
        """Return a view of the samples of an epoch."""
        view = copy.copy(self)
        view._epoch = epoch // self._passes
        if view._epoch != self._epoch:
            # The next view must find this one's samples, and only those.
            self._epoch, self._kept = view._epoch, {}
            view._kept = self._kept
        return view

    def draw(self, index: int, attempt: int = 0) -> pd.Series:
        """Draw the parameters of a sample of this epoch, a row of ``draw_parameters``."""
        return self._drawn(index, derive_seed(self.seed, "generated", self._epoch, index, attempt))

    def _drawn(self, index: int, seed: int) -> pd.Series:
        place = index % len(self._tissues)
        preset = PRESETS[self.settings.preset]
        return draw_parameters(self._tissues[place], preset, 1, seed, self._voxels[place], self.space).iloc[0]

    def _pilot_theta(self, threads: int) -> NDArray[np.float64]:
        spacing = self.tissue.grid.isotropic_spacing_mm
        ratio = _PILOT_SPACING_MM / spacing
        factor = round(ratio) if round(ratio) >= 1 and abs(ratio - round(ratio)) < 1e-3 * ratio else 1
        rows = np.empty((self._pilot, len(self.space)))
        for place, tissue in enumerate(self._tissues):
            coarse = tissue.coarsen(factor)
            indices = range(place, self._pilot, len(self._tissues))

            def draw(index: int, attempt: int) -> pd.Series:
                return self._drawn(index, derive_seed(self.seed, "generated", "pilot", index, attempt))

            for index, sample in zip(indices, self._samples_of(coarse, indices, draw, threads), strict=True):
                # The cube on the fine grid, which may differ by a voxel.
                rows[index] = _theta(sample, self._crop(place, sample))
        return rows

    def _samples_of(
        self, tissue: Tissue, indices: Sequence[int], draw: Callable[[int, int], pd.Series], threads: int = 1
    ) -> Iterator[Sample]:
        """Simulate samples of one tissue; ``draw`` takes index and attempt."""
        integrator, size = self.settings.integrator, self.settings.batch_size
        samples = grow_samples(
            tissue, lambda k, attempt: draw(indices[k], attempt), len(indices), integrator, threads, size
        )
        return (sample for sample, _ in samples)

    def _crop(self, place: int, sample: Sample) -> Crop:
        centre = np.array([sample.row[name] for name in COM]) if self.centre_mm is None else self.centre_mm
        return Crop.around(self._tissues[place].grid, centre, self.crop_settings)

    def _grow(self, indices: Sequence[int]) -> list[_Cube]:
        """Simulate samples of one tissue, one on a core or a batch on CUDA."""
        if all(index in self._kept for index in indices):
            return [self._kept[index] for index in indices]
        place = indices[0] % len(self._tissues)
        tissue = self._tissues[place]
        cubes = []
        for sample in self._samples_of(tissue, indices, self.draw):
            crop = self._crop(place, sample)
            counts = Volume(to_counts(sample.concentration.data), tissue.grid)
            cubes.append((cut_counts(crop, self._canonical[place], counts), _theta(sample, crop)))
        if self._passes > 1:
            self._kept.update(zip(indices, cubes, strict=True))
        return cubes

    def _jobs(self, indices: Sequence[int]) -> list[list[int]]:
        """Split samples into jobs: one sample on a core, ``batch_size`` of one tissue on CUDA."""
        if not self._on_device:
            return [[index] for index in indices]
        size, count = self.settings.batch_size, len(self._tissues)
        groups = [[index for index in indices if index % count == place] for place in range(count)]
        return [group[start : start + size] for group in groups for start in range(0, len(group), size)]

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the samples with the given indices."""
        requested = [int(index) for index in indices]
        jobs = self._jobs(list(dict.fromkeys(requested)))
        cubes = {index: cube for job in jobs for index, cube in zip(job, self._grow(job), strict=True)}
        return _batch([cubes[index] for index in requested])

    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Yield batches of ``size`` in the given order of samples.

        The next window of samples is simulated while the current one is used, on ``threads`` cores or by one thread on
        CUDA.
        """
        indices = order.tolist()
        if not self._on_device and not kernels_are_thread_safe():
            # Training may call a kernel while a thread simulates.
            for start in range(0, len(indices), size):
                yield self.batch(indices[start : start + size])
            return
        workers = 1 if self._on_device else max(1, threads)
        length = self._window(size, workers)
        windows = [indices[start : start + length] for start in range(0, len(indices), length)]
        # New threads use the first device, on which another process may train.
        device = torch.cuda.current_device() if self._on_device and torch.cuda.is_available() else None
        begin: Callable[[], object] | None = None if device is None else partial(torch.cuda.set_device, device)
        pool = ThreadPoolExecutor(workers, thread_name_prefix="generate", initializer=begin)

        def submit(window: Sequence[int]) -> list[tuple[list[int], Future[list[_Cube]]]]:
            return [(job, pool.submit(self._grow, job)) for job in self._jobs(list(dict.fromkeys(window)))]

        try:
            following = submit(windows[0]) if windows else []
            for number, window in enumerate(windows):
                jobs = following
                following = submit(windows[number + 1]) if number + 1 < len(windows) else []
                futures = {index: (future, place) for job, future in jobs for place, index in enumerate(job)}
                for start in range(0, len(window), size):
                    part = (futures[index] for index in window[start : start + size])
                    yield _batch([future.result()[place] for future, place in part])
        finally:
            pool.shutdown(cancel_futures=True)

    def _window(self, size: int, workers: int) -> int:
        """Return the number of samples in a window, a multiple of ``size``; two windows are in memory."""
        affordable = self._ahead_gib * 2**30 / (2 * 4 * self.size**3 * 2)
        useful = self.settings.batch_size * len(self._tissues) if self._on_device else 4 * workers
        return size * max(1, -(-int(min(affordable, useful)) // size))


def _theta(sample: Sample, crop: Crop) -> NDArray[np.float64]:
    """Return theta of a sample relative to the cube, shape (n,)."""
    space = space_of(sample.row)
    return space.values(sample.row) - space.relative_to(crop.centre_mm)


def _batch(cubes: Sequence[_Cube]) -> Batch:
    counts, thetas = zip(*cubes, strict=True)
    return to_batch(np.stack(counts), np.stack(thetas))
