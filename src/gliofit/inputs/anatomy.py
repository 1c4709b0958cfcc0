"""Plausibility of the labels of segmentations and tissue maps.

Label values do not carry their meaning: a file with another order of labels, or of another kind, is read without an
error and gives wrong numbers. These checks use volumes, positions in the brain, and which label encloses which. All
commands apply them where they read segmentations and tissue.

Thresholds were set on 14 patients with BraTS segmentations by experts or fused models (4 without enhancing tumour,
whole tumours of 24 to 230 cc); the numbers are given with each threshold.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid, bounding_box
from gliofit.core.labels import LABEL_SCHEMES, TissueLabel, TumourLabel, core_mask, describe_labels, whole_tumour_mask
from gliofit.core.tissue import Tissue

#: Largest accepted tumour volume in cc. The maximum of the 14 patients is 230 cc; at death the enhancing part of a
#: glioblastoma has on average the volume of a ball of 3 cm radius, 113 cc (Swanson et al., Br J Cancer 98:113, 2008).
#: White matter measures 450 to 650 cc, a brain about 1400 cc.
_MOST_TUMOUR_CC = 500.0

#: Largest accepted share of the brain. The maximum of the 14 patients is 0.16; white matter takes 0.3 to 0.45.
_MOST_TUMOUR_SHARE = 0.4

#: Largest accepted spread of a tumour, for tumours above the given share of the brain, because small metastases may be
#: anywhere. The spread is the standard deviation of voxel positions relative to that of the brain, minimum over the
#: axes: at most 0.51 for the 14 patients, 0.85 to 1.2 for maps of white matter, grey matter or CSF.
_WIDEST_TUMOUR, _WIDE_TUMOUR_SHARE = 0.75, 0.1

#: Brains below this volume in cc cause a warning, and shares of them are not checked: the largest tumour of the 14
#: patients has 230 cc, a newborn's brain about 350 cc.
_SMALLEST_BRAIN_CC = 250.0

#: A segmentation with a larger share of its tumour outside the brain belongs to other images.
_MOST_OUTSIDE = 0.5

#: Below this volume of enhancing tumour in cc the core is unreliable; methods then add the necrotic label.
_LITTLE_ENHANCING_CC = 1.5

#: Share of a surface on the edge of the volume above which brain or tumour is cut; below 0.01 for complete brains.
_CUT_SHARE = 0.03

#: The surface of a label with fewer voxels, or a smaller share of the tumour, is not checked.
_FEWEST_VOXELS, _SMALLEST_SHARE = 10, 0.005

#: Oedema is outermost: 0.52 to 0.93 of its surface borders healthy tissue, at least 0.15 more than of any other label
#: of the 14 patients. With necrosis and oedema exchanged it is at least 0.15 less in the 13 patients that have more
#: than a few voxels of both. A threshold outside 0 to 0.15 would be wrong for some patients.
_OEDEMA_ENCLOSED_BY = 0.1

#: Share of the enhancing surface that borders necrosis above which necrosis encloses it. At most 0.89 for the 14
#: patients (1 cc of rim beside 111 cc of necrotic and non-enhancing core), at least 0.98 with both labels exchanged in
#: the 4 with a closed ring.
_ENHANCING_ENCLOSED = 0.95

#: Share of a label's surface that borders a cavity above which the cavity encloses it. Residual tumour in the wall of
#: a cavity borders it on one side; necrosis borders enhancing tumour by 0.98 to 1 in the 4 closed rings.
_ENCLOSED_BY_CAVITY = 0.8

#: Least volume (cc), share of the tumour, and distance (mm) from other parts of a focus. The second largest part of the
#: 14 patients has 0.4 cc and a share of 0.014. Guidelines use margins of 15 to 20 mm, so a plan treats parts less than
#: 10 mm apart as one tumour.
_FOCUS_CC, _FOCUS_SHARE, _FOCUS_GAP_MM = 1.0, 0.05, 10.0

#: Tissue labels with a smaller share of the brain are ignored when orders are compared.
_SMALLEST_TISSUE_SHARE = 0.01

#: Largest share of white matter's surface on the outside of the brain: 0.001 and 0.003 in two label maps of the MNI152
#: brain, compared with 0.06 and 0.13 for grey matter and 0.25 and 0.32 for CSF.
_WHITE_MATTER_EXPOSED = 0.15

_TISSUE_NAMES = {
    TissueLabel.CSF: "CSF",
    TissueLabel.GREY_MATTER: "grey matter",
    TissueLabel.WHITE_MATTER: "white matter",
}


def check_labels(
    labels: NDArray[np.uint8],
    grid: Grid,
    scheme: str,
    subject: str | Path,
    warnings: list[InputWarning],
    brain: NDArray[np.bool_] | None = None,
) -> None:
    """Refuse labels that cannot be a tumour, and warn if labels enclose each other in an implausible way.

    Parameters
    ----------
    labels
        Values of ``TumourLabel``, of shape ``grid.shape``.
    warnings
        Warnings about ``subject``, the file, are appended to this list.
    brain
        Brain mask of the same shape. Without it, position and share of the brain are not checked.

    Raises
    ------
    InputError
        If the tumour is as large or as spread out as tissue (``tissue-as-tumour``), or lies outside the brain
        (``tumour-outside-brain``).
    """
    subject, tumour = str(subject), whole_tumour_mask(labels)
    _refuse_tissue(tumour, grid, subject, brain)
    outside = 0.0 if brain is None or not tumour.any() else float(1 - brain[tumour].mean())
    problem = f"{outside:{'.0%' if outside > 0.05 else '.1%'}} of the tumour lies outside the brain"
    if outside > _MOST_OUTSIDE:
        hint = "give the segmentation of this case, on the grid of its images"
        raise InputError(subject, problem, hint, "tumour-outside-brain")
    warnings += [InputWarning(subject, *finding) for finding in _enclosure(labels, scheme)]
    if outside > 0.001:
        hint = "check that the grids agree" if outside > 0.05 else "ignore it if only the edge does"
        warnings.append(InputWarning(subject, problem, hint, "tumour-outside"))


def check_segmentation(
    labels: NDArray[np.uint8],
    grid: Grid,
    scheme: str,
    subject: str | Path,
    warnings: list[InputWarning],
    brain: NDArray[np.bool_] | None = None,
) -> None:
    """Check a segmentation that is the input of a fit or of a target.

    In addition to ``check_labels``, warn about missing parts, a resection cavity, several foci, and a tumour cut by the
    field of view. Parameters and errors are those of ``check_labels``.
    """
    check_labels(labels, grid, scheme, subject, warnings, brain)
    findings = [*_parts(labels, grid, scheme), *_foci(labels, grid)]
    cut = edge_share(whole_tumour_mask(labels))
    if cut > _CUT_SHARE:
        problem = f"the edge of the volume cuts the tumour ({cut:.0%} of its surface)"
        findings.append((problem, "interpret its numbers with care: the part outside is unknown", "tumour-cut"))
    warnings += [InputWarning(str(subject), *finding) for finding in findings]


def check_tissue(tissue: Tissue, subject: str | Path, warnings: list[InputWarning]) -> None:
    """Append warnings about a tissue map with another order of labels, or without a complete brain.

    White matter is deepest in the brain, borders grey matter more than CSF, and hardly reaches the brain's surface. If
    the labels contradict that, the message names the order that fits.
    """
    subject, labels = str(subject), tissue.labels
    if not labels.any():
        return
    brain_cc = np.count_nonzero(labels) * tissue.grid.voxel_volume_mm3 / 1000
    if brain_cc < _SMALLEST_BRAIN_CC:
        problem = f"grey matter, white matter and CSF measure {brain_cc:.0f} cc in all"
        hint = "check the voxel size, and that this is the tissue of a whole brain and not a segmentation"
        warnings.append(InputWarning(subject, problem, hint, "tissue-small"))
    warnings += brain_warnings(labels > 0, subject)
    order = _tissue_order(labels[bounding_box(labels > 0)], tissue.grid.spacing_mm)
    if order is None:
        return
    read, fitting = (", ".join(f"{value} {_TISSUE_NAMES[label]}" for value, label in pairs) for pairs in order)
    problem = f"read as {read}, white matter does not lie inside grey matter" + (f"; {fitting} fits" if fitting else "")
    hint = "give 1 CSF, 2 grey matter, 3 white matter (or exchange --wm and --gm)"
    warnings.append(InputWarning(subject, problem, hint, "tissue-order"))


def brain_warnings(brain: NDArray[np.bool_], subject: str | Path) -> list[InputWarning]:
    """Return a warning if the edge of the volume cuts a brain mask."""
    cut = edge_share(brain)
    problem = f"the edge of the volume cuts the brain ({cut:.0%} of its surface)"
    hint = "interpret numbers near the edge with care, because the missing part is unknown"
    return [InputWarning(str(subject), problem, hint, "brain-cut")] if cut > _CUT_SHARE else []


def edge_share(mask: NDArray[np.bool_]) -> float:
    """Return the share of a mask's surface, in voxel faces, on the edge of its volume; 0 for an empty mask."""
    inner = sum(int(np.count_nonzero(np.diff(mask, axis=axis))) for axis in range(3))
    outer = sum(int(np.count_nonzero(mask.take(end, axis=axis))) for axis in range(3) for end in (0, -1))
    return outer / max(inner + outer, 1)


