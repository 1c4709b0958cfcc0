"""What the header of an image must say before its voxels are read, and what it can tell viewers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np

from gliofit.core.errors import InputError

__all__ = ["CONCENTRATION", "DEVIATION", "RESEARCH", "Look", "check_header", "orientation_known"]

#: About thirty times a BraTS image: what is larger does not fit into the memory that jobs ask for, and a small
#: compressed file can claim to be of any size.
_MOST_VOXELS = 2**28

#: Number types by numpy's letter; the others hold one real number per voxel.
_OTHER_TYPES = {"c": "complex", "V": "colour"}

#: NIfTI's codes of lengths that are not millimetres; 0 is unknown, which everybody takes for millimetres.
_OTHER_UNITS = {1: "metres", 3: "micrometres"}

#: How much sform and qform may differ, as a share of a voxel's size: the qform is a rounded quaternion.
_FORM_TOLERANCE = 0.01


@dataclass(frozen=True)
class Look:
    """What a NIfTI-1 header tells viewers about its values.

    Parameters
    ----------
    name
        What the image is; up to 15 characters are kept with the intent.
    intent
        ``label`` for maps of labels and masks; ``estimate`` for estimated quantities;
        ``none`` for images.
    display
        Values shown as black and white, or as the ends of a colour map. Both 0: the viewer chooses.
    description
        Up to 79 characters; without times, so that the same results are the same bytes.
    """

    name: str
    intent: Literal["label", "estimate", "none"]
    display: tuple[float, float]
    description: str

    def write(self, header: nib.Nifti1Header) -> None:
        """Fill in ``intent_code``, ``intent_name``, ``cal_min``, ``cal_max`` and ``descrip``."""
        header.set_intent(self.intent, name=self.name)
        header["cal_min"], header["cal_max"] = self.display
        header["descrip"] = self.description


#: What every header says.
RESEARCH = "gliofit, research use only"

#: Tumour-cell concentrations, and their standard deviations.
CONCENTRATION = Look("concentration", "estimate", (0.0, 1.0), RESEARCH)
DEVIATION = Look("std of c", "estimate", (0.0, 0.5), RESEARCH)


def check_header(image: Any, path: Path) -> None:
    """Refuse an image of nibabel that is no 3-D image of real numbers, or whose header contradicts itself.

    Raises
    ------
    InputError
        If the image has other than three axes (trailing ones of length one apart) or more than 2^28 voxels, holds
        complex numbers or colours, gives lengths in metres or micrometres, has a qform that is no rotation or that
        turns or scales voxels differently than the sform, or spacings (``pixdim``) that differ from those of the
        sform. A mere shift between sform and qform is accepted; the sform counts.
    """
    shape = tuple(image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise InputError(path, f"has shape {shape}", "give a 3-D image")
    if prod(shape) > _MOST_VOXELS:
        raise InputError(
            path, f"has {' x '.join(map(str, shape))} voxels", "cut it to the head, or resample it to voxels of 1 mm"
        )
    kind = image.get_data_dtype().kind
    if kind in _OTHER_TYPES:
        raise InputError(path, f"holds {_OTHER_TYPES[kind]} values", "give an image of real numbers, one per voxel")
    if not isinstance(image.header, nib.Nifti1Header):
        return
    units = int(image.header["xyzt_units"]) & 7
    if units in _OTHER_UNITS:
        raise InputError(
            path, f"its header gives lengths in {_OTHER_UNITS[units]}", "write millimetres into the header"
        )
    try:
        sform, qform = image.get_sform(coded=True)[0], image.get_qform(coded=True)[0]
    except ValueError as error:
        raise InputError(path, f"its qform is no rotation ({error})", "write the affine anew") from error
    if sform is not None and qform is not None:
        gap = np.abs(sform - qform)[:3, :3].max()
        if gap > _FORM_TOLERANCE * np.abs(sform[:3, :3]).max():
            raise InputError(
                path,
                "its sform and qform turn or scale the voxels differently",
                "write the right affine into both, or set the code of the wrong one to 0",
                code="forms-disagree",
            )
    elif sform is not None:
        # Programs of the ITK family scale by pixdim, nibabel by the sform. A singular sform is refused elsewhere.
        sizes = np.linalg.norm(sform[:3, :3], axis=0)
        spacing = np.asarray(image.header["pixdim"][1:4], dtype=np.float64)
        if (sizes > 0).all() and (np.abs(sizes - spacing) > _FORM_TOLERANCE * sizes).any():
            raise InputError(
                path,
                f"its sform has voxels of {_millimetres(sizes)} and its pixdim {_millimetres(spacing)}",
                "write the right spacing into both",
                code="spacing-disagrees",
            )


def orientation_known(image: Any) -> bool:
    """Whether an image of nibabel says where its axes point.

    NIfTI images say so by the code of sform or qform, Analyze images only by a ``.mat`` file beside them, MGH images
    by a flag. Without it, ``image.affine`` is nibabel's default.
    """
    header = image.header
    if isinstance(header, nib.Nifti1Header):
        return int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    if isinstance(header, nib.analyze.AnalyzeHeader):
        matrix = image.file_map.get("mat")
        return matrix is not None and matrix.filename is not None and Path(matrix.filename).is_file()
    if isinstance(header, nib.freesurfer.mghformat.MGHHeader):
        return int(header["goodRASFlag"]) > 0
    return True


def _millimetres(spacing: Any) -> str:
    return " x ".join(f"{value:.4g}" for value in spacing) + " mm"
