"""The layout of BIDS derivatives (imaging derivatives of BIDS 1.10).

What the standard has no names for is named in its manner and listed in ``.bidsignore``: transforms, tables of
parameters, maps of standard deviations, tables for viewers.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gliofit.core.digests import sha256_of
from gliofit.core.errors import InputError
from gliofit.core.grid import Volume
from gliofit.core.io import read_like, read_table, read_volume, write_json, write_volume
from gliofit.core.progress import OnProgress
from gliofit.export.colours import LABELS, bids_table, write_colours
from gliofit.export.items import Item, image_items, origin
from gliofit.export.mri import input_paths, other_images
from gliofit.export.parameters import column_meanings, parameter_table, tsv
from gliofit.export.results import CaseResults
from gliofit.inputs.bids_dataset import DESCRIPTION, read_description
from gliofit.inputs.bids_names import BidsName, bids_label

__all__ = ["BIDS_VERSION", "bids_name", "case_entities", "write_bids"]

BIDS_VERSION = "1.10.0"

#: Case names of patients that came from a BIDS dataset.
_BIDS_CASE = re.compile(r"sub-([0-9A-Za-z]+)(?:_ses-([0-9A-Za-z]+))?")

#: Images that others were made from, by kind.
_SOURCES = {
    "wm": ("t1",),
    "gm": ("t1",),
    "csf": ("t1",),
    "tissue": ("wm", "gm", "csf"),
    "brain": ("t1",),
    "concentration": ("tissue", "tumour"),
    "uncertainty": ("tissue", "concentration"),
    "gtv": ("tumour",),
    "clinical": ("tumour", "brain"),
    "personalised": ("concentration", "tumour", "brain"),
    "targets": ("clinical", "personalised"),
}

#: Kind to the entities and the suffix of its name; ``{}`` stands for the method and the margin.
_NAMES = {
    "wm": ({"label": "WM"}, "probseg"),
    "gm": ({"label": "GM"}, "probseg"),
    "csf": ({"label": "CSF"}, "probseg"),
    "tissue": ({}, "dseg"),
    "brain": ({"desc": "brain"}, "mask"),
    "tumour": ({"desc": "tumour"}, "dseg"),
    "concentration": ({"label": "tumour", "desc": "{method}"}, "probseg"),
    "uncertainty": ({"label": "tumour", "stat": "std", "desc": "{method}"}, "probseg"),
    "gtv": ({"label": "GTV"}, "mask"),
    "clinical": ({"label": "CTV", "desc": "clinical{margin}"}, "mask"),
    "personalised": ({"label": "CTV", "desc": "personalised{margin}{method}"}, "mask"),
    "targets": ({"desc": "targets{margin}{method}"}, "dseg"),
}

#: ``Type`` of masks, which the standard recommends.
_MASKS = {"brain": "Brain", "gtv": "Lesion", "clinical": "ROI", "personalised": "ROI"}

_MRI = {"t1c": ({"ce": "gadolinium"}, "T1w"), "t2": ({}, "T2w"), "flair": ({}, "FLAIR")}

_TRANSFORMS = {
    "affine.mat": ("atlas", "T1w", "affine", ".mat", "Affine part of the registration of the atlas to T1w."),
    "warp.nii.gz": ("atlas", "T1w", "warp", ".nii.gz", "Deformable part of the registration of the atlas to T1w."),
    "inverse_warp.nii.gz": ("T1w", "atlas", "warp", ".nii.gz", "Deformable part of the inverse of the registration."),
}

_IGNORED = "viewers\n**/*_xfm.*\n**/*_parameters.*\n**/*_stat-std_*\n"

_MEASURES = {
    "case": {"Description": "Name of the case in gliofit."},
    "registration": {
        "Description": "How well the atlas was registered.",
        "Levels": {"ok": "Good.", "borderline": "To be looked at.", "poor": "Not to be used unseen."},
    },
    "brain_cc": {"Description": "Volume of the brain.", "Units": "cm^3"},
    "tumour_cc": {"Description": "Volume of the whole tumour.", "Units": "cm^3"},
    "core_cc": {"Description": "Volume of the tumour core: everything but oedema.", "Units": "cm^3"},
    "enhancing_cc": {"Description": "Volume of the enhancing tumour.", "Units": "cm^3"},
}

_README = """\
# Results of gliofit

Growth models of brain tumours fitted to patients: tissue, tumour-cell concentrations, and target volumes drawn by them.
Research use only.

All images of a patient lie on the grid of the patient's T1 image; their world coordinates are those of that image.

