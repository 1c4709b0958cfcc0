"""Simulated tumours as training samples: cubes about each tumour's centre of mass, cut from shards."""

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

__all__ = [
    "AbstractDataset",
    "Anchor",
    "Batch",
    "Shard",
    "ShardDataset",
    "anatomies_of_shards",
    "cut_counts",
    "digest_of_tissues",
    "flip",
    "to_batch",
]

_LOG = logging.getLogger(__name__)

_COM = ("com_x_mm", "com_y_mm", "com_z_mm")
_COLUMNS = ("index", *_COM)
_MAKE_AGAIN = "simulate the shard again"


#: What cubes are laid about: each tumour's centre of mass, or the middle of the brain's grid.
Anchor = Literal["tumour", "grid"]


class Batch(NamedTuple):
    """Samples on the CPU, float32: tissue (B, 3, n, n, n), concentration (B, n, n, n), theta (B, n) in mm."""

    tissue: Tensor
    concentration: Tensor
    theta: Tensor


@dataclass(frozen=True, eq=False)
class Shard:
    """A 4-D image of concentrations, memory-mapped, and the table of its samples.

    Parameters
    ----------
    path
        The image, ``{shard}.nii``; the table lies beside it as ``{shard}.parquet``.
    counts
        Array (x, y, z, sample) of uint16, concentration times 65535.
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
        """Check format and table of a shard; raises InputError."""
        path = Path(path)
        try:
            counts, grid, table = read_shard(path)
        except InputError:
            raise
        except Exception as error:
            raise InputError(path, f"not a readable shard ({error})", _MAKE_AGAIN) from error
        _check_samples(path.with_suffix(".parquet"), table)
        return cls(path, counts, grid, table)

    @property
    def anatomies(self) -> list[str]:
        """Name of the tissue that each sample grew in; older shards do not say and are of the atlas."""
        return list(self.table["anatomy"]) if "anatomy" in self.table else [ATLAS] * len(self.table)

    def sample(self, index: int) -> Volume:
        """Concentration of one sample in counts of 1/65535."""
        return Volume(self.counts[..., index], self.grid)


def _check_samples(path: Path, table: pd.DataFrame) -> None:
    columns = (*space_of(table.iloc[0] if len(table) else {}).columns, *_COLUMNS)
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(path, f"has no column {', '.join(missing)}", _MAKE_AGAIN)
    if list(table["index"]) != list(range(len(table))):
        raise InputError(path, f"does not list each of its {len(table)} samples once", _MAKE_AGAIN)
    values = table[list(columns)].to_numpy(dtype=np.float64)
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(path, f"has a value that is not finite in sample {row}", _MAKE_AGAIN)


def anatomies_of_shards(paths: Sequence[str | Path]) -> list[str]:
    """Names of the tissues that shards' samples grew in, each once; raises InputError for a broken shard."""
    return list(dict.fromkeys(name for path in paths for name in Shard.open(path).anatomies))


def cut_counts(crop: Crop, tissue: Tissue, sample: Volume) -> NDArray[np.uint16]:
    """A cube as counts of 1/65535: tissue (``Crop.channels``) and concentration, shape (4, size, size, size).

    Parameters
    ----------
    crop
        The cube.
    tissue
        Tissue of the sample.
    sample
        Concentration in counts of 1/65535, on the tissue's grid.
    """
    counts = crop.volume(sample).data
    return np.rint(np.concatenate([65535 * crop.channels(tissue), counts[None]])).astype(np.uint16)


def to_batch(counts: NDArray[np.uint16], theta: NDArray[np.float64]) -> Batch:
    """Cubes of ``cut_counts``, shape (B, 4, n, n, n), and their thetas, shape (B, n), as networks get them."""
    values = torch.from_numpy(counts.astype(np.float32) * np.float32(SHARD_SCALE))
    return Batch(values[:, :3], values[:, 3], torch.from_numpy(theta.astype(np.float32)))


def digest_of_tissues(tissues: Mapping[str, Tissue]) -> bytes:
    """Digest of the names, grids, and white and grey matter of tissues."""
    digest = sha256()
    for name in sorted(tissues):
        tissue = tissues[name]
        digest.update(f"{name} {tissue.grid.shape}".encode())
        for data in (tissue.grid.affine, tissue.wm, tissue.gm):
            digest.update(np.ascontiguousarray(data).tobytes())
    return digest.digest()


