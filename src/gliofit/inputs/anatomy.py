"""Whether a segmentation or a tissue map shows the anatomy that its labels claim.

Label values do not carry their meaning. A file in another order of labels, or of another kind altogether, is read
without an error and gives wrong numbers. These functions look at volumes, at positions in the brain and at which label
encloses which. All commands call them where they read segmentations and tissue, so all say the same of one file.

Thresholds were set on fourteen patients with BraTS segmentations by experts or fused models (four without enhancing
tumour, whole tumours of 24 to 230 cc); the numbers stand beside each threshold.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gliofit.core.errors import InputError, InputWarning
from gliofit.core.grid import Grid, bounding_box
from gliofit.core.labels import (
    LABEL_SCHEMES,
    TissueLabel,
    TumourLabel,
    core_mask,
    describe_labels,
    whole_tumour_mask,
)
from gliofit.core.tissue import Tissue

__all__ = [
    "brain_warnings",
    "check_labels",
    "check_segmentation",
    "check_tissue",
    "edge_share",
    "focus_volumes_mm3",
    "scheme_hint",
    "sensible_schemes",
]

#: Tumours above this volume (cc) are refused. The largest of the fourteen patients has 230 cc, and at death the
#: enhancing part of a glioblastoma averages that of a ball of 3 cm radius, 113 cc (Swanson et al., Br J Cancer 98:113,
#: 2008). White matter alone measures 450 to 650 cc, a brain about 1400 cc.
_MOST_TUMOUR_CC = 500.0

#: Tumours above this share of the brain are refused; the largest of the fourteen takes 0.16, white matter 0.3 to 0.45.
_MOST_TUMOUR_SHARE = 0.4

#: A label that is spread over the brain as the brain itself is not a tumour: standard deviation of its voxels'
#: positions over that of the brain's, smallest of the three axes. At most 0.51 for the fourteen; 0.85 to 1.2 for maps
#: of white matter, grey matter or CSF. Small metastases can lie everywhere, so the label must be large as well.
_WIDEST_TUMOUR, _WIDE_TUMOUR_SHARE = 0.75, 0.1

#: Brains below this volume (cc) are not judged by shares, and a warning says that they are small: the largest tumour of
#: the fourteen has 230 cc, a newborn's brain about 350 cc.
_SMALLEST_BRAIN_CC = 250.0

#: A segmentation with more of its tumour outside the brain than this belongs to other images.
_MOST_OUTSIDE = 0.5

#: Below this volume (cc) of enhancing tumour the core says little; methods then use the necrotic label as well.
_LITTLE_ENHANCING_CC = 1.5

#: Share of a surface on the edge of the volume from which brain or tumour counts as cut. Uncut brains have less than
#: 0.01 there.
CUT_SHARE = 0.03

#: Labels with fewer voxels, or less of the tumour, than this have no surface to judge.
_FEWEST_VOXELS, _SMALLEST_SHARE = 10, 0.005

#: Oedema lies outside: of its surface 0.52 to 0.93 borders healthy tissue, and that is at least 0.15 more than of any
#: other label in all fourteen. With necrosis and oedema exchanged it is at least 0.15 less in the thirteen that have
#: more than specks of both. Between 0 and 0.15 the message would be wrong about some patients.
_OEDEMA_ENCLOSED_BY = 0.1

#: Share of the enhancing surface that borders necrosis from which necrosis encloses it. At most 0.89 in the fourteen
#: (1 cc of rim beside 111 cc of necrotic and non-enhancing core), at least 0.98 with both labels exchanged in the four
#: textbook rings.
_ENHANCING_ENCLOSED = 0.95

#: Share of a label's surface that borders a cavity from which the cavity encloses it. Residual tumour in the wall of a
#: cavity has it on one side; necrosis borders enhancing tumour by 0.98 to 1 in the four rings.
_ENCLOSED_BY_CAVITY = 0.8

#: Foci: parts of a tumour with at least this volume (cc), this share of it, and this distance (mm) from every other.
#: The second largest part of the fourteen has 0.4 cc and a share of 0.014. Guidelines draw margins of 15 to 20 mm, so
#: parts closer than 10 mm are one tumour to any plan.
_FOCUS_CC, _FOCUS_SHARE, _FOCUS_GAP_MM = 1.0, 0.05, 10.0

#: Tissue labels with less of the brain than this are left out of the comparison of orders.
_SMALLEST_TISSUE_SHARE = 0.01

#: Share of its surface up to which white matter borders the outside of the brain: 0.001 and 0.003 in two label maps of
#: the MNI152 brain, where grey matter has 0.06 and 0.13 and CSF 0.25 and 0.32.
_WHITE_MATTER_EXPOSED = 0.15

_TISSUE_WORDS = {
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
    """Refuse labels that cannot be of a tumour, and warn of labels that enclose what they cannot.

    Parameters
    ----------
    labels
        Values of ``TumourLabel``, of shape ``grid.shape``.
    grid
        Grid of the segmentation.
    scheme
        Label scheme that the values were translated by, a key of ``LABEL_SCHEMES``.
    subject
        File of the segmentation.
    warnings
        Warnings are appended to this list.
    brain
        Brain mask of the same shape. Without it position and share are not looked at.

    Raises
    ------
    InputError
        If the tumour is as large, or spread, as tissue is (``tissue-as-tumour``), or lies outside the brain
        (``tumour-outside-brain``).
    """
    subject = str(subject)
    tumour = whole_tumour_mask(labels)
    _refuse_tissue(tumour, grid, subject, brain)
    outside = _outside_share(tumour, subject, brain)
    warn = partial(_warn, warnings, subject)
    _check_enclosure(labels, scheme, warn)
    if outside > 0.05:
        warn(f"{outside:.0%} of the tumour lies outside the brain", "check that the grids agree", "tumour-outside")
    elif outside > 0.001:
        warn(f"{outside:.1%} of the tumour lies outside the brain", "nothing, if that is its edge", "tumour-outside")


def check_segmentation(
    labels: NDArray[np.uint8],
    grid: Grid,
    scheme: str,
    subject: str | Path,
    warnings: list[InputWarning],
    brain: NDArray[np.bool_] | None = None,
) -> None:
    """Check a segmentation that a tumour is fitted to, or a target is drawn around.

    Beside what ``check_labels`` looks at, that is missing parts, a resection cavity, several foci, and a tumour that
    the field of view cuts. Parameters and errors are those of ``check_labels``.
    """
    check_labels(labels, grid, scheme, subject, warnings, brain)
    tumour = whole_tumour_mask(labels)
    warn = partial(_warn, warnings, str(subject))
    _check_parts(labels, grid, scheme, warn)
    _check_foci(labels, tumour, grid, warn)
    cut = edge_share(tumour)
    if cut > CUT_SHARE:
        warn(
            f"the edge of the volume cuts the tumour ({cut:.0%} of its surface)",
            "read its numbers with care: what lies beyond is unknown",
            "tumour-cut",
        )


def check_tissue(tissue: Tissue, subject: str | Path, warnings: list[InputWarning]) -> None:
    """Warn of a tissue map whose labels are in another order, or that does not show a whole brain.

    White matter lies deepest in the brain, borders grey matter more than CSF, and hardly reaches the brain's surface.
    Where the labels as read contradict that, the message names the order that fits.

    Parameters
    ----------
    tissue
        Tissue as read.
    subject
        File of the tissue map.
    warnings
        Warnings are appended to this list.
    """
    subject = str(subject)
    labels = tissue.labels
    if not labels.any():
        return
    box = bounding_box(labels > 0)
    brain_cc = np.count_nonzero(labels) * tissue.grid.voxel_volume_mm3 / 1000
    if brain_cc < _SMALLEST_BRAIN_CC:
        problem = f"grey matter, white matter and CSF measure {brain_cc:.0f} cc in all"
        hint = "check the voxel size, and that this is the tissue of a whole brain and not a segmentation"
        warnings.append(InputWarning(subject, problem, hint, "tissue-small"))
    cut = edge_share(labels > 0)
    if cut > CUT_SHARE:
        warnings.append(_brain_cut(subject, cut))
    order = _tissue_order(labels[box], tissue.grid.spacing_mm)
    if order is None:
        return
    read, found = (", ".join(f"{value} {_TISSUE_WORDS[label]}" for value, label in pairs) for pairs in order)
    warnings.append(
        InputWarning(
            subject,
            f"read as {read}, white matter does not lie inside grey matter" + (f"; {found} fits" if found else ""),
            "give 1 CSF, 2 grey matter, 3 white matter (or exchange --wm and --gm)",
            "tissue-order",
        )
    )  # fmt: skip


def brain_warnings(brain: NDArray[np.bool_], subject: str | Path) -> list[InputWarning]:
    """Warning about a brain mask that the edge of the volume cuts, if it does."""
    cut = edge_share(brain)
    return [_brain_cut(str(subject), cut)] if cut > CUT_SHARE else []


def edge_share(mask: NDArray[np.bool_]) -> float:
    """Share of a mask's surface that lies on the edge of its volume, counted in faces of voxels; 0 if it is empty.

    An uncut brain has next to nothing there; one that the field of view cuts has its cut face there.
    """
    inner = outer = 0
    for axis in range(3):
        inner += int(np.count_nonzero(np.diff(mask, axis=axis)))
        outer += sum(int(np.count_nonzero(mask.take(end, axis=axis))) for end in (0, -1))
    return outer / (inner + outer) if inner + outer else 0.0


def sensible_schemes(values: NDArray[np.integer]) -> list[str]:
    """Schemes that have every value of a segmentation and by which no label encloses one that it cannot.

    Parameters
    ----------
    values
        Label values of the source, 0 where there is nothing.

    Returns
    -------
    Names of ``LABEL_SCHEMES``.
    """
    surfaces = _Surfaces(values)
    present = set(surfaces.values)
    return [
        name
        for name, meanings in LABEL_SCHEMES.items()
        if present <= set(meanings) and surfaces.problem(meanings) is None
    ]


def scheme_hint(values: NDArray[np.integer]) -> str:
    """What to do about values that a scheme does not have: schemes that read them sensibly, and how.

    The names alone would mislead: the value 4 is enhancing tumour in one scheme and a resection cavity in another.

    Parameters
    ----------
    values
        Label values of the source, 0 where there is nothing.
    """
    present = {int(value) for value in np.unique(values)} - {0}
    readings = {name: {value: LABEL_SCHEMES[name][value] for value in present} for name in sensible_schemes(values)}
    disputed = {value for value in present if len({meanings[value] for meanings in readings.values()}) > 1}
    parts = [
        f"{name}: {describe_labels({value: meanings[value] for value in disputed or present})}"
        for name, meanings in readings.items()
    ]
    return f"name the scheme the segmentation was made with ({'; '.join(parts) or 'none that gliofit knows fits'})"


def focus_volumes_mm3(mask: NDArray[np.bool_], grid: Grid) -> list[float]:
    """Volumes of the separate foci of a tumour in mm^3, largest first.

    Parts less than 10 mm apart are one focus. Parts below 1 cc or 5 % of the mask are left out.
    """
    from scipy.ndimage import distance_transform_edt, label

    total = np.count_nonzero(mask)
    if total == 0:
        return []
    least = max(_FOCUS_SHARE * total, 1000 * _FOCUS_CC / grid.voxel_volume_mm3)
    part = mask[bounding_box(mask)]
    connected = np.ones((3, 3, 3), bool)
    parts, _ = label(part, connected)
    if np.count_nonzero(np.bincount(parts.ravel())[1:] >= least) > 1:
        reach = [int(np.ceil(_FOCUS_GAP_MM / 2 / step)) + 1 for step in grid.spacing_mm]
        part = np.pad(part, [(n, n) for n in reach])
        near = distance_transform_edt(~part, sampling=grid.spacing_mm) < _FOCUS_GAP_MM / 2
        parts = np.where(part, label(near, connected)[0], 0)
    counts = np.bincount(parts.ravel())[1:]
    return [float(count * grid.voxel_volume_mm3) for count in sorted(counts, reverse=True) if count >= least]


class _Surfaces:
    """How many faces of voxels each pair of labels shares.

    Parameters
    ----------
    values
        Label values, 0 where there is nothing.
    """

    def __init__(self, values: NDArray[np.integer]) -> None:
        inside = values != 0
        if values.ndim == 3 and inside.any():
            # One voxel around the labels, where there is one, belongs to their surface.
            box = tuple(slice(max(0, part.start - 1), part.stop + 1) for part in bounding_box(inside))
            values = values[box]
        present, flat = np.unique(values, return_inverse=True)
        if 0 not in present:
            present, flat = np.append(0, present), flat + 1
        index = flat.reshape(values.shape)
        size = len(present)
        faces = np.zeros((size, size), np.int64)
        for axis in range(values.ndim):
            lower, upper = (np.delete(index, end, axis=axis) for end in (-1, 0))
            pairs = np.bincount((lower * size + upper).ravel(), minlength=size * size)
            faces += pairs.reshape(size, size)
        faces += faces.T
        np.fill_diagonal(faces, 0)
        counts = np.bincount(index.ravel(), minlength=size)
        background = int(np.flatnonzero(present == 0)[0])
        self._index = {int(value): place for place, value in enumerate(present)}
        self._faces, self._background = faces, background
        self.values = [int(value) for value in present if value != 0]
        self.counts = {value: int(counts[self._index[value]]) for value in self.values}

    def exposed(self, value: int) -> float:
        """Share of a label's surface that borders the background."""
        return self.contact(value, 0)

    def contact(self, value: int, other: int) -> float:
        """Share of a label's surface that borders another label."""
        row = self._faces[self._index[value]]
        return float(row[self._index[other]] / max(row.sum(), 1))

    def faces(self, value: int, other: int) -> int:
        """Number of faces that two labels share."""
        return int(self._faces[self._index[value], self._index[other]])

    def problem(self, meanings: Mapping[int, TumourLabel]) -> str | None:
        """What encloses what cannot be enclosed, if the values have these meanings."""
        least = max(_FEWEST_VOXELS, _SMALLEST_SHARE * sum(self.counts.values()))
        judged = {meanings[value]: value for value in self.values if self.counts[value] >= least}
        oedema, cavity = judged.get(TumourLabel.OEDEMA), judged.get(TumourLabel.CAVITY)
        solid = {label: value for label, value in judged.items() if value not in (oedema, cavity)}
        if oedema is not None:
            for label, value in solid.items():
                if self.exposed(value) - self.exposed(oedema) > _OEDEMA_ENCLOSED_BY:
                    return (
                        f"the {_name(label)} label ({value}) lies outside the oedema label ({oedema}): "
                        f"{self.exposed(value):.0%} and {self.exposed(oedema):.0%} of their surfaces border healthy "
                        "tissue"
                    )
        enhancing, necrotic = solid.get(TumourLabel.ENHANCING), solid.get(TumourLabel.NECROTIC)
        if enhancing is not None and necrotic is not None:
            share = self.contact(enhancing, necrotic)
            if share >= _ENHANCING_ENCLOSED:
                return (
                    f"the necrotic label ({necrotic}) encloses the enhancing label ({enhancing}): {share:.0%} of its "
                    "surface"
                )
        if cavity is not None:
            for label, value in judged.items():
                share = self.contact(value, cavity)
                if value != cavity and share >= _ENCLOSED_BY_CAVITY:
                    return (
                        f"the resection cavity ({cavity}) encloses the {_name(label)} label ({value}): {share:.0%} of "
                        "its surface"
                    )
        return None


