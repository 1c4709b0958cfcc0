"""Files of a patient, or why a case cannot be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.register.naming import ROLES


@dataclass(frozen=True)
class PatientFiles:
    """Files of one patient, and the label scheme of the segmentation.

    Parameters
    ----------
    case
        Name of the case: letters, digits, hyphen, underscore.
    t1
        Skull-stripped native T1 image; its grid is the patient's grid. The contrast-enhanced image replaces a missing
        one (some BraTS 2015 cases).
    seg
        Tumour segmentation.
    labels
        Label scheme of the segmentation, a key of ``LABEL_SCHEMES``.
    t1c, t2, flair
        Optional images, used by checks only.
    brain_mask
        Brain mask, for images whose background is not zero. By default the brain is the non-zero part of T1.
    """

    case: str
    t1: Path
    seg: Path
    labels: str
    t1c: Path | None = None
    t2: Path | None = None
    flair: Path | None = None
    brain_mask: Path | None = None

    @property
    def images(self) -> dict[str, Path]:
        """Role -> file, for every file of the case."""
        roles = (*ROLES, "brain_mask")
        return {role: path for role in roles if (path := getattr(self, role)) is not None}

    @property
    def paths(self) -> list[Path]:
        """All files of the case, T1 first."""
        return list(self.images.values())

    @property
    def has_native_t1(self) -> bool:
        """Whether ``t1`` is a native T1 image and not the contrast-enhanced one."""
        return self.t1 != self.t1c


@dataclass(frozen=True)
class Problem:
    """A case that cannot be used."""

    case: str
    error: InputError


@dataclass(frozen=True)
class Refused:
    """A case that an earlier check refused."""

    case: str
    message: str
