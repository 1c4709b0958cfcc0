"""Training samples as segmentations, with thresholds of the concentration sampled in every epoch."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray

from gliofit.core.seeds import derive_seed
from gliofit.train.architecture import AtlasNetworkSettings
from gliofit.train.dataset import AbstractDataset, Batch
from gliofit.train.surrogate import segmentation_image


class SegmentedDataset(AbstractDataset):
    """Samples of another data set, with ``segmentation_image`` instead of the concentration.

    The thresholds of sample i in epoch e depend only on (seed, e, i). Without a seed they are the centres of the ranges
    of ``settings``, so that validation losses are comparable.
    """

    def __init__(self, data: AbstractDataset, settings: AtlasNetworkSettings, seed: int | None) -> None:
        self.data, self.seed = data, seed
        self.theta, self.space = data.theta, data.space
        self.size, self.crop_settings = data.size, data.crop_settings
        self.tissue, self.shards, self.centre_mm = data.tissue, data.shards, data.centre_mm
        self._ranges = np.array([settings.range_whole, settings.range_core])
        self.thresholds = self._draw(0)

    def __len__(self) -> int:
        """Number of samples in an epoch."""
        return len(self.data)

    @property
    def fingerprint(self) -> str:
        """Digest of the samples, the ranges and the seed."""
        return sha256(f"{self.data.fingerprint} {self._ranges.tolist()} {self.seed}".encode()).hexdigest()

    @property
    def anatomies(self) -> list[str]:
        """Names of the samples' brains."""
        return self.data.anatomies

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