def _name(label: TumourLabel) -> str:
    return describe_labels({0: label}).removeprefix("0 ")


def _warn(warnings: list[InputWarning], subject: str, problem: str, hint: str, code: str) -> None:
    warnings.append(InputWarning(subject, problem, hint, code))


#: ``_warn`` about one subject: takes problem, hint and code.
_Warn = Callable[[str, str, str], None]


def _refuse_tissue(tumour: NDArray[np.bool_], grid: Grid, subject: str, brain: NDArray[np.bool_] | None) -> None:
    tumour_cc = np.count_nonzero(tumour) * grid.voxel_volume_mm3 / 1000
    problem = f"the tumour measures {tumour_cc:.0f} cc" if tumour_cc > _MOST_TUMOUR_CC else ""
    if brain is not None and not problem:
        brain_cc = np.count_nonzero(brain) * grid.voxel_volume_mm3 / 1000
        share = tumour_cc / brain_cc if brain_cc >= _SMALLEST_BRAIN_CC else 0.0
        if share > _MOST_TUMOUR_SHARE:
            problem = f"the tumour takes {share:.0%} of the brain ({tumour_cc:.0f} of {brain_cc:.0f} cc)"
        elif share > _WIDE_TUMOUR_SHARE and _spread(tumour, brain) > _WIDEST_TUMOUR:
            problem = f"the tumour ({tumour_cc:.0f} cc) is spread over the whole brain"
    if problem:
        raise InputError(
            subject, problem,
            "give a tumour segmentation; tissue maps and brain masks measure as much", "tissue-as-tumour",
        )  # fmt: skip