def sensible_schemes(values: NDArray[np.integer]) -> list[str]:
    """Return the label schemes that define every value of a segmentation and give plausible enclosures."""
    surfaces = _Surfaces(values)
    known = {name: meanings for name, meanings in LABEL_SCHEMES.items() if surfaces.counts.keys() <= meanings.keys()}
    return [name for name, meanings in known.items() if surfaces.problem(meanings) is None]


def scheme_hint(values: NDArray[np.integer]) -> str:
    """Return the hint for values that a scheme does not define: plausible schemes, with meanings that differ.

    Names are not enough, because the value 4 is enhancing tumour in one scheme and a resection cavity in another.
    """
    present = {int(value) for value in np.unique(values)} - {0}
    readings = {name: {value: LABEL_SCHEMES[name][value] for value in present} for name in sensible_schemes(values)}
    disputed = {value for value in present if len({meanings[value] for meanings in readings.values()}) > 1}
    parts = [
        f"{name}: {describe_labels({value: meanings[value] for value in disputed or present})}"
        for name, meanings in readings.items()
    ]
    return f"name the scheme of the segmentation ({'; '.join(parts) or 'none known to gliofit fits'})"


def focus_volumes_mm3(mask: NDArray[np.bool_], grid: Grid) -> list[float]:
    """Return the volumes of the separate foci of a tumour in mm^3, largest first.

    Parts less than 10 mm apart are one focus; parts below 1 cc or 5 % of the mask are ignored.
    """
    from scipy.ndimage import distance_transform_edt, label

    if not mask.any():
        return []
    least = max(_FOCUS_SHARE * np.count_nonzero(mask), 1000 * _FOCUS_CC / grid.voxel_volume_mm3)
    part, connected = mask[bounding_box(mask)], np.ones((3, 3, 3), bool)
    parts, _ = label(part, connected)
    if np.count_nonzero(np.bincount(parts.ravel())[1:] >= least) > 1:
        reach = [int(np.ceil(_FOCUS_GAP_MM / 2 / step)) + 1 for step in grid.spacing_mm]
        part = np.pad(part, [(n, n) for n in reach])
        near = distance_transform_edt(~part, sampling=grid.spacing_mm) < _FOCUS_GAP_MM / 2
        parts = np.where(part, label(near, connected)[0], 0)
    counts = np.bincount(parts.ravel())[1:]
    return [float(count * grid.voxel_volume_mm3) for count in sorted(counts, reverse=True) if count >= least]


