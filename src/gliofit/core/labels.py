"""Tissue and tumour labels, and the label schemes of sources of segmentations."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, name_one_of


class TissueLabel(IntEnum):
    """Values of tissue label maps."""

    BACKGROUND = 0
    CSF = 1
    GREY_MATTER = 2
    WHITE_MATTER = 3


class TumourLabel(IntEnum):
    """Values of tumour segmentations inside gliofit; a resection cavity is not tumour."""

    NONE = 0
    NECROTIC = 1
    OEDEMA = 2
    ENHANCING = 3
    NON_ENHANCING = 4
    CAVITY = 5


#: Source value -> internal label, one to one. Label values do not determine the scheme, so it is always named.
LABEL_SCHEMES = MappingProxyType(
    {
        "brats2021": MappingProxyType({1: TumourLabel.NECROTIC, 2: TumourLabel.OEDEMA, 4: TumourLabel.ENHANCING}),
        "brats2023": MappingProxyType({1: TumourLabel.NECROTIC, 2: TumourLabel.OEDEMA, 3: TumourLabel.ENHANCING}),
        "brats2015": MappingProxyType(
            {1: TumourLabel.NECROTIC, 2: TumourLabel.OEDEMA, 3: TumourLabel.NON_ENHANCING, 4: TumourLabel.ENHANCING}
        ),
        "brats2024": MappingProxyType(
            {1: TumourLabel.NECROTIC, 2: TumourLabel.OEDEMA, 3: TumourLabel.ENHANCING, 4: TumourLabel.CAVITY}
        ),
        # Pediatric tumours, as released from 2024 on; the release of 2023 has the labels of brats2023. A cyst counts as
        # necrosis: both are fluid inside the core.
        "brats2024-ped": MappingProxyType(
            {1: TumourLabel.ENHANCING, 2: TumourLabel.NON_ENHANCING, 3: TumourLabel.NECROTIC, 4: TumourLabel.OEDEMA}
        ),
        # Medical Segmentation Decathlon (Task01_BrainTumour), and BraTS data prepared for nnU-Net.
        "msd": MappingProxyType({1: TumourLabel.OEDEMA, 2: TumourLabel.NECROTIC, 3: TumourLabel.ENHANCING}),
        "gliofit": MappingProxyType({int(label): label for label in TumourLabel if label != TumourLabel.NONE}),
    }
)

_WORDS = {label: label.name.lower().replace("_", "-") for label in TumourLabel}
_WORDS[TumourLabel.CAVITY] = "resection cavity"

#: Images with more unknown values than this are not segmentations.
_MANY_VALUES = 10


def check_scheme(scheme: str, subject: str) -> None:
    """Raise InputError (``label-scheme``) if a label scheme is unknown."""
    if scheme not in LABEL_SCHEMES:
        hint = name_one_of(scheme, LABEL_SCHEMES)
        raise InputError(subject, f"unknown label scheme '{scheme}'", hint, "label-scheme")


def describe_labels(meanings: Mapping[int, TumourLabel]) -> str:
    """Return values with their meanings, such as ``1 necrotic, 2 oedema``."""
    return ", ".join(f"{value} {_WORDS[label]}" for value, label in sorted(meanings.items()))


def translate_labels(
    values: NDArray[np.integer], scheme: str, subject: str = "segmentation", hint: str | None = None
) -> NDArray[np.uint8]:
    """Translate a source's label values to ``TumourLabel`` values.

    Parameters
    ----------
    values
        Values of the source, any shape; the result has the same shape.
    scheme
        A name of ``LABEL_SCHEMES``.
    subject
        Name of the image in messages.
    hint
        What to do about unknown values; by default, to name another scheme.

    Raises
    ------
    InputError
        If the scheme is unknown, the image holds a value that it does not define, or holds no tumour.
    """
    check_scheme(scheme, subject)
    known = LABEL_SCHEMES[scheme]
    present = {int(v) for v in np.unique(values)} - {0}
    unknown = sorted(present - set(known))
    if len(unknown) > _MANY_VALUES:
        problem = f"holds {len(present)} values, like an image and unlike a segmentation"
        raise InputError(subject, problem, "give the segmentation; two files may be swapped", "labels-many")
    if unknown:
        problem = f"holds label values {unknown} that scheme '{scheme}' ({sorted(known)}) does not define"
        hint = hint or "name the scheme of the segmentation"
        raise InputError(subject, problem, hint, "labels-of-another-scheme")
    if not any(known[value] != TumourLabel.CAVITY for value in present):
        raise InputError(subject, "holds no tumour label", "give a segmentation of the tumour", "no-tumour")
    out = np.zeros(values.shape, np.uint8)
    for value, label in known.items():
        out[values == value] = label
    return out


def whole_tumour_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask of all tumour voxels of ``TumourLabel`` values, of the same shape."""
    return np.asarray((labels > TumourLabel.NONE) & (labels != TumourLabel.CAVITY))


def core_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask of the tumour core: all tumour except oedema (the core includes necrosis)."""
    return np.asarray(whole_tumour_mask(labels) & (labels != TumourLabel.OEDEMA))


def abnormal_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the mask of tumour and cavity, which have no counterpart in a healthy atlas."""
    return np.asarray(labels > TumourLabel.NONE)
