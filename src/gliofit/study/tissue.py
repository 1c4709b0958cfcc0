"""Tissue of a study: for targets and for fits."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.study.settings import ScenarioSettings, StudySettings


class StudyTissue:
    """Tissue of the atlas (folder of stage atlas) at the voxel sizes of a study, loaded on first use."""

    def __init__(self, atlas_dir: Path, settings: StudySettings) -> None:
        self.settings = settings
        self._load = lru_cache(lambda kind: Tissue.load(atlas_dir, kind))
        self._coarse = lru_cache(self._coarsen)

    @property
    def own(self) -> Tissue:
        """Tissue of the study at its voxel size, for seeds and for the mask of targets."""
        return self._coarse(self.settings.tissue, self.settings.spacing_mm)

    def of_target(self, scenario: ScenarioSettings) -> Tissue:
        """Return the tissue of a scenario's targets."""
        return self._coarse(self.settings.tissue, scenario.spacing_mm or self.settings.spacing_mm)

    def of_fit(self, scenario: ScenarioSettings) -> Tissue:
        """Return the tissue of fits in a scenario, at the voxel size of the study."""
        tissue = self._coarse(scenario.fit_tissue or self.settings.tissue, self.settings.spacing_mm)
        # Averages of binary tissue are fractions, but this scenario requires labels.
        return Tissue.from_labels(Volume(tissue.labels, tissue.grid)) if scenario.fit_tissue == "labels" else tissue

    def _coarsen(self, kind: TissueKind, spacing_mm: float) -> Tissue:
        tissue = self._load(kind)
        return tissue.coarsen(tissue.grid.coarsening_to(spacing_mm))