class _Surfaces:
    """Numbers of voxel faces that pairs of labels share; the value 0 is background."""

    def __init__(self, values: NDArray[np.integer]) -> None:
        inside = values != 0
        if values.ndim == 3 and inside.any():
            # With a margin of one voxel, which the surface needs.
            box = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in bounding_box(inside))
            values = values[box]
        present, flat = np.unique(values, return_inverse=True)
        if 0 not in present:
            present, flat = np.append(0, present), flat + 1
        index, size = flat.reshape(values.shape), len(present)
        faces = np.zeros((size, size), np.int64)
        for axis in range(values.ndim):
            lower, upper = (np.delete(index, end, axis=axis) for end in (-1, 0))
            faces += np.bincount((lower * size + upper).ravel(), minlength=size * size).reshape(size, size)
        self._faces = faces + faces.T
        np.fill_diagonal(self._faces, 0)
        voxels = np.bincount(index.ravel(), minlength=size)
        self._rows = {int(value): row for row, value in enumerate(present)}
        #: Numbers of voxels by value, without background.
        self.counts = {value: int(voxels[row]) for value, row in self._rows.items() if value != 0}

    def contact(self, value: int, other: int = 0) -> float:
        """Return the share of a label's surface that borders another label, or the background."""
        return float(self.faces(value, other) / max(self._faces[self._rows[value]].sum(), 1))

    def faces(self, value: int, other: int) -> int:
        """Return the number of faces that two labels share."""
        return int(self._faces[self._rows[value], self._rows[other]])

    def problem(self, meanings: Mapping[int, TumourLabel]) -> str | None:
        """Describe the first implausible enclosure if the values have these meanings; None if there is none."""
        least = max(_FEWEST_VOXELS, _SMALLEST_SHARE * sum(self.counts.values()))
        checked = {meanings[value]: value for value, count in self.counts.items() if count >= least}
        oedema, cavity = checked.get(TumourLabel.OEDEMA), checked.get(TumourLabel.CAVITY)
        solid = {label: value for label, value in checked.items() if value not in (oedema, cavity)}
        if oedema is not None:
            for label, value in solid.items():
                exposed, of_oedema = self.contact(value), self.contact(oedema)
                if exposed - of_oedema > _OEDEMA_ENCLOSED_BY:
                    labels = f"the {_name(label)} label ({value}) lies outside the oedema label ({oedema})"
                    return f"{labels}: {exposed:.0%} and {of_oedema:.0%} of their surfaces border healthy tissue"
        enhancing, necrotic = solid.get(TumourLabel.ENHANCING), solid.get(TumourLabel.NECROTIC)
        if enhancing is not None and necrotic is not None:
            share = self.contact(enhancing, necrotic)
            if share >= _ENHANCING_ENCLOSED:
                labels = f"the necrotic label ({necrotic}) encloses the enhancing label ({enhancing})"
                return f"{labels}: {share:.0%} of its surface"
        if cavity is not None:
            for label, value in checked.items():
                share = self.contact(value, cavity)
                if value != cavity and share >= _ENCLOSED_BY_CAVITY:
                    labels = f"the resection cavity ({cavity}) encloses the {_name(label)} label ({value})"
                    return f"{labels}: {share:.0%} of its surface"
        return None


