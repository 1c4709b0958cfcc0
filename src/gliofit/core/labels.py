"""Tissue and tumour labels, with one explicit map per source of segmentations."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, name_one_of

__all__ = [
    "LABEL_SCHEMES",
    "TissueLabel",
    "TumourLabel",
    "abnormal_mask",
    "check_scheme",
    "core_mask",
    "describe_labels",
    "translate_labels",
    "whole_tumour_mask",
]


class TissueLabel(IntEnum):
    """Values of tissue label maps."""

    BACKGROUND = 0
    CSF = 1
    GREY_MATTER = 2
    WHITE_MATTER = 3


class TumourLabel(IntEnum):
    """Values of tumour segmentations inside gliofit; a surgical cavity is not tumour."""

    NONE = 0
    NECROTIC = 1
    OEDEMA = 2
    ENHANCING = 3
    NON_ENHANCING = 4
    CAVITY = 5


#: Source value -> internal label, one to one. Label values alone do not tell the scheme, so it must always be named.
LABEL_SCHEMES = MappingProxyType(
    {
        "brats2021": MappingProxyType({1: TumourLabel.NECROTIC, 2: TumourLabel.OEDEMA, 4: TumourLabel.ENHANCING}),
        "brats2023": MappingProxyType({1: TumourLabel.NECROTIC, 2: TumourLabel.OEDEMA, 3: TumourLabel.ENHANCING}),
        "brats2015": MappingProxyType(
            {
                1: TumourLabel.NECROTIC,
                2: TumourLabel.OEDEMA,
                3: TumourLabel.NON_ENHANCING,
                4: TumourLabel.ENHANCING,
            }
        ),
        "brats2024": MappingProxyType(
            {
                1: TumourLabel.NECROTIC,
                2: TumourLabel.OEDEMA,
                3: TumourLabel.ENHANCING,
                4: TumourLabel.CAVITY,
            }
        ),
        # Pediatric tumours, as released from 2024 on; the release of 2023 has the labels of brats2023. A cyst counts as
        # necrosis: both are fluid inside the core.
        "brats2024-ped": MappingProxyType(
            {
                1: TumourLabel.ENHANCING,
                2: TumourLabel.NON_ENHANCING,
                3: TumourLabel.NECROTIC,
                4: TumourLabel.OEDEMA,
            }
        ),
        # Medical Segmentation Decathlon (Task01_BrainTumour), and BraTS data prepared for nnU-Net.
        "msd": MappingProxyType({1: TumourLabel.OEDEMA, 2: TumourLabel.NECROTIC, 3: TumourLabel.ENHANCING}),
        "gliofit": MappingProxyType({int(label): label for label in TumourLabel if label != TumourLabel.NONE}),
    }
)


_WORDS = MappingProxyType(
    {
        TumourLabel.NECROTIC: "necrotic",
        TumourLabel.OEDEMA: "oedema",
        TumourLabel.ENHANCING: "enhancing",
        TumourLabel.NON_ENHANCING: "non-enhancing",
        TumourLabel.CAVITY: "resection cavity",
    }
)

#: More values than this beside those of a scheme are no labels.
_MANY_VALUES = 10


def check_scheme(scheme: str, subject: str) -> None:
    """Check that there is a label scheme of this name.

    Raises
    ------
    InputError
        If there is none.
    """
    if scheme not in LABEL_SCHEMES:
        raise InputError(
            subject, f"unknown label scheme '{scheme}'", name_one_of(scheme, LABEL_SCHEMES), "label-scheme"
        )


def describe_labels(meanings: Mapping[int, TumourLabel]) -> str:
    """Values and what they mean, such as ``1 necrotic, 2 oedema``."""
    return ", ".join(f"{value} {_WORDS.get(label, 'none')}" for value, label in sorted(meanings.items()))


def translate_labels(
    values: NDArray[np.integer], scheme: str, subject: str = "segmentation", hint: str | None = None
) -> NDArray[np.uint8]:
    """Translate a source's label values to ``TumourLabel`` values.

    Parameters
    ----------
    values
        Values of the source, any shape; the result has the same.
    scheme
        A name of ``LABEL_SCHEMES``.
    subject
        What messages call the image.
    hint
        What to do about values that the scheme does not have; by default, to name another scheme.

    Raises
    ------
    InputError
        If the scheme is unknown, the image holds a value the scheme does not have, or there is no tumour at all.
    """
    check_scheme(scheme, subject)
    known = LABEL_SCHEMES[scheme]
    present = {int(v) for v in np.unique(values)} - {0}
    strange = sorted(present - set(known))
    if strange:
        if len(strange) > _MANY_VALUES:
            raise InputError(
                subject, f"holds {len(present)} values, as an image does and no segmentation",
                "give the segmentation; two files may be swapped", "labels-many",
            )  # fmt: skip
        raise InputError(
            subject, f"holds label values {strange} that scheme '{scheme}' ({sorted(known)}) does not have",
            hint or "name the scheme the segmentation was made with",
            "labels-of-another-scheme",
        )  # fmt: skip
    if not any(known[value] != TumourLabel.CAVITY for value in present):
        raise InputError(subject, "holds no tumour label", "give a segmentation of this case's tumour", "no-tumour")
    out = np.zeros(values.shape, np.uint8)
    for value, label in known.items():
        out[values == value] = label
    return out


def whole_tumour_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Every tumour voxel of an internal segmentation.

    Parameters
    ----------
    labels
        Values of ``TumourLabel``, any shape; the mask has the same.
    """
    return (labels > TumourLabel.NONE) & (labels != TumourLabel.CAVITY)


def core_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tumour core of an internal segmentation: everything but oedema (necrosis counts as core).

    Parameters
    ----------
    labels
        Values of ``TumourLabel``, any shape; the mask has the same.
    """
    return whole_tumour_mask(labels) & (labels != TumourLabel.OEDEMA)


def abnormal_mask(labels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tumour and cavity: everything that a healthy atlas has no counterpart of.

    Parameters
    ----------
    labels
        Values of ``TumourLabel``, any shape; the mask has the same.
    """
    return labels > TumourLabel.NONE