| file | what it is |
| --- | --- |
| `label-{WM,GM,CSF}_probseg` | fraction of the voxel, from the atlas registered to the patient |
| `dseg` | tissue with the largest fraction |
| `desc-brain_mask` | brain |
| `desc-tumour_dseg` | tumour segmentation that was given, in gliofit's labels (see its .tsv) |
| `label-tumour_desc-METHOD_probseg` | tumour cells as a fraction of the carrying capacity, not a probability |
| `label-tumour_stat-std_desc-METHOD_probseg` | standard deviation of that; no part of BIDS |
| `label-GTV_mask`, `label-CTV_desc-clinicalMARGIN_mask` | gross tumour, and clinical target by a margin |
| `label-CTV_desc-personalisedMARGINMETHOD_mask` | target of equal volume by the concentration |
| `desc-targetsMARGINMETHOD_dseg` | both targets in one map |
| `desc-gliofit_parameters.tsv` | origin and growth parameters of every method; no part of BIDS |
| `from-atlas_to-T1w_mode-image_desc-..._xfm` | transforms of ANTs; no part of BIDS |

Names of methods and cases have letters and digits alone here. `Method` of the sidecars and the column `case` of
`participants.tsv` (`*_sessions.tsv` where there are sessions) have them as gliofit does.

