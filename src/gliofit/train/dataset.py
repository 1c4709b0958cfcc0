"""Training samples: cubes about each tumour's centre of mass, from shards or as segmentations."""

from __future__ import annotations

import copy
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.core.crop import Crop, CropSettings
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.model import space_of
from gliofit.growth.space import ParameterSpace
from gliofit.simulate.grow import COM
from gliofit.simulate.settings import ATLAS
from gliofit.simulate.shard import SHARD_SCALE, Shard, read_shard
from gliofit.train.architecture import AtlasNetworkSettings
from gliofit.train.surrogate import segmentation_image

_LOG = logging.getLogger(__name__)

#: Centre of the cubes: each tumour's centre of mass, or the centre of the brain's grid.
Anchor = Literal["tumour", "grid"]


class Batch(NamedTuple):
    """Samples, float32: tissue (B, 3, n, n, n), concentration (B, n, n, n), theta (B, parameters)."""

    tissue: Tensor
    concentration: Tensor
    theta: Tensor


def anatomies_of_shards(paths: Sequence[str | Path]) -> list[str]:
    """List the distinct tissue names of the samples of shards; raise InputError for an invalid shard."""
    return list(dict.fromkeys(name for path in paths for name in read_shard(path).anatomies))


def cut_counts(crop: Crop, tissue: Tissue | None, sample: Volume) -> NDArray[np.uint16]:
    """Cut a cube of tissue (``Crop.channels``), if any, and concentration, shape (4 or 1, n, n, n).

    ``sample`` is the concentration in counts of 1/65535 on the tissue's grid; the result has the same unit.
    """
    channels = [] if tissue is None else [65535 * crop.channels(tissue)]
    counts: NDArray[np.uint16] = np.rint(np.concatenate([*channels, crop.volume(sample).data[None]])).astype(np.uint16)
    return counts


def to_batch(counts: NDArray[np.uint16], theta: NDArray[np.float64], shared: Tensor | None = None) -> Batch:
    """Convert cubes of ``cut_counts``, shape (B, 4, n, n, n), and thetas, shape (B, parameters), to a batch.

    With the tissue of all cubes as ``shared``, shape (3, n, n, n), counts have the concentration only.
    """
    values = torch.from_numpy(counts.astype(np.float32) * np.float32(SHARD_SCALE))
    tissue = values[:, :3] if shared is None else shared.expand(len(counts), -1, -1, -1, -1)
    return Batch(tissue, values[:, -1], torch.from_numpy(theta.astype(np.float32)))


def digest_of_tissues(tissues: Mapping[str, Tissue]) -> bytes:
    """Return the digest of names, grids, and white and grey matter of tissues."""
    digest = sha256()
    for name in sorted(tissues):
        tissue = tissues[name]
        digest.update(f"{name} {tissue.grid.shape}".encode())
        for data in (tissue.grid.affine, tissue.wm, tissue.gm):
            digest.update(np.ascontiguousarray(data).tobytes())
    return digest.digest()


class AbstractDataset(ABC):
    """Samples for training or validation.

    Attributes
    ----------
    theta
        Theta of the samples, or of others from the same distribution, shape (samples, n), positions in mm from the
        cube's centre (right, anterior, superior).
    size
        Voxels along each edge of the cubes.
    tissue
        First tissue of the samples.
    anatomies
        Names of the samples' brains.
    centre_mm
        Centre of fixed cubes, shape (3,), world mm; None for cubes about tumours.
    """

    theta: NDArray[np.float64]
    space: ParameterSpace
    size: int
    crop_settings: CropSettings
    tissue: Tissue
    shards: Sequence[Shard]
    anatomies: list[str]
    centre_mm: NDArray[np.float64] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples in an epoch."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Digest of the samples and the cube, which identifies the data of a checkpoint."""

    @abstractmethod
    def of_epoch(self, epoch: int) -> AbstractDataset:
        """Return the samples of an epoch."""

    @abstractmethod
    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the samples with the given indices."""

    @abstractmethod
    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Yield batches of ``size`` in the given order of samples, prefetched by ``threads``."""


