"""Tissue of a study: for targets and for fits."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.study.settings import ScenarioSettings, StudySettings


class StudyTissue:
    """Tissue of the atlas at the voxel sizes of a study, loaded on first use.

    Parameters
    ----------
    atlas_dir
        Folder of stage atlas.
    settings
        Settings of the stage.
    """

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
        if scenario.fit_tissue is None:
            return self.own
        return self._seen(scenario.fit_tissue)

    def _coarsen(self, kind: TissueKind, spacing_mm: float) -> Tissue:
        tissue = self._load(kind)
        return tissue.coarsen(tissue.grid.coarsening_to(spacing_mm))

    def _seen(self, kind: TissueKind) -> Tissue:
        tissue = self._coarse(kind, self.settings.spacing_mm)
        # Averages of binary tissue are fractions, but this scenario requires labels.
        return Tissue.from_labels(Volume(tissue.labels, tissue.grid)) if kind == "labels" else tissue
