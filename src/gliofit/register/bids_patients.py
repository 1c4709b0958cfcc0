"""Patients of a BIDS dataset: roles of images and label schemes of segmentations.

A case is a subject, or a session of one. Images are not opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.labels import LABEL_SCHEMES, TumourLabel, describe_labels
from gliofit.inputs.bids_dataset import BidsImage, BidsName, anatomical_images, read_description, read_lookup
from gliofit.inputs.label_names import AmbiguousNameError, tumour_part
from gliofit.register.naming import check_case_name
from gliofit.register.patient_files import PatientFiles, Problem

#: Roles that follow from the suffix alone.
_PLAIN = {"T2w": "t2", "FLAIR": "flair"}

#: Values of ``acq`` that mark a contrast-enhanced T1 image in datasets that do not use the entity ``ce``.
_CONTRAST = re.compile(r"(?i)post|gad|contrast|gd$|^(t1)?ce$|^t1c$")
_NO_CONTRAST = re.compile(r"(?i)(pre|no|non|without)(contrast|gad|gd)")

#: Values of ``label``, ``desc`` and ``seg`` of tumour segmentations.
_TUMOUR = re.compile(r"(?i)tumou?r|lesion|glioma|brats|neoplas")

#: Values of ``desc`` of tissue and parcels from FreeSurfer.
_PARCELS = re.compile(r"(?i)^(aseg|aparc)")

#: Values of ``desc`` of skull-stripped images.
_STRIPPED = re.compile(r"(?i)^brain|strip")

#: Values of ``space`` that mean the patient's T1 image, like a missing ``space``.
_NATIVE = frozenset({"", "T1w", "orig", "individual", "native"})

_SCHEME_HINT = "state the label scheme with patients.labels"
_PLAIN_NAMES = ("necrotic", "oedema", "enhancing", "non-enhancing", "resection cavity")

#: Names of roles in messages.
_ROLE_NAMES = {
    "t1": "T1w image",
    "t1c": "contrast-enhanced T1w image",
    "t2": "T2w image",
    "flair": "FLAIR image",
    "seg": "segmentation",
    "brain_mask": "brain mask",
}


def bids_patients(root: Path, labels: str | None, entities: Mapping[str, str]) -> list[PatientFiles | Problem]:
    """List the subjects or sessions of a dataset that have anatomical images.

    The dataset is raw, with or without ``derivatives``, or only derivatives. ``labels`` is the label scheme of all
    segmentations (None: that of their lookup tables or sidecars), ``entities`` are preferred where several files could
    be an image of a case.

    Raises
    ------
    InputError
        If the description of the dataset is invalid. An unusable case is a ``Problem``.
    """
    read_description(root)
    rows: list[PatientFiles | Problem] = []
    for (subject, session), images in anatomical_images(root).items():
        case = subject if session is None else f"{subject}_{session}"
        try:
            rows.append(_patient(root, check_case_name(case, root / subject), images, labels, entities))
        except InputError as error:
            rows.append(Problem(case, error))
    return rows


def bids_role(name: BidsName) -> str | None:
    """Return the role in ``PatientFiles`` that an image can have, or None."""
    entities = name.entities
    if name.suffix == "T1w":
        acquired = entities.get("acq", "")
        enhanced = _CONTRAST.search(acquired) and not _NO_CONTRAST.search(acquired)
        return "t1c" if "ce" in entities or enhanced else "t1"
    if name.suffix == "mask" and "brain" in (entities.get("desc", "").lower(), entities.get("label", "").lower()):
        return "brain_mask"
    if name.suffix == "dseg":
        return None if "atlas" in entities or _PARCELS.search(entities.get("desc", "")) else "seg"
    if name.suffix == "mask":
        return "seg" if _is_tumour(name) else None
    return _PLAIN.get(name.suffix)


def label_scheme(names: Mapping[int, str], path: Path) -> str:
    """Find the label scheme that agrees with the names of label values in a table or sidecar.

    Raises
    ------
    InputError
        If a name does not mean one part of a tumour, or no scheme agrees.
    """
    meanings = {}
    for value, name in names.items():
        try:
            meaning = tumour_part(name)
        except AmbiguousNameError:
            problem = f"label {value} is '{name}', which can mean more than one part of a tumour"
            hint = f"{_SCHEME_HINT}, or name each value {', '.join(_PLAIN_NAMES)}"
            raise InputError(path, problem, hint, "label-name-ambiguous") from None
        if meaning is None:
            problem = f"label {value} is '{name}', which is not known as a part of a tumour"
            hint = f"{_SCHEME_HINT}, or name the tumour segmentation in a patients table"
            raise InputError(path, problem, hint, "label-name-unknown")
        meanings[value] = meaning
    tumour = {value: label for value, label in meanings.items() if value != 0 and label != TumourLabel.NONE}
    for scheme, values in LABEL_SCHEMES.items():
        # Schemes without a label for non-enhancing core count it as necrotic.
        core = TumourLabel.NON_ENHANCING if TumourLabel.NON_ENHANCING in values.values() else TumourLabel.NECROTIC
        expected = {value: core if label == TumourLabel.NON_ENHANCING else label for value, label in tumour.items()}
        if tumour and all(values.get(value) == label for value, label in expected.items()):
            return scheme
    problem = f"names {describe_labels(tumour) or 'no part of a tumour'}, which is not a label scheme of gliofit"
    hint = f"change the values of the segmentation to those of {', '.join(LABEL_SCHEMES)}"
    raise InputError(path, problem, hint, "label-scheme")


def _patient(
    root: Path, case: str, images: list[BidsImage], labels: str | None, entities: Mapping[str, str]
) -> PatientFiles:
    roles: dict[str, list[BidsImage]] = {}
    for image in images:
        role = bids_role(image.name)
        if role is not None:
            roles.setdefault(role, []).append(image)
    if "seg" not in roles:
        raise InputError(
            root,
            f"has no tumour segmentation of {case}",
            f"add {case}_dseg.nii.gz to anat, here or in derivatives, or exclude the case (patients.exclude: [{case}])",
        )
    seg = _choose(roles.pop("seg"), case, "seg", entities)
    space = _space(seg.name)
    # Images in another space are on another grid than the segmentation.
    chosen = {
        role: _choose(candidates, case, role, entities)
        for role, images in roles.items()
        if (candidates := [image for image in images if _space(image.name) == space])
    }
    if "t1" not in chosen and "t1c" in chosen:
        chosen["t1"] = chosen["t1c"]
    if "t1" not in chosen:
        where, ending = (f" in the segmentation's space {space}", f"space-{space}_T1w") if space else ("", "T1w")
        problem = f"has no T1w image of {case}{where}"
        hint = f"add {case}_{ending}.nii.gz, skull-stripped, or exclude the case (patients.exclude: [{case}])"
        raise InputError(root, problem, hint)
    files = {role: image.path for role, image in (chosen | {"seg": seg}).items()}
    for path in files.values():
        # In datasets under git-annex, files without content are broken links.
        if not os.path.isfile(path):
            raise InputError(path, "is a broken link", "fetch the file's content, with datalad get for example")
    return PatientFiles(case, labels=labels or _scheme(seg, case), **files)


def _choose(images: list[BidsImage], case: str, role: str, entities: Mapping[str, str]) -> BidsImage:
    """Choose the image of a role by the preferred entities, then segmentations of tumours and images without skull."""

    def rank(image: BidsImage) -> tuple[int, bool]:
        name = image.name
        matches = sum(name.entities.get(key) == value for key, value in entities.items())
        better = _is_tumour(name) if role == "seg" else bool(_STRIPPED.search(name.entities.get("desc", "")))
        return matches, better

    best = max(map(rank, images))
    candidates = [image for image in images if rank(image) == best]
    first = candidates[0]
    if len(candidates) == 1:
        return first
    every = {key for image in candidates for key in image.name.entities}
    keys = sorted(key for key in every if len({image.name.entities.get(key) for image in candidates}) > 1)
    problem = f"{len(candidates)} files could be the {_ROLE_NAMES[role]} of {case}"
    if not keys:
        paths = " and ".join(str(image.path.relative_to(image.root.parent)) for image in candidates)
        raise InputError(first.root, f"{problem} ({paths})", "remove one, or list the files in a patients table")
    example = next(
        f"{key}: '{image.name.entities[key]}'" for key in keys for image in candidates if key in image.name.entities
    )
    problem = f"{problem} ({', '.join(image.path.name for image in candidates)}), which differ in {' and '.join(keys)}"
    hint = f"choose with patients.entities, such as {{{example}}}, or list the files in a patients table"
    raise InputError(first.path.parent, problem, hint)


def _scheme(seg: BidsImage, case: str) -> str:
    lookup = read_lookup(seg)
    if lookup is None:
        raise InputError(
            seg.path,
            f"the meaning of the label values of {case} is not stated",
            f"add {seg.name.stem}.tsv with the columns index and name, or state the scheme with patients.labels "
            f"({', '.join(LABEL_SCHEMES)})",
        )
    path, names = lookup
    return label_scheme(names, path)


def _is_tumour(name: BidsName) -> bool:
    return any(_TUMOUR.search(name.entities.get(key, "")) for key in ("label", "desc", "seg"))


def _space(name: BidsName) -> str:
    """Return the space of an image; empty for all names of the patient's native space."""
    space = name.entities.get("space", "")
    return "" if space in _NATIVE else space
