"""Tissue of the synthetic tumours: the atlas at the spacing of the simulations."""

from __future__ import annotations

from pathlib import Path

from gliofit.core.tissue import Tissue, TissueKind


def coarsen_atlas(atlas_dir: Path, out_dir: Path, spacing_mm: float, kind: TissueKind) -> None:
    """Write the atlas' tissue as block means at ``spacing_mm``.

    For every ``kind`` of the atlas the result is read as maps (``probabilities``), because averages of binary tissue
    are fractions.
    """
    tissue = Tissue.load(atlas_dir, kind)
    tissue.coarsen(tissue.grid.coarsening_to(spacing_mm)).save(out_dir)