class ShardDataset(AbstractDataset):
    """Samples of shards, cut to cubes about their stored centres of mass or the centre of the grid.

    Parameters
    ----------
    tissue
        Tissues by the names in column ``anatomy`` of the tables, or that of ``atlas``.
    cache_gib
        Memory for caching cubes; if they do not fit they are cut each time.
    max_samples
        Largest number of samples, in the order of the shards.
    anchor
        Centre of the cubes; ``grid`` requires a single anatomy.

    Raises
    ------
    InputError
        If a shard is invalid, its tissue is missing or on another grid, or there are no samples.
    """

    def __init__(
        self,
        shards: Sequence[str | Path],
        tissue: Tissue | Mapping[str, Tissue],
        crop: CropSettings,
        *,
        cache_gib: float = 8.0,
        max_samples: int | None = None,
        anchor: Anchor = "tumour",
    ) -> None:
        if not shards:
            raise InputError("training data", "has no shards", "simulate at least one")
        self.shards = [read_shard(path) for path in shards]
        used = _tissues_of(self.shards, {ATLAS: tissue} if isinstance(tissue, Tissue) else tissue)
        self.tissues = {name: brain.canonical() for name, brain in used.items()}
        self.anatomies = list(self.tissues)
        self.tissue = self.tissues.get(ATLAS) or next(iter(self.tissues.values()))
        self.crop_settings, self.size = crop, crop.size
        self._anatomies = [name for shard in self.shards for name in shard.anatomies]
        self._where = [(s, i) for s, shard in enumerate(self.shards) for i in range(len(shard.table))][:max_samples]
        if not self._where:
            raise InputError(self.shards[0].path, "has no samples", "simulate at least one")
        rows = pd.concat([shard.table for shard in self.shards], ignore_index=True)[: len(self._where)]
        coms = rows[list(COM)].to_numpy(dtype=np.float64)
        if anchor == "grid":
            coms[:] = self.tissue.grid.centre_mm
        self.crops = [Crop.around(used[name].grid, com, crop) for name, com in zip(self._anatomies, coms, strict=False)]
        self.space = space_of(rows.iloc[0])
        offsets = np.array([self.space.relative_to(cube.centre_mm) for cube in self.crops])
        self.theta = rows[list(self.space.columns)].to_numpy(dtype=np.float64) - offsets
        # Fixed cubes have the same tissue.
        self._shared: Tensor | None = None
        if anchor == "grid":
            self.centre_mm = self.crops[0].centre_mm
            self._shared = torch.from_numpy(self.crops[0].channels(self.tissue))
        self._cache: NDArray[np.uint16] | None = None
        channels = 4 if self._shared is None else 1
        if len(self) * channels * self.size**3 * 2 <= cache_gib * 2**30:
            _LOG.info("cutting %d cubes of %d^3 voxels", len(self), self.size)
            self._cache = np.empty((len(self), channels, *(self.size,) * 3), np.uint16)
            for index in range(len(self)):
                self._cache[index] = self._cut(index)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._where)

    def of_epoch(self, epoch: int) -> ShardDataset:
        """Return the same samples in every epoch."""
        return self

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the samples' parameters, their tissues and the cube."""
        digest = sha256(np.ascontiguousarray(self.theta).tobytes())
        digest.update(f"{self.crop_settings.size} {self.crop_settings.spacing_mm:g}".encode())
        digest.update(" ".join(self._anatomies[: len(self)]).encode())
        digest.update(digest_of_tissues(self.tissues))
        return digest.hexdigest()

    def _cut(self, index: int) -> NDArray[np.uint16]:
        """Cut one cube (``cut_counts``), without tissue if it is shared."""
        shard, position = self._where[index]
        tissue = self.tissues[self._anatomies[index]] if self._shared is None else None
        return cut_counts(self.crops[index], tissue, self.shards[shard].sample(position))

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the samples with the given indices."""
        if self._cache is not None:
            counts = self._cache[np.asarray(indices)]
        else:
            counts = np.stack([self._cut(int(index)) for index in indices])
        return to_batch(counts, self.theta[np.asarray(indices)], self._shared)

    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Yield batches of ``size`` in the given order of samples, prefetched by ``threads`` if not cached."""
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        if self._cache is not None:
            yield from map(self.batch, parts)
            return
        pool = ThreadPoolExecutor(max(1, threads))
        try:
            pending: deque[Future[Batch]] = deque()
            for part in parts:
                pending.append(pool.submit(self.batch, part))
                if len(pending) > 2 * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _tissues_of(shards: Sequence[Shard], given: Mapping[str, Tissue]) -> dict[str, Tissue]:
    """Select the tissues of the samples of shards."""
    used: dict[str, Tissue] = {}
    for shard in shards:
        for name in dict.fromkeys(shard.anatomies):
            if name not in given:
                problem = f"has samples in the anatomy {name}, whose tissue is missing"
                raise InputError(shard.path, problem, f"add it to {', '.join(given) or 'the tissues'}")
            if not shard.grid.matches(given[name].grid):
                raise InputError(shard.path, "has another grid than the tissue", "use the tissue of the simulation")
            used[name] = given[name]
    return used


