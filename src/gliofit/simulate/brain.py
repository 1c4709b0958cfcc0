"""The brain that synthetic tumours grow in: the atlas at the spacing of the simulations."""

from __future__ import annotations

from pathlib import Path

from gliofit.core.tissue import Tissue, TissueKind

__all__ = ["coarsen_atlas"]


def coarsen_atlas(atlas_dir: Path, out_dir: Path, spacing_mm: float, kind: TissueKind) -> None:
    """Write the atlas's tissue as block means at ``spacing_mm``.

    Read the result as maps (kind ``probabilities``) whatever ``kind`` the atlas was read with: binary tissue has
    fractions once voxels are averaged, and these are what the tumours grow in.
    """
    tissue = Tissue.load(atlas_dir, kind)
    tissue.coarsen(tissue.grid.coarsening_to(spacing_mm)).save(out_dir)