def _spread(mask: NDArray[np.bool_], brain: NDArray[np.bool_]) -> float:
    """Smallest ratio, over the axes, of the standard deviations of two masks' voxel positions."""

    def deviations(data: NDArray[np.bool_]) -> list[float]:
        out = []
        for axis in range(3):
            weights = data.sum(axis=tuple(other for other in range(3) if other != axis), dtype=float)
            places = np.arange(data.shape[axis])
            mean = np.average(places, weights=weights)
            out.append(float(np.sqrt(np.average((places - mean) ** 2, weights=weights))))
        return out

    return min(own / max(all_, 1e-9) for own, all_ in zip(deviations(mask), deviations(brain), strict=True))


def _outside_share(tumour: NDArray[np.bool_], subject: str, brain: NDArray[np.bool_] | None) -> float:
    if brain is None or not tumour.any():
        return 0.0
    outside = float(1 - brain[tumour].mean())
    if outside > _MOST_OUTSIDE:
        raise InputError(
            subject, f"{outside:.0%} of the tumour lies outside the brain",
            "give the segmentation of this case, on the grid of its images", "tumour-outside-brain",
        )  # fmt: skip
    return outside


def _check_enclosure(labels: NDArray[np.uint8], scheme: str, warn: _Warn) -> None:
    meanings = LABEL_SCHEMES[scheme]
    source = {label: value for value, label in meanings.items()}
    values = np.zeros(len(TumourLabel), np.int64)
    for label, value in source.items():
        values[label] = value
    read = values[labels]
    surfaces = _Surfaces(read)
    problem = surfaces.problem(meanings)
    if problem is None:
        return
    readings: dict[str, list[str]] = {}
    for name in sensible_schemes(read):
        text = describe_labels({value: LABEL_SCHEMES[name][value] for value in surfaces.values})
        readings.setdefault(text, []).append(name)
    fits = "; ".join(f"{' or '.join(names)} ({text})" for text, names in readings.items())
    hint = f"check the label scheme ({scheme}); {fits} would make sense" if fits else (
        f"check the label scheme ({scheme}); if no scheme has this order, change the values of the segmentation"
    )  # fmt: skip
    warn(problem, hint, "labels-enclosure")


