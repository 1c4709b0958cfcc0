"""Captions of tables and pictures, for our report and for Snakemake's.

``make generate`` writes those of Snakemake's report (``workflow/report/*.rst``) from here.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["CAPTIONS", "caption_files"]

_FIGURE3 = (
    "mean squared error (MSE) of the concentration of every case's final run, by method, on a logarithmic axis (a), "
    "and the share of cases below each error (b), in which lines are those beside the names. On synthetic cases the "
    "error is the distance from the truth; on patients it is that from the final run of the reference method, for "
    "methods that observed the same. Boxes are quartiles with the median, diamonds this run's means. A failed case has "
    "no point, and keeps the curve of its method below one."
)

_FIGURE4 = (
    "in the axial slice through the centre of the tumour, over the T1 image and with the outlines of the segmentation. "
    "The first picture of a patient shows the whole slice with a frame around the field of the others, which holds the "
    "segmentation and all that any method shown has there at a concentration of 0.1 or more. The patient's right is on "
    "the left (R, L). Unless the configuration names patients, those shown are the best, the worst and some between."
)

_FIGURE7 = (
    "Figure 7: Dice between the segmentation and the concentration cut at a threshold, by threshold and method, for "
    "methods that observed the {observed}; bands are the standard error over patients. Dotted lines are the thresholds "
    "that table 3 uses, 0.33 for the whole tumour (a) and 0.60 for its core (b)."
)

#: Captions by the name of the table or picture, as plain text.
CAPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "table1": "Table 1: errors of the recovered parameters on synthetic cases, whose true parameters are known. "
        "Errors of growth parameters are relative to the true value; those of the origin are lengths. A field can "
        "fit well although its parameters are wrong, so read it together with table 2.",
        "table2": "Table 2: errors of the final tumour on synthetic cases, averaged over 240 × 240 × 155 mm. The row "
        "Oracle is the solver's run with the true parameters, the smallest error that a perfect fit would show. The "
        "notes say what the marks mean and how often the hybrid method kept the better of its two candidates.",
        "table3": "Table 3, reference-driven: how well methods reproduce a concentration that they are given, the "
        "final run of the reference method. Errors are distances from that, not from a truth; Dice compares the "
        "concentration, cut at a threshold, with the tumour segmentation. Methods that were given the segmentation "
        "stand here only where the paper has them, and say so.",
        "table3-segmentation": "Table 3, segmentation-driven: every method that was given the tumour segmentation of "
        "a patient, the reference method among them. Dice and HD95 compare the concentration, cut at a threshold, with "
        "that segmentation; NCC and MSE say how far a method agrees with others, not how right it is. The notes name "
        "the patients that were left out.",
        "refinement": "Methods whose estimate Gauss-Newton on the solver refined: scores before and after on the same "
        "cases.",
        "figure3": f"Figure 3: {_FIGURE3} Triangles are the published means.",
        "figure3-segmentation": f"Figure 3, segmentation-driven: {_FIGURE3}",
        "figure4": "Figure 4: tumour-cell concentrations of the methods that observed the reference concentration of "
        f"patients, {_FIGURE4}",
        "figure4-segmentation": "Figure 4, segmentation-driven: tumour-cell concentrations of the methods that "
        f"observed the segmentation of patients, {_FIGURE4}",
        "figure7": _FIGURE7.format(observed="reference concentration"),
        "figure7-segmentation": _FIGURE7.format(observed="segmentation"),
        "pilot": "Pilot of the simulated tumours: how growth parameters and tumour volumes are distributed before the "
        "large simulation. Networks know nothing outside these ranges, so patients' tumours should lie well within "
        "them.",
        "learning_curve": "Training of a network: loss on training and validation tumours by epoch. The weights kept "
        "are those with the lowest validation loss. A validation curve that rises while the training curve still falls "
        "asks for more simulated tumours.",
        "registration": "Registration of a patient: outlines of the atlas tissue, brought onto the patient, over the "
        "patient's own image. Ventricles and the outer cortex should follow the image on both sides; around the tumour "
        "they are expected to differ. A shifted or mirrored outline makes every later result of this patient "
        "worthless.",
        "patient": "One patient: a viewer in three planes, MRI and registered tissue with the outlines of the "
        "segmentation, tumour-cell concentration of every method in one colour scale, estimates with their intervals, "
        "target volumes where there are any, and how all of it came about. What to know first, such as a registration "
        "that a person should look at, stands at the top. Research output, not for clinical decisions.",
        "view3d": "A patient in three dimensions: above, the segmented tumour (blue) with its core (white); below, "
        "where the preferred method has tumour cells at a concentration above 0.33 (yellow), about what MRI shows as "
        "tumour, and above 0.02 (orange), few cells around it. White and grey matter of the registered atlas are drawn "
        "as glass. From the front, from the side that the tumour is nearer to, and from below, where the patient's "
        "right (R) is on the left as in axial slices. Surfaces are smoothed and meshed at 3 mm; volumes are those of "
        "the voxels. Research output, not for clinical decisions.",
        "report": "Everything in one page of its own that needs no other file and no network: what was run, what to "
        "know first, tables that can be sorted, figures, times, settings and symbols. Its links to the "
        "pages of patients work in results/{run}/publish/report.html itself. Research output, not for clinical "
        "decisions.",
        "plan": "Target volumes of a patient, for research only: everything within the margin of the tumour (purple) "
        "and the voxels of highest tumour-cell concentration, as many of them (orange), in the slices where the two "
        "differ most.",
        "study": "The study: errors of inversions of synthetic tumours by scenario (a), and the best loss on the "
        "finest voxels against evaluations (b) and time (c), in the first scenario: median and quartiles "
        "over cases. The oracle is the final run with the true parameters, which shows the error of "
        "whatever made the target differ from what the fit assumes.",
        "figure1b": "Figure 1b: trained surrogates beside the solver on two test tumours in the atlas, those nearest "
        "to the median and to the 90th percentile of the best surrogate's error. Axial slice through the tumour's "
        "largest area, in radiological convention; right, the best surrogate's absolute difference.",
        "figure6": "Figure 6: mean squared error of surrogates over the voxels of the cube, for every test tumour in "
        "the atlas, against the parameters, the width of the front, the volume and the distance of the origin from the "
        "cube's centre. Lines are running medians.",
        "calibration": "Test tumours in the atlas: the volume that surrogates predict against the solver's (a), and "
        "the median of the mean squared error with its quartiles by volume and by width of the front (b, c).",
        "gradients": "Derivatives of surrogates with respect to each parameter against the solver's exact ones, and "
        "the gradient of an inversion's loss beside the truth, for test tumours in the atlas: cosine of "
        "the angle (a) and relative length (b), both 1 for a perfect surrogate. Boxes are quartiles.",
        "sensitivity": "Sensitivity: an axial slice of the concentration and of its change when parameters change by "
        "the given amount, solver beside surrogates on one scale, with sizes, cosines and errors over the"
        " whole cube (a); the mean squared error over two of them with the origin at the truth, and "
        "gradient searches from four starts (b).",
    }
)

#: Files for several outputs of a rule: the wildcard that tells these apart, and the caption for each value.
_BY_WILDCARD = {
    "table": ("number", {"1": "table1", "2": "table2", "3": "table3"}),
    "figure3": ("suffix", {"": "figure3", "-segmentation": "figure3-segmentation"}),
    "figure4": ("suffix", {"": "figure4", "-segmentation": "figure4-segmentation"}),
    "figure7": ("suffix", {"": "figure7", "-segmentation": "figure7-segmentation"}),
}

_MADE = ".. Made from src/gliofit/publish/captions.py by `make generate`; change the captions there."


def caption_files() -> dict[str, str]:
    """Name and text of every caption file of Snakemake's report, reStructuredText behind Jinja templates."""
    shared = {name for _, values in _BY_WILDCARD.values() for name in values.values()}
    files = {f"{name}.rst": _wrapped(text) for name, text in CAPTIONS.items() if name not in shared}
    for file, (wildcard, values) in _BY_WILDCARD.items():
        parts: list[str] = []
        for value, name in values.items():
            keyword = "elif" if parts else "if"
            parts.append(f'{{% {keyword} snakemake.wildcards.{wildcard} == "{value}" %}}\n{_wrapped(CAPTIONS[name])}')
        files[f"{file}.rst"] = "".join(parts) + "{% endif %}\n"
    return {name: f"{_MADE}\n\n{text}" for name, text in files.items()}


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"