#: Problem, hint and code of a warning.
_Finding = tuple[str, str, str]


def _name(label: TumourLabel) -> str:
    return describe_labels({0: label}).removeprefix("0 ")


def _refuse_tissue(tumour: NDArray[np.bool_], grid: Grid, subject: str, brain: NDArray[np.bool_] | None) -> None:
    tumour_cc = np.count_nonzero(tumour) * grid.voxel_volume_mm3 / 1000
    problem = f"the tumour measures {tumour_cc:.0f} cc" if tumour_cc > _MOST_TUMOUR_CC else ""
    if brain is not None and not problem:
        brain_cc = np.count_nonzero(brain) * grid.voxel_volume_mm3 / 1000
        share = tumour_cc / brain_cc if brain_cc >= _SMALLEST_BRAIN_CC else 0.0
        if share > _MOST_TUMOUR_SHARE:
            problem = f"the tumour takes {share:.0%} of the brain ({tumour_cc:.0f} of {brain_cc:.0f} cc)"
        elif share > _WIDE_TUMOUR_SHARE:
            spread, of_brain = (np.argwhere(mask).std(axis=0) for mask in (tumour, brain))
            if (spread / np.maximum(of_brain, 1e-9)).min() > _WIDEST_TUMOUR:
                problem = f"the tumour ({tumour_cc:.0f} cc) is spread over the whole brain"
    if problem:
        hint = "give a tumour segmentation; this is the size of a tissue map or brain mask"
        raise InputError(subject, problem, hint, "tissue-as-tumour")