def flip(batch: Batch, chosen: Tensor) -> Batch:
    """Mirror samples about the centre of their cubes; the origin's component along the axis changes its sign.

    ``chosen`` are the axes x, y, z of each sample to mirror, shape (B, 3), bool.
    """
    if not chosen.any():
        return batch
    tissue, concentration, theta = batch.tissue.clone(), batch.concentration.clone(), batch.theta.clone()
    for axis in range(3):
        rows = chosen[:, axis]
        if rows.any():
            tissue[rows] = tissue[rows].flip(2 + axis)
            concentration[rows] = concentration[rows].flip(1 + axis)
            theta[rows, axis] = -theta[rows, axis]
    return Batch(tissue, concentration, theta)


class SegmentedDataset(AbstractDataset):
    """Samples of another data set, with ``segmentation_image`` instead of the concentration.

    The thresholds of sample i in epoch e depend only on (seed, e, i). Without a seed they are the centres of the ranges
    of ``settings``, so that validation losses are comparable.
    """

    def __init__(self, data: AbstractDataset, settings: AtlasNetworkSettings, seed: int | None) -> None:
        self.data, self.seed = data, seed
        self.theta, self.space, self.size, self.crop_settings = data.theta, data.space, data.size, data.crop_settings
        self.tissue, self.shards, self.anatomies = data.tissue, data.shards, data.anatomies
        self.centre_mm = data.centre_mm
        self._ranges = np.array([settings.range_whole, settings.range_core])
        self.thresholds = self._draw(0)

    def __len__(self) -> int:
        """Number of samples in an epoch."""
        return len(self.data)

    @property
    def fingerprint(self) -> str:
        """Digest of the samples, the ranges and the seed."""
        return sha256(f"{self.data.fingerprint} {self._ranges.tolist()} {self.seed}".encode()).hexdigest()

    def _draw(self, epoch: int) -> NDArray[np.float64]:
        """Draw the thresholds of whole tumour and core of an epoch, shape (samples, 2)."""
        low, high = self._ranges.T
        share = np.full((len(self), 2), 0.5)
        if self.seed is not None:
            share = np.random.default_rng(derive_seed(self.seed, "thresholds", epoch)).random((len(self), 2))
        return np.asarray(low + share * (high - low))

    def of_epoch(self, epoch: int) -> SegmentedDataset:
        """Return a view of the samples and thresholds of an epoch."""
        view = copy.copy(self)
        view.data, view.thresholds = self.data.of_epoch(epoch), self._draw(epoch)
        return view

    def _segmented(self, batch: Batch, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        thresholds = torch.from_numpy(self.thresholds[np.asarray(indices)].astype(np.float32))[:, :, None, None, None]
        whole, core = (batch.concentration >= thresholds[:, k] for k in (0, 1))
        return batch._replace(concentration=segmentation_image(whole, core))

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the samples with the given indices."""
        return self._segmented(self.data.batch(indices), indices)

    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Yield batches of ``size`` in the given order of samples."""
        parts = (order[start : start + size] for start in range(0, len(order), size))
        for part, batch in zip(parts, self.data.batches(order, size, threads), strict=True):
            yield self._segmented(batch, part)
