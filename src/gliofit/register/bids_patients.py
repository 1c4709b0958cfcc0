"""Patients of a BIDS dataset: which of its images is what, and which label scheme a segmentation has.

A case is a subject, or a session of one. As for BraTS folders no image is opened.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.core.labels import LABEL_SCHEMES, TumourLabel, describe_labels
from gliofit.inputs.bids_dataset import BidsImage, anatomical_images, read_description, read_lookup
from gliofit.inputs.bids_names import BidsName
from gliofit.inputs.label_names import AmbiguousNameError, tumour_part
from gliofit.register.naming import check_case_name
from gliofit.register.patient_files import PatientFiles, Problem

__all__ = ["bids_patients", "bids_role", "label_scheme"]

#: Suffixes that tell the role of an image by themselves.
_PLAIN = {"T2w": "t2", "FLAIR": "flair"}

#: Values of ``acq`` by which some datasets name a contrast-enhanced T1 image, for which BIDS has the entity ``ce``.
_CONTRAST = re.compile(r"(?i)post|gad|contrast|gd$|^(t1)?ce$|^t1c$")
_NO_CONTRAST = re.compile(r"(?i)(pre|no|non|without)(contrast|gad|gd)")

#: Values of ``label``, ``desc`` and ``seg`` of tumour segmentations.
_TUMOUR = re.compile(r"(?i)tumou?r|lesion|glioma|brats|neoplas")

#: Values of ``desc`` of tissue and parcels that FreeSurfer and pipelines around it leave.
_PARCELS = re.compile(r"(?i)^(aseg|aparc)")

#: Values of ``desc`` of images without skull.
_STRIPPED = re.compile(r"(?i)^brain|strip")

#: Values of ``space`` that mean the patient's own T1 image, as no ``space`` does.
_NATIVE = frozenset({"", "T1w", "orig", "individual", "native"})

_OWN_SCHEME = "state the label scheme with patients.labels"
_PLAIN_NAMES = ("necrotic", "oedema", "enhancing", "non-enhancing", "resection cavity")

#: What a role is called in messages.
_WHAT = {
    "t1": "T1w image",
    "t1c": "contrast-enhanced T1w image",
    "t2": "T2w image",
    "flair": "FLAIR image",
    "seg": "segmentation",
    "brain_mask": "brain mask",
}


def bids_patients(root: Path, labels: str | None, entities: Mapping[str, str]) -> list[PatientFiles | Problem]:
    """Every subject or session of a dataset that has anatomical images.

    Parameters
    ----------
    root
        The dataset: raw, with or without ``derivatives``, or derivatives alone.
    labels
        Label scheme of all segmentations; None: what their lookup tables or sidecars say.
    entities
        Which files to take where several could be an image of a case: those that have these entities.

    Raises
    ------
    InputError
        If the description of the dataset is broken. A case that is wrong is a ``Problem``.
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
    """What an image can be of a case: a role of ``PatientFiles``, or None."""
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
    """The label scheme whose values mean what a table or sidecar says they do.

    Parameters
    ----------
    names
        Name of every label value.
    path
        The file they are from, for messages.

    Raises
    ------
    InputError
        If a name is not that of one part of a tumour, or no scheme has these values.
    """
    meanings = {}
    for value, name in names.items():
        try:
            meaning = tumour_part(name)
        except AmbiguousNameError:
            raise InputError(
                path, f"label {value} is '{name}', which can mean more than one part of a tumour",
                f"{_OWN_SCHEME}, or name each value {', '.join(_PLAIN_NAMES)}", "label-name-ambiguous",
            ) from None  # fmt: skip
        if meaning is None:
            raise InputError(
                path, f"label {value} is '{name}', which gliofit does not take for a part of a tumour",
                f"{_OWN_SCHEME}, or name the tumour segmentation in a patients table", "label-name-unknown",
            )  # fmt: skip
        meanings[value] = meaning
    tumour = {value: label for value, label in meanings.items() if value != 0 and label != TumourLabel.NONE}
    for scheme, values in LABEL_SCHEMES.items():
        # Schemes without a label for it count non-enhancing core as necrotic.
        core = TumourLabel.NON_ENHANCING if TumourLabel.NON_ENHANCING in values.values() else TumourLabel.NECROTIC
        wanted = {value: core if label == TumourLabel.NON_ENHANCING else label for value, label in tumour.items()}
        if tumour and all(values.get(value) == label for value, label in wanted.items()):
            return scheme
    shown = describe_labels(tumour)
    raise InputError(
        path,
        f"says {shown or 'nothing of a tumour'}, which is not a label scheme of gliofit",
        f"change the values of the segmentation to those of {', '.join(LABEL_SCHEMES)}",
        "label-scheme",
    )


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
            f"add {case}_dseg.nii.gz to anat, here or in derivatives, or leave the case out "
            f"(patients.exclude: [{case}])",
        )
    seg = _choose(roles.pop("seg"), case, "seg", entities)
    space = _space(seg.name)
    # Images in another space cannot lie on the segmentation's grid.
    inside = {role: [image for image in found if _space(image.name) == space] for role, found in roles.items()}
    chosen = {role: _choose(found, case, role, entities) for role, found in inside.items() if found}
    if "t1" not in chosen and "t1c" in chosen:
        chosen["t1"] = chosen["t1c"]
    if "t1" not in chosen:
        where, ending = (f" in the segmentation's space {space}", f"space-{space}_T1w") if space else ("", "T1w")
        raise InputError(
            root,
            f"has no T1w image of {case}{where}",
            f"add {case}_{ending}.nii.gz, skull-stripped, or leave the case out (patients.exclude: [{case}])",
        )
    files = {role: image.path for role, image in (chosen | {"seg": seg}).items()}
    for path in files.values():
        # Datasets under git-annex have links to what has not been fetched.
        if not os.path.isfile(path):
            raise InputError(path, "is a link to nothing", "fetch the file's content, with datalad get for example")
    return PatientFiles(case, labels=labels or _scheme(seg, case), **files)


