"""Images to export, with content, display settings and provenance."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gliofit.core.digests import sha256_of
from gliofit.core.grid import Volume
from gliofit.core.header import CONCENTRATION, DEVIATION, RESEARCH, Look
from gliofit.core.io import read_json, read_table, read_volume
from gliofit.export.colours import LABELS, TargetLabel
from gliofit.export.results import CaseResults
from gliofit.plan.target import gross_tumour


@dataclass(frozen=True, eq=False)
class Item:
    """Image to export.

    Parameters
    ----------
    kind
        Key of ``images`` in ``files.yaml``, or ``t1``.
    source, record
        (First) source file in the run, and sidecar of the job that wrote it.
    look, description
        Display settings of the header, and description in a sentence.
    read
        Returns the volume.
    method, margin
        Name of the estimate or plan, and margin of a target as in file names; empty if absent.
    labels
        Kind of the label map (key of ``LABELS``); empty for other images.
    facts
        Further entries of the sidecar.
    """

    kind: str
    source: Path
    record: Path
    look: Look
    description: str
    read: Callable[[], Volume]
    method: str = ""
    margin: str = ""
    labels: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def image_items(results: CaseResults) -> Iterator[Item]:
    """Yield the images of a patient: tissue, segmentation, concentrations with uncertainty, targets.

    Failed results and empty maps of uncertainty are excluded. Gross tumour and clinical targets do not depend on the
    method and appear once.
    """
    yield from _registered(results)
    for estimate in results.estimates:
        yield from _estimated(results, estimate)
    targets: dict[tuple[str, str, str], Item] = {}
    for item in chain.from_iterable(_planned(results, method) for method in results.plans):
        targets.setdefault((item.kind, item.margin, item.method), item)
    yield from targets.values()


def origin(item: Item, run: Path) -> dict[str, Any]:
    """Return the provenance of an image: path and digest of its source, and the job that wrote it.

    The job is omitted if it has no record; older records lack the revision.
    """
    found: dict[str, Any] = {"Path": item.source.relative_to(run).as_posix(), "SHA256": sha256_of(item.source)}
    if item.record.is_file():
        job = read_json(item.record)
        found |= {"Rule": job.get("rule"), "Seed": job.get("seed"), "Version": job.get("versions", {}).get("gliofit")}
        found["Revision"] = job.get("code", {}).get("revision")
    return {key: value for key, value in found.items() if value is not None}


def _label_look(name: str, largest: int) -> Look:
    return Look(name, "label", (0, largest), RESEARCH)


def _registered(results: CaseResults) -> Iterator[Item]:
    folder = results.registered
    record = folder / "t1.nii.gz.json"

    def item(kind: str, file: str, look: Look, description: str, labels: str = "") -> Item:
        path = folder / f"{file}.nii.gz"
        return Item(kind, path, record, look, description, partial(read_volume, path), labels=labels)

    yield item("t1", "t1", Look("T1", "none", (0, 0), RESEARCH), "T1 image without skull, as gliofit read it.")
    for kind, name in (("wm", "White matter"), ("gm", "Grey matter"), ("csf", "Cerebrospinal fluid")):
        look = Look(name[:15], "estimate", (0, 1), RESEARCH)
        yield item(kind, kind, look, f"{name}: fraction of the voxel, from the atlas registered to the patient.")
    yield item("tissue", "labels", _label_look("tissue", 3), "Tissue with the largest fraction.", "tissue")
    yield item("brain", "brain_mask", _label_look("brain mask", 1), "Brain.")
    text = "Tumour segmentation of the patient, in gliofit's labels."
    yield item("tumour", "segmentation", _label_look("tumour", len(LABELS["tumour"])), text, "tumour")


def _estimated(results: CaseResults, estimate: str) -> Iterator[Item]:
    folder = results.forward(estimate)
    path = folder / "concentration.nii.gz"
    row = read_table(folder / "forward.parquet").iloc[0]
    if row["status"] == "failed":
        return
    facts = {"Method": estimate} | _judgement(row, "Run")
    # Candidates that a hybrid method did not choose have no table.
    if (parameters := results.parameters(estimate)).is_file():
        facts |= _judgement(read_table(parameters).iloc[0], "Estimate")

    def item(kind: str, path: Path, look: Look, text: str) -> Item:
        read = partial(read_volume, path)
        return Item(kind, path, Path(f"{path}.json"), look, text, read, method=estimate, facts=facts)

    text = "Tumour cells as a fraction of the carrying capacity, as the method estimates them. Not a probability."
    yield item("concentration", path, CONCENTRATION, text)
    path = folder / "uncertainty.nii.gz"
    if path.is_file() and read_volume(path).data.any():
        text = (
            "Standard deviation of the tumour-cell concentration, by linear propagation of the estimate's covariance."
        )
        yield item("uncertainty", path, DEVIATION, text)


def _planned(results: CaseResults, method: str) -> Iterator[Item]:
    folder = results.plan(method)
    table = read_table(folder / "plan.parquet")
    record = folder / "plan.parquet.json"
    segmentation = results.registered / "segmentation.nii.gz"
    for _, row in table[table["status"] != "failed"].iterrows():
        margin, region = f"{row['margin_mm']:g}mm", str(row["region"])
        around = "core" if region == "core" else "whole tumour"
        clinical, personalised = (folder / f"{kind}-{margin}.nii.gz" for kind in ("clinical", "personalised"))
        facts = {"Margin": float(row["margin_mm"]), "MarginUnits": "mm", "Region": region}
        own = facts | {"Method": method} | _judgement(row, "Plan")
        gross, research = partial(_gross, segmentation, region), "Research use only."
        text = f"Gross tumour volume: the {around}."
        yield Item("gtv", segmentation, record, _label_look("GTV", 1), text, gross, facts={"Region": region})
        text = f"Clinical target volume by a margin of {row['margin_mm']:g} mm around the {around}. {research}"
        read, look = partial(read_volume, clinical), _label_look("CTV clinical", 1)
        yield Item("clinical", clinical, record, look, text, read, margin=margin, facts=facts)
        text = f"Target volume where the modelled concentration is highest, of the clinical one's volume. {research}"
        read, look, level = partial(read_volume, personalised), _label_look("CTV personal", 1), float(row["level"])
        yield Item("personalised", personalised, record, look, text, read, method, margin, facts=own | {"Level": level})
        text = f"Clinical and personalised target volume in one map. {research}"
        read, look = partial(_both, clinical, personalised), _label_look("targets", 3)
        yield Item("targets", clinical, record, look, text, read, method, margin, "targets", own)


def _judgement(row: pd.Series, of: str) -> dict[str, str]:
    """Return facts of a row of results for a sidecar."""
    found = {f"{of}Status": str(row["status"]), f"{of}Message": str(row["message"])}
    return {key: text for key, text in found.items() if text}


def _gross(path: Path, region: str) -> Volume:
    segmentation = read_volume(path, np.uint8)
    return Volume(gross_tumour(segmentation, "core" if region == "core" else "whole"), segmentation.grid)


def _both(clinical: Path, personalised: Path) -> Volume:
    first, second = read_volume(clinical, np.uint8), read_volume(personalised, np.uint8)
    here, there = first.data > 0, second.data > 0
    kinds = TargetLabel.BOTH * (here & there) + TargetLabel.CLINICAL * (here & ~there)
    return Volume((kinds + TargetLabel.PERSONALISED * (there & ~here)).astype(np.uint8), first.grid)