def _enclosure(labels: NDArray[np.uint8], scheme: str) -> Iterator[_Finding]:
    """Yield a finding if labels enclose each other in an implausible way."""
    values = np.zeros(len(TumourLabel), np.int64)
    for value, label in LABEL_SCHEMES[scheme].items():
        values[label] = value
    surfaces = _Surfaces(values[labels])
    problem = surfaces.problem(LABEL_SCHEMES[scheme])
    if problem is None:
        return
    readings: dict[str, list[str]] = {}
    for name in sensible_schemes(values[labels]):
        text = describe_labels({value: LABEL_SCHEMES[name][value] for value in surfaces.counts})
        readings.setdefault(text, []).append(name)
    fits = "; ".join(f"{' or '.join(names)} ({text})" for text, names in readings.items())
    advice = f"{fits} would fit" if fits else "if no scheme has this order, change the values of the segmentation"
    yield problem, f"check the label scheme ({scheme}); {advice}", "labels-enclosure"


def _parts(labels: NDArray[np.uint8], grid: Grid, scheme: str) -> Iterator[_Finding]:
    """Yield findings about missing or small parts that a fit or plan needs, and about a cavity."""
    volumes_cc = np.bincount(labels.ravel(), minlength=len(TumourLabel)) * grid.voxel_volume_mm3 / 1000
    enhancing_cc, cavity_cc = float(volumes_cc[TumourLabel.ENHANCING]), float(volumes_cc[TumourLabel.CAVITY])
    if not core_mask(labels).any():
        hint = f"check the label scheme ({scheme}); methods are fitted to the whole tumour only"
        yield "has oedema but no core", hint, "no-core"
    elif np.count_nonzero(volumes_cc[1:]) == 1:
        ((value, label),) = (pair for pair in LABEL_SCHEMES[scheme].items() if volumes_cc[pair[1]] > 0)
        hint = "if it is a mask of the whole tumour, give a segmentation of its parts"
        yield f"has only the {_name(label)} label ({value})", hint, "single-label"
    elif enhancing_cc == 0:
        hint = "ignore this for a low-grade tumour, where the core is the necrotic or non-enhancing label; "
        yield "has no enhancing tumour", f"{hint}otherwise check the label scheme ({scheme})", "no-enhancing"
    elif enhancing_cc < _LITTLE_ENHANCING_CC:
        problem = f"has only {enhancing_cc:.1f} cc of enhancing tumour"
        yield problem, "interpret the numbers of the core with care", "little-enhancing"
    if cavity_cc > 0:
        hint = (
            "use images from before surgery: fits and targets exclude the cavity, and a growth model treats it as "
            "tissue without tumour"
        )
        value = next(value for value, label in LABEL_SCHEMES[scheme].items() if label == TumourLabel.CAVITY)
        others = [name for name, other in LABEL_SCHEMES.items() if other.get(value) == TumourLabel.ENHANCING]
        if enhancing_cc == 0 and others:
            hint = f"check the label scheme ({scheme}): {value} is enhancing tumour in {' and '.join(others)}; {hint}"
        yield f"has {cavity_cc:.1f} cc of resection cavity", hint, "resection-cavity"


