"""Brain tissue: white matter, grey matter and CSF maps on one grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_volume, write_volume
from gliofit.core.labels import TissueLabel
from gliofit.core.unit_interval import tissue_fractions

#: Least sum of white and grey matter of a voxel in which tumour grows (TumorGrowthToolkit's constant).
TISSUE_THRESHOLD = 0.1

#: Least maximum of grey plus white matter of a brain; lower maps are on another scale.
_LEAST_TISSUE = 0.5

TissueKind = Literal["labels", "probabilities"]


@dataclass(frozen=True, eq=False)
class Tissue:
    """Fractions of white matter, grey matter and CSF per voxel, each in [0, 1], float32, of shape ``grid.shape``."""

    wm: NDArray[np.float32]
    gm: NDArray[np.float32]
    csf: NDArray[np.float32]
    grid: Grid

    def __post_init__(self) -> None:
        for name in ("wm", "gm", "csf"):
            data = np.ascontiguousarray(getattr(self, name), dtype=np.float32)
            if data.shape != self.grid.shape:
                raise ValueError(f"{name} of shape {data.shape} on a grid of shape {self.grid.shape}")
            object.__setattr__(self, name, data)

    @classmethod
    def from_labels(cls, labels: Volume, subject: str | Path = "tissue labels") -> Tissue:
        """Return binary maps of a label map (0 background, 1 CSF, 2 grey matter, 3 white matter).

        Raises
        ------
        InputError
            If it holds other values (``tissue-labels``), or neither grey nor white matter (``no-tissue``).
        """
        values = np.unique(labels.data)
        if not np.isin(values, [int(label) for label in TissueLabel]).all():
            problem = f"holds label values {values[:8].tolist()}"
            raise InputError(subject, problem, "use 0 background, 1 CSF, 2 grey, 3 white matter", "tissue-labels")
        wm, gm, csf = (
            (labels.data == label).astype(np.float32)
            for label in (TissueLabel.WHITE_MATTER, TissueLabel.GREY_MATTER, TissueLabel.CSF)
        )
        if not wm.any() and not gm.any():
            hint = "give a tissue label map of a brain"
            raise InputError(subject, "holds no grey or white matter", hint, "no-tissue")
        return cls(wm, gm, csf, labels.grid)

    @classmethod
    def from_maps(
        cls, wm: Volume, gm: Volume, csf: Volume | None = None, subject: str | Path = "tissue maps"
    ) -> Tissue:
        """Return tissue of maps of fractions on one grid; CSF is zero if it is not given.

        Raises
        ------
        InputError
            If a map lies on another grid or does not hold fractions, or no voxel is mostly grey and white matter.
        """
        empty = np.zeros(wm.grid.shape, np.float32)
        white, grey, fluid = (
            empty if volume is None else tissue_fractions(volume.onto(wm.grid, subject, "wm").data, subject)
            for volume in (wm, gm, csf)
        )
        if (most := float((white + grey).max())) < _LEAST_TISSUE:
            problem = f"grey and white matter reach {most:.2g} together at most"
            raise InputError(subject, problem, "give tissue fractions between 0 and 1", "tissue-scale")
        return cls(white, grey, fluid, wm.grid)

    @classmethod
    def load(cls, folder: str | Path, kind: TissueKind = "labels") -> Tissue:
        """Read a case folder: ``labels.nii.gz`` (binary tissue, as in the paper) or ``wm, gm, csf.nii.gz``."""
        folder = Path(folder)
        if kind == "labels":
            path = folder / "labels.nii.gz"
            return cls.from_labels(read_volume(path, np.uint8), path)
        wm, gm, csf = (read_volume(folder / f"{name}.nii.gz", np.float32) for name in ("wm", "gm", "csf"))
        return cls.from_maps(wm, gm, csf, folder)

    def save(self, folder: str | Path) -> None:
        """Write ``wm, gm, csf, labels.nii.gz`` into a case folder."""
        for name in ("wm", "gm", "csf", "labels"):
            write_volume(Path(folder) / f"{name}.nii.gz", Volume(getattr(self, name), self.grid))

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """Label of the largest of the three fractions; background where their sum is below one half."""
        stack = np.stack([self.csf, self.gm, self.wm])
        labels: NDArray[np.uint8] = (stack.argmax(axis=0) + 1).astype(np.uint8)
        labels[stack.sum(axis=0) < 0.5] = TissueLabel.BACKGROUND
        labels.setflags(write=False)
        return labels

    @cached_property
    def visible(self) -> NDArray[np.bool_]:
        """Voxels labelled grey or white matter; stored concentrations are zero in all others."""
        visible = np.asarray(self.labels >= TissueLabel.GREY_MATTER)
        visible.setflags(write=False)
        return visible

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Voxels in which tumour grows: white plus grey matter at least ``TISSUE_THRESHOLD``."""
        return (self.wm + self.gm) >= TISSUE_THRESHOLD

    def map(self, name: Literal["wm", "gm", "csf"]) -> Volume:
        """Return one of the three maps as a volume."""
        return Volume(getattr(self, name), self.grid)

    def coarsen(self, factor: int) -> Tissue:
        """Return block means of the maps on a grid of ``factor`` times the spacing."""
        return self if factor == 1 else self._each(lambda volume: volume.coarsen(factor))

    def extract(self, start: Sequence[int], shape: Sequence[int]) -> Tissue:
        """Return a box of the tissue, with background outside the grid."""
        return self._each(lambda volume: volume.extract(start, shape))

    def canonical(self) -> Tissue:
        """Return the tissue with array axes towards right, anterior, superior."""
        return self._each(Volume.canonical)

    def _each(self, change: Callable[[Volume], Volume]) -> Tissue:
        """Return the tissue of the three changed maps."""
        wm, gm, csf = (change(Volume(data, self.grid)) for data in (self.wm, self.gm, self.csf))
        return Tissue(wm.data, gm.data, csf.data, wm.grid)
