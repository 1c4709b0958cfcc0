"""Training samples from shards: cubes about each tumour's centre of mass."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
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
from gliofit.core.grid import Grid, Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.model import space_of
from gliofit.growth.space import ParameterSpace
from gliofit.simulate.settings import ATLAS
from gliofit.simulate.shard import SHARD_SCALE, read_shard

_LOG = logging.getLogger(__name__)

_COM = ("com_x_mm", "com_y_mm", "com_z_mm")
_COLUMNS = ("index", *_COM)
_SIMULATE_AGAIN = "simulate the shard again"

#: Centre of the cubes: each tumour's centre of mass, or the centre of the brain's grid.
Anchor = Literal["tumour", "grid"]


class Batch(NamedTuple):
    """Samples, float32: tissue (B, 3, n, n, n), concentration (B, n, n, n), theta (B, parameters)."""

    tissue: Tensor
    concentration: Tensor
    theta: Tensor


@dataclass(frozen=True, eq=False)
class Shard:
    """Memory-mapped 4-D image of concentrations with the table of its samples.

    Parameters
    ----------
    path
        Image ``{shard}.nii``, next to its table ``{shard}.parquet``.
    counts
        Concentration times 65535, uint16, shape (x, y, z, samples).
    grid
        Grid of each sample.
    table
        One row per sample, in the order of the fourth axis.
    """

    path: Path
    counts: NDArray[np.uint16]
    grid: Grid
    table: pd.DataFrame

    @classmethod
    def open(cls, path: str | Path) -> Shard:
        """Open a shard; raise InputError if image or table is invalid."""
        path = Path(path)
        try:
            counts, grid, table = read_shard(path)
        except InputError:
            raise
        except Exception as error:
            raise InputError(path, f"cannot be read as shard ({error})", _SIMULATE_AGAIN) from error
        _check_samples(path.with_suffix(".parquet"), table)
        return cls(path, counts, grid, table)

    @property
    def anatomies(self) -> list[str]:
        """Name of each sample's tissue; ``atlas`` in shards without column ``anatomy``."""
        return list(self.table["anatomy"]) if "anatomy" in self.table else [ATLAS] * len(self.table)

    def sample(self, index: int) -> Volume:
        """Return the concentration of one sample in counts of 1/65535."""
        return Volume(self.counts[..., index], self.grid)


def _check_samples(path: Path, table: pd.DataFrame) -> None:
    columns = (*space_of(table.iloc[0] if len(table) else {}).columns, *_COLUMNS)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(path, f"lacks the columns {', '.join(missing)}", _SIMULATE_AGAIN)
    if list(table["index"]) != list(range(len(table))):
        raise InputError(path, f"does not list each of its {len(table)} samples once", _SIMULATE_AGAIN)
    values = table[list(columns)].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(path, f"has a value that is not finite in sample {row}", _SIMULATE_AGAIN)


def anatomies_of_shards(paths: Sequence[str | Path]) -> list[str]:
    """List the distinct tissue names of the samples of shards; raise InputError for an invalid shard."""
    return list(dict.fromkeys(name for path in paths for name in Shard.open(path).anatomies))


def cut_counts(crop: Crop, tissue: Tissue, sample: Volume) -> NDArray[np.uint16]:
    """Cut a cube of tissue (``Crop.channels``) and concentration, both in counts of 1/65535, shape (4, n, n, n).

    ``sample`` is the concentration in counts of 1/65535 on the tissue's grid.
    """
    values = np.concatenate([65535 * crop.channels(tissue), crop.volume(sample).data[None]])
    counts: NDArray[np.uint16] = np.rint(values).astype(np.uint16)
    return counts