def _foci(labels: NDArray[np.uint8], grid: Grid) -> Iterator[_Finding]:
    """Yield a finding if the tumour, or else its core, has several foci."""
    for what, mask in (("tumour", whole_tumour_mask(labels)), ("tumour core", core_mask(labels))):
        volumes = focus_volumes_mm3(mask, grid)
        if len(volumes) > 1:
            shown = ", ".join(f"{volume / 1000:.1f}" for volume in volumes)
            hint = (
                "segment and fit each focus separately: a growth model has one origin, and a personalised target "
                "without the gross tumour can miss the smaller foci"
            )
            yield f"the {what} has {len(volumes)} separate foci ({shown} cc)", hint, "several-foci"
            return


def _tissue_order(
    labels: NDArray[np.uint8], spacing_mm: Sequence[float]
) -> tuple[list[tuple[int, TissueLabel]], list[tuple[int, TissueLabel]]] | None:
    """Return the order of the tissue labels as read and the one that fits (empty if none); None if both agree."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt

    # Depths are centimetres, so voxels of 3 mm suffice.
    steps = [max(1, round(3 / size)) for size in spacing_mm]
    sampled = np.pad(labels[tuple(slice(None, None, step) for step in steps)], 1)
    brain = binary_fill_holes(sampled > 0)
    least = _SMALLEST_TISSUE_SHARE * np.count_nonzero(sampled)
    values = [int(value) for value in _TISSUE_NAMES if np.count_nonzero(sampled == value) >= least]
    if len(values) < 2:
        return None
    sampling = [size * step for size, step in zip(spacing_mm, steps, strict=True)]
    depth = distance_transform_edt(brain, sampling=sampling)
    depths = {value: float(depth[sampled == value].mean()) for value in values}
    # Holes in the map are not outside the brain.
    surfaces = _Surfaces(np.where(brain & (sampled == 0), -1, sampled).astype(np.int64))

    def fits(order: Mapping[TissueLabel, int]) -> bool:
        white, grey = order[TissueLabel.WHITE_MATTER], order[TissueLabel.GREY_MATTER]
        fluid = order.get(TissueLabel.CSF)
        return (
            depths[white] > depths[grey]
            and surfaces.contact(white) <= _WHITE_MATTER_EXPOSED
            and (
                fluid is None
                or (
                    surfaces.faces(white, grey) >= surfaces.faces(white, fluid)
                    # Where CSF is only the ventricles, it is deeper than white matter, but smaller.
                    and (depths[white] > depths[fluid] or surfaces.counts[fluid] < surfaces.counts[white])
                )
            )
        )

    as_read = {TissueLabel(value): value for value in values}
    if {TissueLabel.GREY_MATTER, TissueLabel.WHITE_MATTER} <= as_read.keys() and fits(as_read):
        return None
    meanings = [TissueLabel.GREY_MATTER, TissueLabel.WHITE_MATTER, TissueLabel.CSF][: len(values)]
    orders = [dict(zip(meanings, order, strict=True)) for order in itertools.permutations(values)]
    fitting = [order for order in orders if fits(order)]
    best = max(fitting, key=lambda order: depths[order[TissueLabel.WHITE_MATTER]], default={})
    pairs = [sorted((value, label) for label, value in order.items()) for order in (as_read, best)]
    return pairs[0], pairs[1]
