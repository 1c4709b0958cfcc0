"""Checks of image headers before voxels are read, and header fields for viewers."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import nibabel as nib
import numpy as np

from gliofit.core.errors import InputError

#: About thirty times a BraTS image. Larger images exceed the memory that jobs request, and the header of a small
#: compressed file can state any size.
_MOST_VOXELS = 2**28

#: Refused number types by numpy's letter; the others hold one real number per voxel.
_OTHER_TYPES = {"c": "complex", "V": "colour"}

#: NIfTI's codes of lengths that are not millimetres; 0 is unknown and read as millimetres.
_OTHER_UNITS = {1: "metres", 3: "micrometres"}

#: Tolerated difference of sform and qform as a share of the voxel size; the qform is a rounded quaternion.
_FORM_TOLERANCE = 0.01


@dataclass(frozen=True)
class Look:
    """Fields of a NIfTI-1 header that viewers use."""

    #: Name of the quantity, at most 15 characters.
    name: str
    #: ``label`` for maps of labels and masks; ``estimate`` for estimated quantities; ``none`` for images.
    intent: Literal["label", "estimate", "none"]
    #: Lower and upper end of the grey or colour scale; if both are 0, the viewer chooses.
    display: tuple[float, float]
    #: Up to 79 characters; without times, so that equal results are equal bytes.
    description: str

    def write(self, header: nib.Nifti1Header) -> None:
        """Fill in ``intent_code``, ``intent_name``, ``cal_min``, ``cal_max`` and ``descrip``."""
        header.set_intent(self.intent, name=self.name)
        header["cal_min"], header["cal_max"] = self.display
        header["descrip"] = self.description


#: Description in every header.
RESEARCH = "gliofit, research use only"

#: Tumour-cell concentrations and their standard deviations.
CONCENTRATION = Look("concentration", "estimate", (0.0, 1.0), RESEARCH)
DEVIATION = Look("std of c", "estimate", (0.0, 0.5), RESEARCH)


def check_header(image: Any, path: Path) -> None:
    """Check that an image of nibabel is a 3-D image of real numbers with a consistent header.

    Raises
    ------
    InputError
        If the image does not have three axes (ignoring trailing axes of length one), has more than 2^28 voxels, holds
        complex numbers or colours, states lengths in metres or micrometres, has a qform that is not a rotation or
        rotates or scales voxels differently than the sform, or spacings (``pixdim``) that differ from those of the
        sform. A translation between sform and qform is accepted; the sform is used.
    """
    shape = tuple(image.shape)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3:
        raise InputError(path, f"has shape {shape}", "give a 3-D image")
    if prod(shape) > _MOST_VOXELS:
        hint = "cut it to the head, or resample it to voxels of 1 mm"
        raise InputError(path, f"has {' x '.join(map(str, shape))} voxels", hint)
    kind = image.get_data_dtype().kind
    if kind in _OTHER_TYPES:
        raise InputError(path, f"holds {_OTHER_TYPES[kind]} values", "give an image of real numbers, one per voxel")
    if not isinstance(image.header, nib.Nifti1Header):
        return
    units = int(image.header["xyzt_units"]) & 7
    if units in _OTHER_UNITS:
        problem = f"its header gives lengths in {_OTHER_UNITS[units]}"
        raise InputError(path, problem, "write millimetres into the header")
    try:
        sform, qform = image.get_sform(coded=True)[0], image.get_qform(coded=True)[0]
    except ValueError as error:
        raise InputError(path, f"its qform is not a rotation ({error})", "write the affine again") from error
    if sform is not None and qform is not None:
        gap = np.abs(sform - qform)[:3, :3].max()
        if gap > _FORM_TOLERANCE * np.abs(sform[:3, :3]).max():
            problem = "its sform and qform rotate or scale the voxels differently"
            hint = "write the correct affine into both, or set the code of the wrong one to 0"
            raise InputError(path, problem, hint, "forms-disagree")
    elif sform is not None:
        # Programs based on ITK scale by pixdim, nibabel by the sform. Grid refuses a singular sform.
        sizes = np.linalg.norm(sform[:3, :3], axis=0)
        spacing = np.asarray(image.header["pixdim"][1:4], dtype=np.float64)
        if (sizes > 0).all() and (np.abs(sizes - spacing) > _FORM_TOLERANCE * sizes).any():
            shown = [" x ".join(f"{value:.4g}" for value in values) + " mm" for values in (sizes, spacing)]
            problem = f"its sform has voxels of {shown[0]} and its pixdim {shown[1]}"
            raise InputError(path, problem, "write the correct spacing into both", "spacing-disagrees")


def orientation_known(image: Any) -> bool:
    """Return whether the header of a nibabel image states the orientation of its axes.

    NIfTI images state it by the code of sform or qform, Analyze images by a ``.mat`` file beside them, MGH images by
    a flag. Otherwise ``image.affine`` is nibabel's default.
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