def _check_parts(labels: NDArray[np.uint8], grid: Grid, scheme: str, warn: _Warn) -> None:
    """Warn of parts that a fit or plan needs and that are missing or small, and of a cavity."""
    volumes_cc = np.bincount(labels.ravel(), minlength=len(TumourLabel)) * grid.voxel_volume_mm3 / 1000
    enhancing_cc, cavity_cc = float(volumes_cc[TumourLabel.ENHANCING]), float(volumes_cc[TumourLabel.CAVITY])
    if not core_mask(labels).any():
        warn(
            "has no core, oedema alone",
            f"check the label scheme ({scheme}); methods are fitted to the whole tumour alone",
            "no-core",
        )
    elif np.count_nonzero(volumes_cc[1:]) == 1:
        ((value, label),) = (pair for pair in LABEL_SCHEMES[scheme].items() if volumes_cc[pair[1]] > 0)
        warn(
            f"has the {_name(label)} label ({value}) alone",
            "if it is a mask of the whole tumour, give a segmentation of its parts: all of it counts as core",
            "single-label",
        )
    elif enhancing_cc == 0:
        warn(
            "has no enhancing tumour",
            "nothing to do for a low-grade tumour: the core then is the necrotic or non-enhancing label; "
            f"otherwise check the label scheme ({scheme})",
            "no-enhancing",
        )
    elif enhancing_cc < _LITTLE_ENHANCING_CC:
        warn(
            f"has only {enhancing_cc:.1f} cc of enhancing tumour",
            "read the core's numbers with care",
            "little-enhancing",
        )
    if cavity_cc > 0:
        hint = (
            "take images from before surgery: fits and targets leave the cavity out, and to a growth model it is "
            "tissue that no tumour has reached"
        )
        if enhancing_cc == 0:
            value = next(value for value, label in LABEL_SCHEMES[scheme].items() if label == TumourLabel.CAVITY)
            others = [name for name, other in LABEL_SCHEMES.items() if other.get(value) == TumourLabel.ENHANCING]
            if others:
                hint = (
                    f"check the label scheme ({scheme}): {value} is enhancing tumour in {' and '.join(others)}; " + hint
                )
        warn(f"has {cavity_cc:.1f} cc of resection cavity", hint, "resection-cavity")


