"""Plain layout: a folder per patient."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from gliofit.core.io import read_like, read_volume, write_volume
from gliofit.core.progress import OnProgress
from gliofit.export.colours import write_colours
from gliofit.export.items import Item, image_items
from gliofit.export.mri import other_images
from gliofit.export.parameters import parameter_table
from gliofit.export.results import CaseResults

_NAMES = {"brain": "brain_mask", "clinical": "ctv-clinical", "personalised": "ctv-personalised"}


def plain_name(item: Item) -> str:
    """Return the file name of an image."""
    return "-".join(filter(None, (_NAMES.get(item.kind, item.kind), item.margin, item.method))) + ".nii.gz"


def write_plain(results: Sequence[CaseResults], folder: Path, images: bool, progress: OnProgress) -> None:
    """Write every patient's images, parameters and transforms to an empty folder, and the tables for viewers.

    T1 is always written, other MRI of the patient if ``images``.

    Raises
    ------
    InputError
        See ``other_images``; or if a result is damaged.
    """
    for number, result in enumerate(results):
        progress("patients exported", number, len(results))
        out = folder / result.case
        for item in image_items(result):
            write_volume(out / plain_name(item), item.read(), item.look)
        if images:
            grid = read_volume(result.registered / "t1.nii.gz").grid
            for role, path in other_images(result).items():
                write_volume(out / f"{role}.nii.gz", read_like(path, grid))
        (out / "parameters.tsv").write_text(parameter_table(result), encoding="utf-8")
        shutil.copytree(result.registered / "transforms", out / "transforms")
    write_colours(folder / "viewers")
    shutil.copyfile(Path(__file__).with_name("readme_plain.txt"), folder / "README.txt")