class AbstractDataset(ABC):
    """Samples that networks are trained on or measured with.

    Attributes
    ----------
    theta
        (samples, n) float64, positions relative to the cube's centre in mm (right, anterior, superior). Of the samples
        themselves, or of others from the same distribution where samples are known only once they are grown.
    space
        Parameter space of theta.
    size
        Voxels along each edge of the cubes.
    crop_settings
        The cube.
    tissue
        The first tissue that samples grow in.
    shards
        Where the samples come from, if from files.
    centre_mm
        World position, shape (3,), of the middle of cubes that do not follow the tumours; None if they do.
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
        """Digest of the samples and the cube: tells whether a checkpoint belongs to this data."""

    @property
    @abstractmethod
    def anatomies(self) -> list[str]:
        """Names of the brains that samples grow in."""

    @abstractmethod
    def of_epoch(self, epoch: int) -> AbstractDataset:
        """The samples of an epoch."""

    @abstractmethod
    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Samples of the given indices."""

    @abstractmethod
    def batches(self, order: NDArray[np.int64], size: int, threads: int = 1) -> Iterator[Batch]:
        """Batches of ``size`` in the given order of samples, made ahead of need in threads."""


class ShardDataset(AbstractDataset):
    """Samples of several shards, cut to cubes about their stored centres of mass or the middle of the grid.

    Cubes are kept in memory, as uint16, if they fit into ``cache_gib``; otherwise they are cut each time.

    Parameters
    ----------
    shards
        Images ``{shard}.nii`` with their tables beside them.
    tissue
        Tissues the samples were simulated on, by the names in column ``anatomy`` of the tables; a single one is that
        of ``atlas``, which is also meant where there is no such column.
    crop
        The cube.
    cache_gib
        Memory the cubes may take.
    max_samples
        Use only this many samples, in the order of the shards.
    anchor
        What cubes are laid about; ``grid`` is for samples of one anatomy.

    Raises
    ------
    InputError
        If a shard is broken, its tissue is not given or lies on another grid, or there are no samples.
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
            raise InputError("training data", "there are no shards", "simulate at least one")
        self.shards = [Shard.open(path) for path in shards]
        given = {ATLAS: tissue} if isinstance(tissue, Tissue) else tissue
        used = _tissues_of(self.shards, given)
        self.tissues = {name: each.canonical() for name, each in used.items()}
        self.tissue = self.tissues.get(ATLAS) or next(iter(self.tissues.values()))
        self.crop_settings = crop
        self.size = crop.size
        self._anatomies = [name for shard in self.shards for name in shard.anatomies]
        self._where = [(s, i) for s, shard in enumerate(self.shards) for i in range(len(shard.table))][:max_samples]
        if not self._where:
            raise InputError(self.shards[0].path, "holds no samples", "simulate at least one")
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
        # Cubes in one place share their tissue, which is kept once.
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
        """Names of the brains that samples grew in."""
        return list(self.tissues)

    def of_epoch(self, epoch: int) -> ShardDataset:
        """The same samples in every epoch."""
        return self

    @cached_property
    def fingerprint(self) -> str:  # type: ignore[override]
        """Digest of the samples' parameters, their tissues and the cube."""
        digest = sha256(np.ascontiguousarray(self.theta).tobytes())
        digest.update(f"{self.crop_settings.size} {self.crop_settings.spacing_mm:g}".encode())
        digest.update(" ".join(self._anatomies[: len(self)]).encode())
        digest.update(digest_of_tissues(self.tissues))
        return digest.hexdigest()

    def _cut(self, index: int) -> NDArray[np.uint16]:
        """One cube as ``cut_counts`` gives it, without the tissue where all share it."""
        shard, position = self._where[index]
        sample = self.shards[shard].sample(position)
        if self._shared is not None:
            return np.rint(self.crops[index].volume(sample).data).astype(np.uint16)[None]
        return cut_counts(self.crops[index], self.tissues[self._anatomies[index]], sample)

    def batch(self, indices: Sequence[int] | NDArray[np.int64]) -> Batch:
        """Samples of the given indices."""
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
        """Batches of ``size`` in the given order of samples; cut ahead in threads where nothing is cached."""
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
    """Those of the given tissues that shards need."""
    used: dict[str, Tissue] = {}
    for shard in shards:
        for name in dict.fromkeys(shard.anatomies):
            if name not in given:
                raise InputError(
                    shard.path,
                    f"has samples that grew in the anatomy {name}, whose tissue is not given",
                    f"give it beside {', '.join(given) or 'none'}",
                )
            if not shard.grid.matches(given[name].grid):
                raise InputError(shard.path, "lies on another grid than the tissue", "give the tissue it was made on")
            used[name] = given[name]
    return used


def flip(batch: Batch, chosen: Tensor) -> Batch:
    """Mirror samples about the middle of their cubes.

    The cubes' axes point right, anterior and superior, so mirroring an axis negates that component of the origin.
    Growth is the same in the mirrored brain.

    Parameters
    ----------
    batch
        Samples.
    chosen
        (B, 3) bool: whether to mirror x, y, z of each sample.
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