def _check_foci(labels: NDArray[np.uint8], tumour: NDArray[np.bool_], grid: Grid, warn: _Warn) -> None:
    for what, mask in (("tumour", tumour), ("tumour core", core_mask(labels))):
        volumes = focus_volumes_mm3(mask, grid)
        if len(volumes) > 1:
            shown = ", ".join(f"{volume / 1000:.1f}" for volume in volumes)
            warn(
                f"the {what} has {len(volumes)} separate foci ({shown} cc)",
                "segment and fit each by itself: a growth model with one origin does not follow several, and without "
                "the gross tumour in it a personalised target can miss the smaller ones",
                "several-foci",
            )
            return


def _tissue_order(
    labels: NDArray[np.uint8], spacing_mm: Sequence[float]
) -> tuple[list[tuple[int, TissueLabel]], list[tuple[int, TissueLabel]]] | None:
    """Order of the tissue labels as read, and the order that fits (empty if none does); None if the one read does."""
    from scipy.ndimage import binary_fill_holes, distance_transform_edt

    # Voxels of 3 mm are enough for depths of centimetres.
    steps = [max(1, round(3 / size)) for size in spacing_mm]
    sampled = np.pad(labels[tuple(slice(None, None, step) for step in steps)], 1)
    brain = binary_fill_holes(sampled > 0)
    total = int(np.count_nonzero(sampled))
    values = [
        int(value) for value in _TISSUE_WORDS if np.count_nonzero(sampled == value) >= _SMALLEST_TISSUE_SHARE * total
    ]
    if len(values) < 2:
        return None
    sampling = [size * step for size, step in zip(spacing_mm, steps, strict=True)]
    depth = distance_transform_edt(brain, sampling=sampling)
    depths = {value: float(depth[sampled == value].mean()) for value in values}
    # Holes in the map are not the outside of the brain.
    surfaces = _Surfaces(np.where(brain & (sampled == 0), -1, sampled).astype(np.int64))

    def fits(order: Mapping[TissueLabel, int]) -> bool:
        white, grey = order[TissueLabel.WHITE_MATTER], order[TissueLabel.GREY_MATTER]
        fluid = order.get(TissueLabel.CSF)
        return (
            depths[white] > depths[grey]
            and surfaces.exposed(white) <= _WHITE_MATTER_EXPOSED
            and (
                fluid is None
                or (
                    surfaces.faces(white, grey) >= surfaces.faces(white, fluid)
                    # Ventricles alone lie deeper than white matter, but are smaller.
                    and (depths[white] > depths[fluid] or surfaces.counts[fluid] < surfaces.counts[white])
                )
            )
        )

    as_read = {TissueLabel(value): value for value in values}
    complete = {TissueLabel.GREY_MATTER, TissueLabel.WHITE_MATTER} <= set(as_read)
    if complete and fits(as_read):
        return None
    meanings = [TissueLabel.GREY_MATTER, TissueLabel.WHITE_MATTER, TissueLabel.CSF][: len(values)]
    orders = [dict(zip(meanings, places, strict=True)) for places in itertools.permutations(values)]
    fitting = [order for order in orders if fits(order)]
    best = max(fitting, key=lambda order: depths[order[TissueLabel.WHITE_MATTER]], default={})
    pairs = [sorted((value, label) for label, value in order.items()) for order in (as_read, best)]
    return pairs[0], pairs[1]


def _brain_cut(subject: str, share: float) -> InputWarning:
    return InputWarning(
        subject,
        f"the edge of the volume cuts the brain ({share:.0%} of its surface)",
        "read numbers near the edge with care, since the missing part is unknown",
        "brain-cut",
    )
