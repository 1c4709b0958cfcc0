"""The layout of BIDS derivatives (imaging derivatives of BIDS 1.10).

Files without a name in the standard are listed in ``.bidsignore``: transforms, tables of parameters, maps of standard
deviations, tables for viewers.
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
from gliofit.core.io import read_like, read_table, read_volume, write_json, write_volume
from gliofit.core.progress import OnProgress
from gliofit.core.yaml_file import read_yaml
from gliofit.export.colours import LABELS, bids_table, write_colours
from gliofit.export.items import Item, image_items, origin
from gliofit.export.mri import input_paths, other_images
from gliofit.export.parameters import column_meanings, parameter_table, tsv
from gliofit.export.results import CaseResults
from gliofit.inputs.bids_dataset import DESCRIPTION, BidsName, bids_label, read_description

#: Case names of patients from a BIDS dataset.
_BIDS_CASE = re.compile(r"sub-([0-9A-Za-z]+)(?:_ses-([0-9A-Za-z]+))?")

_HERE = Path(__file__).parent
_FILES = read_yaml(_HERE / "files.yaml")
_IMAGES, _MEASURES = _FILES["images"], _FILES["measures"]

_IGNORED = "viewers\n**/*_xfm.*\n**/*_parameters.*\n**/*_stat-std_*\n"


@dataclass(frozen=True)
class _Place:
    """BIDS entities and folder of a case, relative to the dataset."""

    entities: dict[str, str]

    @property
    def stem(self) -> str:
        return "_".join(f"{key}-{value}" for key, value in self.entities.items())

    @property
    def folder(self) -> Path:
        return Path(*(f"{key}-{value}" for key, value in self.entities.items()), "anat")

    def path(self, entities: dict[str, str], suffix: str, extension: str = ".nii.gz") -> Path:
        return self.folder / str(BidsName(self.entities | entities, suffix, extension))


def case_entities(case: str) -> dict[str, str]:
    """Return the entities ``sub`` and, if present, ``ses`` of a case."""
    match = _BIDS_CASE.fullmatch(case)
    if match is None:
        return {"sub": bids_label(case)}
    return {key: value for key, value in (("sub", match[1]), ("ses", match[2])) if value}


def bids_name(item: Item) -> tuple[dict[str, str], str]:
    """Return entities and suffix of an image other than T1, without those of its case."""
    entities, suffix = _IMAGES[item.kind]["entities"], _IMAGES[item.kind]["suffix"]
    # Distinguish a margin of 7.5 mm from 75 mm.
    margin, method = bids_label(item.margin.replace(".", "p")), bids_label(item.method)
    return {key: value.format(margin=margin, method=method) for key, value in entities.items()}, suffix


def write_bids(results: Sequence[CaseResults], folder: Path, images: bool, progress: OnProgress) -> None:
    """Write a dataset of BIDS derivatives to an empty folder, with all MRI of the patients if ``images``.

    Raises
    ------
    InputError
        If two cases or two methods of a case have the same label in BIDS, if a result is damaged, or see
        ``other_images``.
    """
    places = _places(results)
    for number, (result, place) in enumerate(zip(results, places, strict=True)):
        progress("patients exported", number, len(results))
        _write_case(result, place, folder, images)
    _write_participants(results, places, folder)
    write_json(folder / DESCRIPTION, _description(results))
    write_colours(folder / "viewers")
    shutil.copyfile(_HERE / "readme_bids.md", folder / "README.md")
    (folder / ".bidsignore").write_text(_IGNORED, encoding="utf-8")


def _places(results: Sequence[CaseResults]) -> list[_Place]:
    places = [_Place(case_entities(result.case)) for result in results]
    taken: dict[str, str] = {}
    for result, place in zip(results, places, strict=True):
        # Folders would be the same on case-insensitive file systems.
        other = taken.setdefault(place.stem.lower(), result.case)
        if other != result.case:
            problem = f"cases {other} and {result.case} would both be {place.stem}"
            raise InputError(result.run, problem, "export them separately with --case, or use the plain layout")
    return places


def _write_case(result: CaseResults, place: _Place, folder: Path, images: bool) -> None:
    items = [item for item in image_items(result) if item.kind != "t1"]
    paths = [place.path(*bids_name(item)) for item in items]
    for number, path in enumerate(paths):
        if path in paths[:number]:
            first, second = items[paths.index(path)].method, items[number].method
            problem = f"methods {first} and {second} would have the same file {path.name}"
            raise InputError(result.run, problem, "export one of them with --method, or use the plain layout")
    reference = _write_mri(result, place, folder) if images else None
    for item, path in zip(items, paths, strict=True):
        write_volume(folder / path, item.read(), item.look)
        made_from, kind = _IMAGES[item.kind].get("sources", ()), _IMAGES[item.kind].get("type")
        sources = [
            f"bids::{other_path.as_posix()}"
            for other, other_path in zip(items, paths, strict=True)
            if other.kind in made_from and other.method in ("", item.method) and other.margin in ("", item.margin)
        ]
        sidecar: dict[str, Any] = {"Description": item.description, "SpatialReference": "orig", **item.facts}
        if reference is not None:
            sidecar["SpatialReference"] = f"bids::{reference.as_posix()}"
            sources += [f"bids::{reference.as_posix()}"] if "t1" in made_from else []
        if kind is not None:
            sidecar["Type"] = kind
        elif not item.labels:
            sidecar["Units"] = "1"
        if sources:
            sidecar["Sources"] = sources
        write_json(_beside(folder / path, ".json"), sidecar | {"GliofitOrigin": origin(item, result.run)})
        if item.labels:
            _beside(folder / path, ".tsv").write_text(bids_table(LABELS[item.labels]), encoding="utf-8")
    table = folder / place.path({"desc": "gliofit"}, "parameters", ".tsv")
    table.write_text(parameter_table(result), encoding="utf-8")
    write_json(table.with_suffix(".json"), column_meanings(result))
    _copy_transforms(result, place, folder)


def _write_mri(result: CaseResults, place: _Place, folder: Path) -> Path:
    """Write T1 and, if available, other images; return the path of T1 in the dataset."""
    t1 = read_volume(result.registered / "t1.nii.gz")
    brain = read_volume(result.registered / "brain_mask.nii.gz").data > 0
    volumes = {"t1": t1} | {role: read_like(path, t1.grid) for role, path in other_images(result).items()}
    paths = {}
    for role, volume in volumes.items():
        stripped, name = not volume.data[~brain].any(), _FILES["mri"][role]
        entities = name["entities"] | {"desc": "brain" if stripped else "preproc"}
        paths[role] = place.path(entities, name["suffix"])
        write_volume(folder / paths[role], volume)
        content = {"Description": "As read by gliofit.", "SkullStripped": stripped, "SpatialReference": "orig"}
        write_json(_beside(folder / paths[role], ".json"), content)
    return paths["t1"]


def _copy_transforms(result: CaseResults, place: _Place, folder: Path) -> None:
    for name, (start, end, part, extension, text) in _FILES["transforms"].items():
        source = result.registered / "transforms" / name
        path = folder / place.path({"from": start, "to": end, "mode": "image", "desc": part}, "xfm", extension)
        shutil.copyfile(source, path)
        order = "atlas to T1w by -t warp -t affine, T1w comes onto the atlas by -t [affine,1] -t inverse warp."
        made_from = {"Path": source.relative_to(result.run).as_posix(), "SHA256": sha256_of(source)}
        content = {"Description": f"{text} ANTs transform: {order}", "GliofitOrigin": made_from}
        write_json(_beside(path, ".json"), content)


def _write_participants(results: Sequence[CaseResults], places: Sequence[_Place], folder: Path) -> None:
    """Write ``participants.tsv`` and the table of sessions of each subject with sessions."""
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
    rows = [[subject, *people[subject]] for subject in sorted(people)]
    (folder / "participants.tsv").write_text(tsv(["participant_id", *_MEASURES], rows), encoding="utf-8")
    write_json(folder / "participants.json", {"Description": "Patients of the run.", **_MEASURES})
    for subject, found in sessions.items():
        path = folder / subject / f"{subject}_sessions.tsv"
        path.write_text(tsv(["session_id", *_MEASURES], sorted(found)), encoding="utf-8")
        write_json(path.with_suffix(".json"), {"Description": "Sessions of the patient.", **_MEASURES})


def _description(results: Sequence[CaseResults]) -> dict[str, Any]:
    run = results[0].run.resolve().name
    made = {"Name": "gliofit", "Version": version("gliofit"), "Description": f"Workflow run '{run}'."}
    content: dict[str, Any] = {"Name": f"gliofit, run {run}", "BIDSVersion": "1.10.0", "DatasetType": "derivative"}
    content["GeneratedBy"] = [made]
    # The BIDS datasets of the patients' files, if they still exist.
    folders = {folder for result in results for path, _ in input_paths(result) for folder in path.parents}
    descriptions = [read_description(root) for root in sorted(folders) if (root / DESCRIPTION).is_file()]
    sources = [{"DOI": found["DatasetDOI"]} for found in descriptions if found is not None and "DatasetDOI" in found]
    return content | ({"SourceDatasets": sources} if sources else {})


def _beside(path: Path, extension: str) -> Path:
    """Return the path with another extension; that of an image may have two dots."""
    return path.with_name(path.name.partition(".")[0] + extension)
