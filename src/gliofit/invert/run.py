"""Stage invert: one method on one case."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.grid import Grid, Volume
from gliofit.core.header import CONCENTRATION
from gliofit.core.io import read_volume, write_table, write_volume
from gliofit.core.threads import blas_threads, kernel_threads, torch_threads
from gliofit.core.tissue import Tissue, TissueKind
from gliofit.growth.model import COLUMN, find_growth_model
from gliofit.growth.space import ParameterSpace
from gliofit.invert.atlas_map import AtlasMap
from gliofit.invert.base import AbstractInverter, Inversion
from gliofit.invert.estimate import read_estimate
from gliofit.invert.networks import Networks
from gliofit.invert.problem import Problem
from gliofit.invert.settings import InvertSettings
from gliofit.invert.trace import Trace
from gliofit.observation.observation import (
    AbstractObservation,
    ConcentrationObservation,
    EmptyObservationError,
    SegmentationObservation,
)

log = logging.getLogger(__name__)

#: Numerical errors of methods, which give a failed outcome.
_NUMERICAL = (ArithmeticError, MemoryError, RuntimeError, ValueError)


def fit(problem: Problem, method: str, settings: InvertSettings) -> Inversion:
    """Run one of the configured methods; numerical errors within it give an outcome with status ``failed``.

    Raises
    ------
    InputError
        If the method is not configured, or a network that it needs is missing.
    """
    entry = _entry(settings, method)
    # Loading networks does not count in the method's time.
    for role in entry.networks:
        _ = problem.networks[role]
    started = time.perf_counter()
    with kernel_threads(problem.threads), torch_threads(problem.threads), blas_threads(1):
        try:
            inversion = entry.invert(problem)
        except NotImplementedError:
            raise
        except _NUMERICAL as error:
            if isinstance(error, InputError) and not isinstance(error, SeedOutsideTissueError):
                raise
            log.warning("%s failed", method, exc_info=True)
            name = "" if type(error).__name__ == "InversionError" else f"{type(error).__name__}: "
            return Trace(problem.space).fail(f"{name}{error}", time.perf_counter() - started)
    if entry.origin == "com-swap":
        # As the paper's code does for its forward simulation. The uncertainty is that of the estimated origin.
        centre, candidates = problem.observation.centre_mm, (inversion.theta, inversion.other)
        theta, other = (None if theta is None else theta.with_origin(centre) for theta in candidates)
        inversion = _with_notes(
            replace(inversion, theta=theta, other=other, uncertainty=None),
            "the estimated origin was replaced by the centre of mass; the loss is that before",
        )
    fixed = entry.origin in ("com-fixed", "com-swap")
    inversion = _move_origin(inversion, problem.tissue, fixed, settings.move_origin_into_tissue)
    return _with_notes(inversion, *problem.observation.notes)


@dataclass(frozen=True)
class CaseFiles:
    """Files of a case that a method may read."""

    #: Folder with the tissue and ``concentration.nii.gz`` (synthetic) or ``segmentation.nii.gz`` (patients).
    folder: Path
    cohort: str
    case: str
    tissue_kind: TissueKind
    #: A patient's reference concentration, if the method observes it.
    reference: Path | None = None
    #: ``parameters.parquet`` of the method whose estimate is refined.
    start: Path | None = None
    #: Folder with the atlas' tissue, if the method works in the atlas and the case is a patient.
    atlas: Path | None = None

    def observe(self, observed: str, tissue: Tissue, settings: InvertSettings) -> AbstractObservation:
        """Read an observation: ``concentration``, ``reference`` or ``segmentation``; raise InputError if missing."""
        if observed == "segmentation":
            labels = self.folder / "segmentation.nii.gz"
            return SegmentationObservation(read_volume(labels, np.uint8), tissue, settings.imaging, labels)
        path = self.folder / "concentration.nii.gz" if observed == "concentration" else self.reference
        if path is None:
            raise InputError(
                "reference concentration", "was not given, and this method observes it",
                "run the reference method first, or set `patient_observation: segmentation`",
            )  # fmt: skip
        return ConcentrationObservation(read_volume(path, np.float32), tissue, path)

    def atlas_map(self, tissue: Tissue) -> AtlasMap:
        """Return the transforms to the atlas: the identity for synthetic cases; raise InputError if missing."""
        if self.cohort == "synthetic":
            return AtlasMap(tissue)
        if self.atlas is None:
            raise InputError("atlas", "its tissue was not given, and this method works in it", "name the atlas' folder")
        return AtlasMap.load(self.folder, self.atlas, self.tissue_kind, tissue.grid)


def invert_case(
    files: CaseFiles,
    method: str,
    settings: InvertSettings,
    networks: Networks,
    out_dir: Path,
    run: str,
    seed: int,
    threads: int,
) -> None:
    """Run one method on one case and write ``parameters.parquet`` and ``trace.parquet`` to ``out_dir``.

    A method that estimates a concentration also writes ``concentration.nii.gz``, all zeros if it failed.
    """
    entry = _entry(settings, method)
    space = find_growth_model(entry.growth_model).space
    tissue = Tissue.load(files.folder, files.tissue_kind)
    observed = settings.observation_of(method, files.cohort)
    try:
        observation = files.observe(observed, tissue, settings)
    except EmptyObservationError as error:
        inversion = Trace(space).fail(str(error))
    else:
        start = None if files.start is None else read_estimate(files.start)[1]
        atlas = files.atlas_map(tissue) if entry.needs_atlas else None
        problem = Problem(observation, settings, networks, seed, threads, None, start, atlas, entry.growth_model)
        inversion = fit(problem, method, settings)
    who = {"run": run, "cohort": files.cohort, "case": files.case, "method": method}
    row = parameters_row(who, inversion, tissue.grid, seed, observed, space)
    write_table(out_dir / "trace.parquet", inversion.trace)
    if entry.gives_concentration:
        zeros = Volume(np.zeros(tissue.grid.shape, np.float32), tissue.grid)
        write_volume(out_dir / "concentration.nii.gz", inversion.concentration or zeros, CONCENTRATION)
    write_table(out_dir / "parameters.parquet", pd.DataFrame([row]))


def parameters_row(
    who: dict[str, str], inversion: Inversion, grid: Grid, seed: int, observation: str, space: ParameterSpace
) -> dict[str, Any]:
    """Return the row of ``parameters.parquet``; ``who`` is run, cohort, case and method.

    Without uncertainty, the columns of standard errors, intervals and covariance (by rows) are empty.
    """
    theta, other = inversion.theta, inversion.other
    voxel = np.full(3, np.nan) if theta is None else theta.origin_voxel(grid)
    row: dict[str, Any] = {
        **who,
        "status": inversion.status,
        "message": inversion.message,
        "seed": seed,
        "observation": observation,
        COLUMN: space.model,
        **dict(zip(("origin_i", "origin_j", "origin_k"), voxel.tolist(), strict=True)),
        **space.row(None if theta is None else theta.to_array()),
        "loss": inversion.loss,
        "evaluations": inversion.evaluations,
        "wall_seconds": inversion.wall_seconds,
        "chosen": "",
        "loss_direct": np.nan,
        "loss_gradient": np.nan,
        **space.row(None if other is None else other.to_array(), prefix="other_"),
        "threshold_whole": np.nan,
        "threshold_core": np.nan,
        "out_of_range": False,
    }
    errors = low = high = covariance = None
    if theta is not None and inversion.uncertainty is not None:
        errors = inversion.uncertainty.standard_errors * space.derivative(theta.to_array())
        low, high = inversion.uncertainty.interval(theta)
        covariance = inversion.uncertainty.covariance.flatten().tolist()
    for suffix, values in (("_se", errors), ("_low", low), ("_high", high)):
        row |= space.row(values, suffix=suffix)
    return row | {"covariance": covariance} | inversion.extra


def _entry(settings: InvertSettings, method: str) -> AbstractInverter:
    if method not in settings.methods:
        raise InputError(f"method '{method}'", "is not configured", f"name one of {', '.join(settings.methods)}")
    return settings.methods[method]


def _with_notes(inversion: Inversion, *notes: str) -> Inversion:
    return replace(inversion, message="; ".join(note for note in (inversion.message, *notes) if note))


def _move_origin(inversion: Inversion, tissue: Tissue, fixed: bool, move: bool) -> Inversion:
    """Note an origin outside tissue; move it if the initial tumour does not reach tissue, unless it is fixed."""
    from gliofit.invert.solver_objective import locate_origin

    theta = inversion.theta
    # A concentration that a method estimates may have its origin in the atlas.
    if theta is None or inversion.concentration is not None:
        return inversion
    distance, target = locate_origin(tissue, theta.origin_mm)
    if not distance:
        return inversion
    where = f"the origin lies {distance:.1f} mm from white and grey matter"
    if target is None:
        note = f"{where}; only the part of the initial tumour that reaches them grows" if fixed else ""
    elif fixed or not move:
        note = f"{where}, beyond the initial tumour; the forward simulation will fail"
    else:
        inversion = replace(inversion, theta=theta.with_origin(target))
        note = f"{where} and was moved to the nearest, the loss is that before the move"
    return _with_notes(inversion, note)
