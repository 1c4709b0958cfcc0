"""Loss, validation metrics and baselines of each kind of network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gliofit.train.dataset import AbstractDataset, Batch
from gliofit.train.surrogate import AnyModel, AtlasInverse, DirectInverse, Surrogate

_BATCH = 16

#: Concentration at the border of oedema, whose Dice is a validation metric.
_OUTLINE = 0.33


class AbstractTask(ABC):
    """Loss and validation of one kind of network."""

    #: Description of the loss, for axis labels and tables.
    unit: ClassVar[str]

    @abstractmethod
    def loss(self, model: AnyModel, batch: Batch) -> Tensor:
        """Compute the loss, a scalar, averaged over the batch."""

    @abstractmethod
    def validate(self, model: AnyModel, data: AbstractDataset, device: torch.device) -> dict[str, float]:
        """Compute metrics on a data set; ``loss`` selects the best weights."""

    @abstractmethod
    def baseline(self, training: AbstractDataset, validation: AbstractDataset) -> dict[str, float]:
        """Compute the metrics of predicting the training mean."""


def _to(batch: Batch, device: torch.device) -> Batch:
    return Batch(*(part.to(device, non_blocking=True) for part in batch))


class SurrogateTask(AbstractTask):
    """Mean squared error over the voxels of the cube."""

    unit = "MSE of the concentration in the cube"

    def loss(self, model: AnyModel, batch: Batch) -> Tensor:
        """Compute the MSE of the concentration."""
        return torch.nn.functional.mse_loss(model(batch.tissue, batch.theta), batch.concentration)

    def validate(self, model: AnyModel, data: AbstractDataset, device: torch.device) -> dict[str, float]:
        """Compute MSE, MAE and the Dice of the region above 0.33."""
        assert isinstance(model, Surrogate)
        return self._measure(lambda batch: model(batch.tissue, batch.theta), data, device)

    def baseline(self, training: AbstractDataset, validation: AbstractDataset) -> dict[str, float]:
        """Compute the metrics of predicting the mean concentration of up to 1000 training samples."""
        total = torch.zeros((training.size,) * 3, dtype=torch.float64)
        chosen = np.linspace(0, len(training) - 1, min(len(training), 1000)).astype(np.int64)
        for batch in training.batches(chosen, _BATCH):
            total += batch.concentration.sum(dim=0, dtype=torch.float64)
        mean = (total / len(chosen)).float()
        return self._measure(lambda batch: mean * batch.tissue[:, 2], validation, torch.device("cpu"))

    @staticmethod
    def _measure(predict: Callable[[Batch], Tensor], data: AbstractDataset, device: torch.device) -> dict[str, float]:
        squared = absolute = dice = 0.0
        for batch in data.batches(np.arange(len(data)), _BATCH):
            batch = _to(batch, device)
            prediction, target = predict(batch), batch.concentration
            error = prediction - target
            squared += float(error.square().mean(dim=(1, 2, 3)).sum(dtype=torch.float64))
            absolute += float(error.abs().mean(dim=(1, 2, 3)).sum(dtype=torch.float64))
            inside, truth = prediction >= _OUTLINE, target >= _OUTLINE
            both = (inside & truth).sum(dim=(1, 2, 3)).double()
            sizes = (inside.sum(dim=(1, 2, 3)) + truth.sum(dim=(1, 2, 3))).double()
            dice += float(torch.where(sizes > 0, 2 * both / sizes.clamp(min=1), torch.ones_like(sizes)).sum())
        n = len(data)
        return {"loss": squared / n, "mse": squared / n, "mae": absolute / n, "dice_033": dice / n}


class InverseTask(AbstractTask):
    """Mean squared error of normalised theta."""

    unit = "MSE of the normalised parameters"

    def loss(self, model: AnyModel, batch: Batch) -> Tensor:
        """Compute the MSE of normalised theta."""
        target = (batch.theta - model.theta_mean) / model.theta_std
        return torch.nn.functional.mse_loss(self._normalised(model, batch), target)

    @staticmethod
    def _normalised(model: AnyModel, batch: Batch) -> Tensor:
        if isinstance(model, AtlasInverse):
            return model.normalised(batch.concentration)
        assert isinstance(model, DirectInverse)
        return model.normalised(batch.concentration, batch.tissue)

    def validate(self, model: AnyModel, data: AbstractDataset, device: torch.device) -> dict[str, float]:
        """Compute the MSE of normalised theta, mean absolute errors and the distance of the origins."""
        parts = []
        for batch in data.batches(np.arange(len(data)), _BATCH):
            theta = model.theta_mean + self._normalised(model, _to(batch, device)) * model.theta_std
            parts.append(theta.double().cpu().numpy())
        return self._measure(np.concatenate(parts), data, model.theta_std.double().cpu().numpy())

    def baseline(self, training: AbstractDataset, validation: AbstractDataset) -> dict[str, float]:
        """Compute the metrics of predicting the mean theta of the training set."""
        mean, std = training.theta.mean(axis=0), training.theta.std(axis=0)
        return self._measure(np.broadcast_to(mean, validation.theta.shape), validation, np.where(std > 1e-9, std, 1.0))

    @staticmethod
    def _measure(theta: NDArray[np.float64], data: AbstractDataset, std: NDArray[np.float64]) -> dict[str, float]:
        error = theta - data.theta
        absolute = zip(data.space.relative_columns, np.abs(error).mean(axis=0), strict=True)
        return {
            "loss": float(((error / std) ** 2).mean()),
            **{f"mae_{column}": float(value) for column, value in absolute},
            "origin_error_mm": float(np.linalg.norm(error[:, :3], axis=1).mean()),
        }
