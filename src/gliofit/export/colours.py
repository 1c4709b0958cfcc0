"""Names and colours of labels, and their tables for viewers and BIDS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from gliofit.core.io import atomic_path
from gliofit.core.labels import TissueLabel, TumourLabel


class TargetLabel(IntEnum):
    """Values of maps with a clinical and a personalised target."""

    BOTH = 1
    CLINICAL = 2
    PERSONALISED = 3


@dataclass(frozen=True)
class LabelColour:
    """Label: value, name, short name, and red, green, blue from 0 to 255.

    ``mapping`` is the nearest standard label of BIDS (imaging derivatives), if there is one.
    """

    value: int
    name: str
    abbreviation: str
    rgb: tuple[int, int, int]
    mapping: int | None = None

    @property
    def colour(self) -> str:
        """``#rrggbb``."""
        return "#{:02x}{:02x}{:02x}".format(*self.rgb)


#: Standard labels of BIDS.
_GREY, _WHITE, _CSF, _LESION = 1, 2, 3, 7

#: Labels by kind of map; background is 0.
LABELS: dict[str, tuple[LabelColour, ...]] = {
    "tissue": (
        LabelColour(TissueLabel.CSF, "cerebrospinal fluid", "CSF", (86, 180, 233), _CSF),
        LabelColour(TissueLabel.GREY_MATTER, "grey matter", "GM", (140, 140, 140), _GREY),
        LabelColour(TissueLabel.WHITE_MATTER, "white matter", "WM", (235, 235, 235), _WHITE),
    ),
    "tumour": (
        LabelColour(TumourLabel.NECROTIC, "necrotic tumour", "NCR", (213, 94, 0), _LESION),
        LabelColour(TumourLabel.OEDEMA, "oedema", "ED", (0, 158, 115), _LESION),
        LabelColour(TumourLabel.ENHANCING, "enhancing tumour", "ET", (240, 228, 66), _LESION),
        LabelColour(TumourLabel.NON_ENHANCING, "non-enhancing tumour", "NET", (204, 121, 167), _LESION),
        LabelColour(TumourLabel.CAVITY, "resection cavity", "RC", (120, 80, 60), _LESION),
    ),
    "targets": (
        LabelColour(TargetLabel.BOTH, "both targets", "BOTH", (240, 228, 66)),
        LabelColour(TargetLabel.CLINICAL, "clinical target only", "CLIN", (86, 180, 233)),
        LabelColour(TargetLabel.PERSONALISED, "personalised target only", "PERS", (213, 94, 0)),
    ),
}


def itksnap_table(labels: Sequence[LabelColour]) -> str:
    """Return the label description of ITK-SNAP (version 2 and later): index, colour, opacity, two flags, name.

    The flags show a label in slices and as a surface. ITK-SNAP requires a line for label 0.
    """
    head = ["# ITK-SnAP Label Description File", "# File format:", "# IDX   -R-  -G-  -B-  -A--  VIS MSH  LABEL"]
    lines = [48 * "#", *head, 48 * "#", '    0     0    0    0     0    0   0    "Clear Label"']
    for label in labels:
        red, green, blue = label.rgb
        lines.append(f'{label.value:5d} {red:5d} {green:4d} {blue:4d}     1    1   1    "{label.name}"')
    return "\n".join(lines) + "\n"


def slicer_table(labels: Sequence[LabelColour], name: str) -> str:
    """Return the colour table of 3D Slicer (version 4 and later): index, name, red, green, blue, opacity."""
    lines = [f"# Color table file {name}", f"# {len(labels) + 1} values", "0 background 0 0 0 0"]
    lines += [f"{label.value} {label.name.replace(' ', '_')} {' '.join(map(str, label.rgb))} 255" for label in labels]
    return "\n".join(lines) + "\n"


def fsleyes_table(labels: Sequence[LabelColour]) -> str:
    """Return the lookup table of FSLeyes: index, red, green, blue from 0 to 1, name."""
    parts = {label: " ".join(f"{part / 255:.6f}" for part in label.rgb) for label in labels}
    return "".join(f"{label.value} {shades} {label.name.capitalize()}\n" for label, shades in parts.items())


def bids_table(labels: Sequence[LabelColour]) -> str:
    """Return the lookup table of a segmentation in BIDS: ``index name abbreviation mapping color``."""
    lines = ["index\tname\tabbreviation\tmapping\tcolor", "0\tbackground\tBG\t0\t#000000"]
    for label in labels:
        mapping = "n/a" if label.mapping is None else label.mapping
        lines.append(f"{label.value}\t{label.name}\t{label.abbreviation}\t{mapping}\t{label.colour}")
    return "\n".join(lines) + "\n"


def write_colours(folder: Path) -> None:
    """Write ``{tissue,tumour,targets}.{txt,ctbl}`` for ITK-SNAP and 3D Slicer, ``luts/....lut`` for FSLeyes.

    FSLeyes reads tables in the folder ``luts`` of ``FSLEYES_SITE_CONFIG_DIR``.
    """
    for kind, labels in LABELS.items():
        tables = {
            f"{kind}.txt": itksnap_table(labels),
            f"{kind}.ctbl": slicer_table(labels, kind),
            f"luts/{kind}.lut": fsleyes_table(labels),
        }
        for name, text in tables.items():
            with atomic_path(folder / name) as temporary:
                temporary.write_text(text, encoding="utf-8")