`viewers` has names and colours of labels for ITK-SNAP (.txt), 3D Slicer (.ctbl) and FSLeyes (luts).
"""


@dataclass(frozen=True)
class _Place:
    """Where a case lies: entities of its names and folder, relative to the dataset."""

    entities: dict[str, str]

    @property
    def stem(self) -> str:
        return "_".join(f"{key}-{value}" for key, value in self.entities.items())

    @property
    def folder(self) -> Path:
        return Path(*(f"{key}-{value}" for key, value in self.entities.items()), "anat")

    def path(self, entities: dict[str, str], suffix: str, extension: str = ".nii.gz") -> Path:
        """Path of a file of the case, relative to the dataset."""
        return self.folder / str(BidsName(self.entities | entities, suffix, extension))


def case_entities(case: str) -> dict[str, str]:
    """Entities ``sub``, and ``ses`` if it has one, of a case: its own if it is from a BIDS dataset."""
    match = _BIDS_CASE.fullmatch(case)
    if match is None:
        return {"sub": bids_label(case)}
    return {key: value for key, value in (("sub", match[1]), ("ses", match[2])) if value}


def bids_name(item: Item) -> tuple[dict[str, str], str]:
    """Entities and suffix of an image other than T1, less those of its case."""
    entities, suffix = _NAMES[item.kind]
    # The dot of a margin of 7.5 mm would be lost otherwise, and 75 mm is a margin as well.
    margin, method = bids_label(item.margin.replace(".", "p")), bids_label(item.method)
    return {key: value.format(margin=margin, method=method) for key, value in entities.items()}, suffix


def write_bids(results: Sequence[CaseResults], folder: Path, images: bool, progress: OnProgress) -> None:
    """Write a dataset of BIDS derivatives.

    Parameters
    ----------
    results
        Patients.
    folder
        Where to write; empty.
    images
        Whether to copy the patients' own MRI too.
    progress
        Told of every patient.

    Raises
    ------
    InputError
        If two cases or two methods of a case have the same label in BIDS, as ``other_images``, or if a result is
        damaged.
    """
    places = _places(results)
    for number, (result, place) in enumerate(zip(results, places, strict=True)):
        progress("patients exported", number, len(results))
        _write_case(result, place, folder, images)
    _write_participants(results, places, folder)
    write_json(folder / DESCRIPTION, _description(results))
    write_colours(folder / "viewers")
    (folder / "README.md").write_text(_README, encoding="utf-8")
    (folder / ".bidsignore").write_text(_IGNORED, encoding="utf-8")


def _places(results: Sequence[CaseResults]) -> list[_Place]:
    places = [_Place(case_entities(result.case)) for result in results]
    taken: dict[str, str] = {}
    for result, place in zip(results, places, strict=True):
        # File systems that do not tell capitals apart would take their folders for one.
        other = taken.setdefault(place.stem.lower(), result.case)
        if other != result.case:
            raise InputError(
                result.run,
                f"cases {other} and {result.case} would both be {place.stem}",
                "export them one at a time with --case, or in the plain layout",
            )
    return places


def _write_case(result: CaseResults, place: _Place, folder: Path, images: bool) -> None:
    items = [item for item in image_items(result) if item.kind != "t1"]
    paths = [place.path(*bids_name(item)) for item in items]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            first, second = items[paths.index(path)].method, items[number].method
            raise InputError(
                result.run,
                f"methods {first} and {second} would have the same file {path.name}",
                "export one of them with --method, or in the plain layout",
            )
    reference = _write_mri(result, place, folder) if images else None
    for item, path in zip(items, paths, strict=True):
        write_volume(folder / path, item.read(), item.look)
        sources = [
            f"bids::{other_path.as_posix()}"
            for other, other_path in zip(items, paths, strict=True)
            if other.kind in _SOURCES.get(item.kind, ())
            and other.method in ("", item.method)
            and other.margin in ("", item.margin)
        ]
        if reference is not None and "t1" in _SOURCES.get(item.kind, ()):
            sources.append(f"bids::{reference.as_posix()}")
        sidecar = {"Description": item.description, "SpatialReference": "orig"}
        if reference is not None:
            sidecar["SpatialReference"] = f"bids::{reference.as_posix()}"
        more: dict[str, Any] = dict(item.facts)
        if item.kind in _MASKS:
            more["Type"] = _MASKS[item.kind]
        elif not item.labels:
            more["Units"] = "1"
        if sources:
            more["Sources"] = sources
        write_json(_sidecar(folder / path), sidecar | more | {"GliofitOrigin": origin(item, result.run)})
        if item.labels:
            _beside(folder / path, ".tsv").write_text(bids_table(LABELS[item.labels]), encoding="utf-8")
    table = folder / place.path({"desc": "gliofit"}, "parameters", ".tsv")
    table.write_text(parameter_table(result), encoding="utf-8")
    write_json(table.with_suffix(".json"), column_meanings(result))
    _copy_transforms(result, place, folder)


def _write_mri(result: CaseResults, place: _Place, folder: Path) -> Path:
    """Write T1 and, as far as they are known, the other images; returns the path of T1 in the dataset."""
    t1 = read_volume(result.registered / "t1.nii.gz")
    brain = read_volume(result.registered / "brain_mask.nii.gz").data > 0
    volumes: dict[str, tuple[Volume, dict[str, str], str]] = {"t1": (t1, {}, "T1w")}
    for role, path in other_images(result).items():
        volumes[role] = (read_like(path, t1.grid), *_MRI[role])
    paths = {}
    for role, (volume, entities, suffix) in volumes.items():
        stripped = not volume.data[~brain].any()
        paths[role] = place.path(entities | {"desc": "brain" if stripped else "preproc"}, suffix)
        write_volume(folder / paths[role], volume)
        content = {"Description": "As gliofit read it.", "SkullStripped": stripped, "SpatialReference": "orig"}
        write_json(_sidecar(folder / paths[role]), content)
    return paths["t1"]


def _copy_transforms(result: CaseResults, place: _Place, folder: Path) -> None:
    for name, (start, end, part, extension, text) in _TRANSFORMS.items():
        source = result.registered / "transforms" / name
        path = folder / place.path({"from": start, "to": end, "mode": "image", "desc": part}, "xfm", extension)
        shutil.copyfile(source, path)
        content = {
            "Description": f"{text} A file of ANTs: atlas images come onto T1w by -t warp -t affine, T1w comes onto "
            "the atlas by -t [affine,1] -t inverse warp.",
            "GliofitOrigin": {"Path": source.relative_to(result.run).as_posix(), "SHA256": sha256_of(source)},
        }
        write_json(_sidecar(path), content)


def _write_participants(results: Sequence[CaseResults], places: Sequence[_Place], folder: Path) -> None:
    """Write ``participants.tsv``, and a table of sessions of each subject that has any."""
    people: dict[str, list[Any]] = {}
    sessions: dict[str, list[list[Any]]] = {}
    for result, place in zip(results, places, strict=True):
        checks = read_table(result.registered / "qc.parquet").iloc[0]
        values = [result.case, checks["status"], *(checks[name] for name in list(_MEASURES)[2:])]
        subject = f"sub-{place.entities['sub']}"
        if "ses" in place.entities:
            sessions.setdefault(subject, []).append([f"ses-{place.entities['ses']}", *values])
            people.setdefault(subject, [None] * len(_MEASURES))
        else:
            people[subject] = values
    columns = list(_MEASURES)
    rows = [[subject, *people[subject]] for subject in sorted(people)]
    (folder / "participants.tsv").write_text(tsv(["participant_id", *columns], rows), encoding="utf-8")
    write_json(folder / "participants.json", {"Description": "Patients of the run.", **_MEASURES})
    for subject, found in sessions.items():
        path = folder / subject / f"{subject}_sessions.tsv"
        path.write_text(tsv(["session_id", *columns], sorted(found)), encoding="utf-8")
        write_json(path.with_suffix(".json"), {"Description": "Sessions of the patient.", **_MEASURES})


def _description(results: Sequence[CaseResults]) -> dict[str, Any]:
    run = results[0].run.resolve().name
    made = {"Name": "gliofit", "Version": version("gliofit"), "Description": f"Workflow run '{run}'."}
    content: dict[str, Any] = {
        "Name": f"gliofit, run {run}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [made],
    }
    descriptions = [
        read_description(root) for root in sorted({root for result in results for root in _datasets(result)})
    ]
    sources = [{"DOI": found["DatasetDOI"]} for found in descriptions if found is not None and "DatasetDOI" in found]
    return content | ({"SourceDatasets": sources} if sources else {})


def _datasets(result: CaseResults) -> set[Path]:
    """BIDS datasets that a patient's files are from, as far as they are still there."""
    return {folder for path, _ in input_paths(result) for folder in path.parents if (folder / DESCRIPTION).is_file()}


def _sidecar(path: Path) -> Path:
    return _beside(path, ".json")


def _beside(path: Path, extension: str) -> Path:
    """File of the same name with another extension; that of an image may have two dots."""
    return path.with_name(path.name.partition(".")[0] + extension)