def _choose(images: list[BidsImage], case: str, role: str, entities: Mapping[str, str]) -> BidsImage:
    """The one image of a role: by the wanted entities, then of a tumour (segmentations) or without skull (images).

    Raises
    ------
    InputError
        If several are as good, naming the entities in which they differ.
    """

    def rank(image: BidsImage) -> tuple[int, bool]:
        name = image.name
        wanted = sum(name.entities.get(key) == value for key, value in entities.items())
        better = _is_tumour(name) if role == "seg" else bool(_STRIPPED.search(name.entities.get("desc", "")))
        return wanted, better

    best = max(map(rank, images))
    left = [image for image in images if rank(image) == best]
    if len(left) == 1:
        return left[0]
    every = {key for image in left for key in image.name.entities}
    keys = sorted(key for key in every if len({image.name.entities.get(key) for image in left}) > 1)
    problem = f"{len(left)} files could be the {_WHAT[role]} of {case}"
    if not keys:
        shown = " and ".join(str(image.path.relative_to(image.root.parent)) for image in left)
        raise InputError(left[0].root, f"{problem} ({shown})", "take one away, or list the files in a patients table")
    example = next(
        f"{key}: '{image.name.entities[key]}'" for key in keys for image in left if key in image.name.entities
    )
    raise InputError(
        left[0].path.parent,
        f"{problem} ({', '.join(image.path.name for image in left)}), which differ in {' and '.join(keys)}",
        f"choose by patients.entities, such as {{{example}}}, or list the files in a patients table",
    )


def _scheme(seg: BidsImage, case: str) -> str:
    found = read_lookup(seg)
    if found is None:
        raise InputError(
            seg.path,
            f"nothing says what the label values of {case} mean",
            f"add {seg.name.stem}.tsv with the columns index and name, or state the scheme with patients.labels "
            f"({', '.join(LABEL_SCHEMES)})",
        )
    path, names = found
    return label_scheme(names, path)


def _is_tumour(name: BidsName) -> bool:
    return any(_TUMOUR.search(name.entities.get(key, "")) for key in ("label", "desc", "seg"))


def _space(name: BidsName) -> str:
    """Space of an image; the empty text for the patient's own, whatever it is called."""
    space = name.entities.get("space", "")
    return "" if space in _NATIVE else space
