"""Files and facts that the report of a run is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gliofit.publish.settings import PublishSettings
from gliofit.report.table import Table


@dataclass(frozen=True, eq=False)
class ReportSources:
    """Files of a run; empty if absent.

    Parameters
    ----------
    run_dir
        ``results/{run}``, with sidecars and benchmarks.
    out_dir
        Folder of the report (``publish``), to which links are relative.
    atlas
        ``atlas.json``.
    evaluations
        Cohort to its ``evaluate/{cohort}`` folder.
    tables, figures
        Tables (``save_table``) and PNG figures of the cohorts, in the order shown.
    case_dirs
        Patient to ``register/patients/{case}``, with ``qc.parquet`` and ``qc.png``.
    concentrations
        Patient to the concentration shown in its small picture.
    pages
        Case to its page, patients first.
    views
        Patient to the picture in three dimensions.
    networks
        Folders ``train/{model}``.
    pilot
        ``simulate/pilot.png``, in a list.
    plans, study, assess
        Tables of those stages.
    plan_pictures
        Patient to the picture of the target volumes.
    study_figures, assess_figures
        Their PNG figures.
    """

    run_dir: Path
    out_dir: Path
    atlas: Path
    evaluations: Mapping[str, Path] = field(default_factory=dict)
    tables: Sequence[Path] = ()
    figures: Sequence[Path] = ()
    case_dirs: Mapping[str, Path] = field(default_factory=dict)
    concentrations: Mapping[str, Path] = field(default_factory=dict)
    pages: Mapping[str, Path] = field(default_factory=dict)
    views: Mapping[str, Path] = field(default_factory=dict)
    networks: Sequence[Path] = ()
    pilot: Sequence[Path] = ()
    plans: Sequence[Path] = ()
    plan_pictures: Mapping[str, Path] = field(default_factory=dict)
    study: Sequence[Path] = ()
    study_figures: Sequence[Path] = ()
    assess: Sequence[Path] = ()
    assess_figures: Sequence[Path] = ()

    @classmethod
    def of(cls, run_dir: Path, out_dir: Path, files: Mapping[str, Any]) -> ReportSources:
        """Create from files by name: one file, a list, or a mapping by case."""

        def paths(item: Any) -> Any:
            if isinstance(item, Mapping):
                return {key: Path(file) for key, file in item.items()}
            return Path(item) if isinstance(item, str) else [Path(file) for file in item]

        return cls(run_dir, out_dir, **{name: paths(item) for name, item in files.items()})


@dataclass(frozen=True, eq=False)
class RunFacts:
    """Facts from the configuration of a run.

    Parameters
    ----------
    run, seed
        Name and seed.
    phantoms
        Whether the patients are phantoms.
    spacing_mm, preset
        Voxels of synthetic tumours, and the name of their priors.
    publish
        Preferred method and printed names.
    changed
        Settings that differ from the defaults, see ``changed_settings``.
    """

    run: str
    seed: int
    phantoms: bool
    spacing_mm: float
    preset: str
    publish: PublishSettings
    changed: Table | None = None