def to_batch(counts: NDArray[np.uint16], theta: NDArray[np.float64]) -> Batch:
    """Convert cubes of ``cut_counts``, shape (B, 4, n, n, n), and thetas, shape (B, parameters), to a batch."""
    values = torch.from_numpy(counts.astype(np.float32) * np.float32(SHARD_SCALE))
    return Batch(values[:, :3], values[:, 3], torch.from_numpy(theta.astype(np.float32)))


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
        Theta of the samples, or of others from the same distribution, shape (samples, n), float64, positions in mm from
        the cube's centre (right, anterior, superior).
    space
        Parameter space of theta.
    size
        Voxels along each edge of the cubes.
    crop_settings
        Settings of the cube.
    tissue
        First tissue of the samples.
    shards
        Files of the samples, if any.
    centre_mm
        Centre of fixed cubes, shape (3,), world mm; None for cubes about tumours.
    """

    theta: NDArray[np.float64]
    space: ParameterSpace
    size: int
    crop_settings: CropSettings
    tissue: Tissue
    shards: Sequence[Shard]
    centre_mm: NDArray[np.float64] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of samples in an epoch."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Digest of the samples and the cube, which identifies the data of a checkpoint."""

    @property
    @abstractmethod
    def anatomies(self) -> list[str]:
        """Names of the samples' brains."""

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
    shards
        Images ``{shard}.nii`` next to their tables.
    tissue
        Tissues by the names in column ``anatomy`` of the tables, or that of ``atlas``.
    crop
        Settings of the cube.
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
        self.shards = [Shard.open(path) for path in shards]
        used = _tissues_of(self.shards, {ATLAS: tissue} if isinstance(tissue, Tissue) else tissue)
        self.tissues = {name: brain.canonical() for name, brain in used.items()}
        self.tissue = self.tissues.get(ATLAS) or next(iter(self.tissues.values()))
        self.crop_settings = crop
        self.size = crop.size
        self._anatomies = [name for shard in self.shards for name in shard.anatomies]
        self._where = [(s, i) for s, shard in enumerate(self.shards) for i in range(len(shard.table))][:max_samples]
        if not self._where:
            raise InputError(self.shards[0].path, "has no samples", "simulate at least one")
        rows = pd.concat([shard.table for shard in self.shards], ignore_index=True)[: len(self._where)]
        coms = rows[list(_COM)].to_numpy(dtype=np.float64)
        names = self._anatomies[: len(coms)]
        if anchor == "grid":
            coms[:] = self.tissue.grid.centre_mm
        self.crops = [Crop.around(used[name].grid, com, crop) for name, com in zip(names, coms, strict=True)]
        centres = np.array([cut.centre_mm for cut in self.crops])
        self.space = space_of(rows.iloc[0])
        offsets = np.array([self.space.relative_to(centre) for centre in centres])
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
            cache = np.empty((len(self), channels, *(self.size,) * 3), np.uint16)
            for index in range(len(self)):
                cache[index] = self._cut(index)
            self._cache = cache

    def __len__(self) -> int:
        """Number of samples."""
        return len(self._where)

    @property
    def anatomies(self) -> list[str]:
        """Names of the samples' brains."""
        return list(self.tissues)

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
        sample = self.shards[shard].sample(position)
        if self._shared is None:
            return cut_counts(self.crops[index], self.tissues[self._anatomies[index]], sample)
        counts: NDArray[np.uint16] = np.rint(self.crops[index].volume(sample).data).astype(np.uint16)
        return counts[None]

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Return the samples with the given indices."""
        if self._cache is not None:
            counts = self._cache[np.asarray(indices)]
        else:
            counts = np.stack([self._cut(int(index)) for index in indices])
        theta = self.theta[np.asarray(indices)]
        if self._shared is None:
            return to_batch(counts, theta)
        return Batch(
            self._shared.expand(len(counts), -1, -1, -1, -1),
            torch.from_numpy(counts[:, 0].astype(np.float32) * np.float32(SHARD_SCALE)),
            torch.from_numpy(theta.astype(np.float32)),
        )

    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Yield batches of ``size`` in the given order of samples, prefetched by ``threads`` if not cached."""
        parts = [order[start : start + size] for start in range(0, len(order), size)]
        if self._cache is not None:
            yield from map(self.batch, parts)
            return
        with ThreadPoolExecutor(max(1, threads)) as pool:
            ahead = 2 * max(1, threads)
            pending = [pool.submit(self.batch, part) for part in parts[:ahead]]
            try:
                for following in range(ahead, len(parts) + ahead):
                    batch = pending.pop(0).result()
                    if following < len(parts):
                        pending.append(pool.submit(self.batch, parts[following]))
                    yield batch
            finally:
                for job in pending:
                    job.cancel()


def _tissues_of(shards: Sequence[Shard], given: Mapping[str, Tissue]) -> dict[str, Tissue]:
    """Select the tissues of the samples of shards."""
    used: dict[str, Tissue] = {}
    for shard in shards:
        for name in dict.fromkeys(shard.anatomies):
            if name not in given:
                raise InputError(
                    shard.path,
                    f"has samples in the anatomy {name}, whose tissue is missing",
                    f"add it to {', '.join(given) or 'the tissues'}",
                )
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
