"""Files of a patient, or why there are none to use."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gliofit.core.errors import InputError
from gliofit.register.naming import ROLES

__all__ = ["PatientFiles", "Problem", "Refused"]


@dataclass(frozen=True)
class PatientFiles:
    """Files of one patient, and the label scheme of the segmentation.

    Parameters
    ----------
    case
        Name of the case: letters, digits, hyphen, underscore.
    t1
        Skull-stripped native T1 image; its grid is the patient's grid. Where there is none (some BraTS 2015 cases),
        the contrast-enhanced one takes its place.
    seg
        Tumour segmentation.
    labels
        Label scheme of the segmentation, a key of ``LABEL_SCHEMES``.
    t1c, t2, flair
        Other images, where there are any. Registration does not use them; checks do.
    brain_mask
        Brain mask, for images whose background is not zero. Otherwise the brain is where T1 is not zero.
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
        """Role -> file, for every file there is."""
        roles = (*ROLES, "brain_mask")
        return {role: path for role in roles if (path := getattr(self, role)) is not None}

    @property
    def paths(self) -> list[Path]:
        """Every file of the case, T1 first."""
        return list(self.images.values())

    @property
    def has_native_t1(self) -> bool:
        """Whether ``t1`` is a native T1 image, and not the contrast-enhanced one in its place."""
        return self.t1 != self.t1c


@dataclass(frozen=True)
class Problem:
    """A case that cannot be used as it is."""

    case: str
    error: InputError


@dataclass(frozen=True)
class Refused:
    """A case that a check found unfit and that its table says so of."""

    case: str
    message: str
