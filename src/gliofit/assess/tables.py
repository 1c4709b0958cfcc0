"""Tables of an assessment, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit.assess.names import GROUP_NAMES, quantity_name, surrogate_name
from gliofit.assess.settings import GROUPS
from gliofit.assess.summary import calibration, forward_summary, gradient_summary
from gliofit.core.errors import InputError
from gliofit.core.io import read_json
from gliofit.growth.model import derived_in
from gliofit.paper import TEST_MSE, paper_table
from gliofit.report.render import write_renderings
from gliofit.report.table import Table, column
from gliofit.report.texts import columns, notes
from gliofit.simulate.settings import ATLAS

_COUNT = ",.0f"


def read_models(folders: Mapping[str, str | Path]) -> pd.DataFrame:
    """Read facts about trained surrogates from their ``model.json``.

    Returns
    -------
    One row per model: ``model architecture parameters samples minutes device voxel``, ``voxel`` as text.

    Raises
    ------
    InputError
        If a ``model.json`` is missing or lacks the record of the training.
    """
    rows = []
    for model, folder in folders.items():
        path = Path(folder) / "model.json"
        info = read_json(path)
        try:
            training, crop = info["training"], info["crop"]
            row: dict[str, Any] = {"model": model, "architecture": str(info["architecture"])}
            row |= {name: float(training[name]) for name in ("parameters", "samples", "minutes")}
            voxel = f"{crop['size']}³ of {crop['spacing_mm']:g} mm"
            rows.append(row | {"device": str(training["device"]), "voxel": voxel})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"lacks the record of the training ({error})", "train it again") from error
    return pd.DataFrame(rows)


def assess_tables(forward: pd.DataFrame, gradients: pd.DataFrame, models: pd.DataFrame) -> dict[str, Table]:
    """Create the tables ``forward``, ``anatomies``, ``gradients`` and ``calibration``.

    From the rows of ``assess_forward`` and ``assess_gradients`` of all models and anatomies, and ``read_models``.
    """
    summary = forward_summary(forward)
    tables = {
        "forward": _forward(summary, models),
        "anatomies": _anatomies(summary),
        "gradients": _gradients(gradients),
        "calibration": _calibration(forward),
    }
    for name, table in tables.items():
        frame = table.frame
        named = frame.assign(model=[surrogate_name(model) for model in frame["model"]]) if len(frame) else frame
        tables[name] = replace(table, frame=named, empty="No tumours were assessed.")
    return tables


def write_assess_tables(
    forward: pd.DataFrame, gradients: pd.DataFrame, models: pd.DataFrame, out_dir: str | Path
) -> None:
    """Write the tables of ``assess_tables``, each as ``.json``, ``.csv`` and ``.md``."""
    for name, table in assess_tables(forward, gradients, models).items():
        write_renderings(table, out_dir, name, labels=True)


def _forward(summary: pd.DataFrame, models: pd.DataFrame) -> Table:
    """Create the table of errors on test tumours in the atlas, with the paper's table 5."""
    atlas = summary[summary["group"] == ATLAS].merge(models, on="model", how="left", validate="one_to_one")
    for name in ("mse", "mae", "ncc"):
        printed = {key: row.values[f"{name}_cube"].mean for key, row in paper_table(5).items()}
        atlas[f"paper_{name}"] = atlas["architecture"].map(printed).astype(float)
    outside = (
        text
        for _, row in atlas.drop_duplicates("voxel").iterrows()
        for text in notes(
            "assess-outside", voxel=row["voxel"], mean=row["outside_cube_mean"], most=row["outside_cube_max"]
        )
    )
    cube = (*notes("assess-fields"), *notes("assess-cube"), *notes("assess-volume"))
    texts = (*cube, *outside, *notes("assess-paper", mse=TEST_MSE * 1e3))
    return Table("Surrogates on test tumours in the atlas", atlas, columns("assess-forward"), footnotes=texts)


def _anatomies(summary: pd.DataFrame) -> Table:
    """Create the table of MSE, Dice and number of tumours by model and group of anatomies."""
    names = ("mse_cube_mean", "mse_cube_error", "dice_033_mean", "dice_033_error", "n", "anatomies")
    wide = summary[["model"]].drop_duplicates().reset_index(drop=True)
    shown = [column("model", "surrogate")]
    for group in GROUPS:
        part = summary[summary["group"] == group]
        if part.empty:
            continue
        renamed = part[["model", *names]].rename(columns={name: f"{group}_{name}" for name in names})
        wide = wide.merge(renamed, on="model", how="left")
        title, mse, dice = GROUP_NAMES[group], f"{group}_mse_cube", f"{group}_dice_033"
        shown += [
            column(f"{mse}_mean", f"MSE, cube, {title}", error=f"{mse}_error", power=-3),
            column(f"{dice}_mean", f"Dice at 0.33, {title}", error=f"{dice}_error", format=".3f"),
            column(f"{group}_n", f"tumours, {title}", format=_COUNT),
            *([] if group == ATLAS else [column(f"{group}_anatomies", f"anatomies, {title}", format=_COUNT)]),
        ]
    texts = (*notes("assess-fields"), *notes("assess-cube"), *notes("assess-anatomies"))
    return Table("Surrogates by anatomy", wide, tuple(shown), footnotes=texts)


def _gradients(rows: pd.DataFrame) -> Table:
    table = gradient_summary(rows)
    if len(table):
        table["quantity"] = table["quantity"].map(quantity_name)
        table["group"] = table["group"].map(GROUP_NAMES)
    title = "Derivatives of surrogates compared with the solver"
    return Table(title, table, columns("assess-gradients"), footnotes=notes("assess-gradients"))


def _calibration(rows: pd.DataFrame) -> Table:
    table = calibration(rows)
    if len(table):
        # Volumes are printed in cm^3.
        units = {"volume_mm3": ("volume (cm³)", 1e-3)}
        units |= {q.column: (f"{q.title} {q.text} ({q.unit})", 1.0) for q in derived_in(rows)}
        scale = [units[by][1] for by in table["by"]]
        ends = [(table[end] * scale).map(lambda value: f"{value:.3g}") for end in ("low", "high")]
        table["range"] = ends[0] + " to " + ends[1]
        table["by"] = [units[by][0] for by in table["by"]]
    texts = (*notes("assess-calibration"), *notes("assess-cube"))
    return Table("Errors by tumour", table, columns("assess-calibration"), footnotes=texts)
