"""Symbols and words of tables and figures, each explained in a sentence."""

from __future__ import annotations

from gliofit.growth.model import DEFAULT, find_growth_model

__all__ = ["CITATIONS", "GLOSSARY"]

GLOSSARY = (
    ("c, concentration", "Tumour cells at a place as a share of the most there can be, from 0 to 1, without a unit."),
    *(
        (f"{q.heading} ({q.unit})" if q.unit else q.heading, f"{q.meaning}.")
        for q in (*find_growth_model(DEFAULT).space.others, *find_growth_model(DEFAULT).space.derived)
    ),
    ("Origin", "Where growth began, in mm of the case's own coordinates."),
    ("θ, theta", "The unknowns of the growth model: three coordinates of the origin, and its parameters."),
    ("MSE, MAE", "Mean squared and mean absolute error of c over the voxels of a domain; 0 is perfect."),
    ("NCC", "Normalised cross-correlation of two concentrations: 1 where they have the same pattern."),
    (
        "norm.",
        "Divided by the volume of the tumour in mm³, so that large and small tumours can be compared.",
    ),
    (
        "Whole volume, crop",
        "The domains of the averages: 240 × 240 × 155 mm with zeros outside the brain, and a cube of 128 mm about the "
        "tumour, where the same tumour has about four times the error.",
    ),
    (
        "Dice",
        "Overlap of two regions, 1 for the same and 0 for apart (tables: × 10⁻², so 83.0 is 0.83). Whole: c from 0.33 "
        "on, with every tumour label. Core: c from 0.60 on, with all labels but oedema.",
    ),
    ("HD95 (mm)", "95th percentile of the distances between the surfaces of two regions; 0 is perfect."),
    (
        "Solver, surrogate",
        "The solver computes c from θ by the growth equation, step by step; a surrogate is a network that predicts it.",
    ),
    ("Final run", "One run of the solver with a method's estimate; every method is scored by it."),
    ("Oracle", "The final run with the true θ: the error that remains when an estimate is perfect."),
    (
        "Reference",
        "On patients nobody knows the truth. In its place stands the final run of the reference method, fitted to the "
        "segmentation; errors are distances from it.",
    ),
    (
        "COM",
        "The tumour's centre of mass. Fixed: the origin is held there. Start: the search begins there. Swap: it takes "
        "the origin's place in the final run.",
    ),
    ("n", "Cases with a score; mean ± standard error are over these."),
    ("*, †", "Differs from the method named in the notes by a paired t-test (*) or a Wilcoxon test (†)."),
    ("Phantom", "A simulated patient: a deformed atlas with a simulated tumour and made-up MRI."),
)

#: What to cite: this software, and the work whose methods it compares.
CITATIONS = (
    "The gliofit developers: gliofit, personalise brain-tumour growth models to patients (MIT licence). Name the "
    "version and the revision given above.",
    "J. Weidner, L. Zimmer, I. Ezhov, M. Balcerak, B. Menze, D. Rückert, B. Wiestler: Brain Tumor Growth Inversion via "
    "Differentiable Neural Surrogates. MIDL 2026.",
    "The sources of the single methods, of the atlas and of the data: docs/methods.md of gliofit.",
)
