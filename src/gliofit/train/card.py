"""Model card of a trained network, rendered from its ``model.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit.core.io import atomic_path, read_json, write_json
from gliofit.growth.model import space_of
from gliofit.growth.space import Parameter
from gliofit.metrics.fields import VOLUME_MM3
from gliofit.report.render import markdown_grid, render
from gliofit.report.table import text_table
from gliofit.simulate.settings import ATLAS

_STATISTICS = {"mean": "mean", "std": "standard deviation", "low": "minimum", "high": "maximum"}

_SCORES = {
    "n": "tumours",
    "mse": "MSE of the concentration in the cube",
    "mse_cube": "MSE of the concentration in the cube",
    "mse_volume": "squared error averaged over 240 x 240 x 155 mm",
    "mae": "MAE of the concentration in the cube",
    "mae_cube": "MAE of the concentration in the cube",
    "ncc_cube": "NCC in the cube",
    "dice_033": "Dice of the outline at concentration 0.33",
    "loss": "MSE of the normalised parameters",
    "origin_error_mm": "mean distance of the origin (mm)",
}

_GROUPS = {"atlas": "atlas", "warped": "other warped atlases", "patients": "patients' brains"}

_USE = {
    "surrogate": (
        "Predicts the tumour-cell concentration on a cube about a tumour from white and grey matter fractions and "
        "theta. It replaces the numerical solver in inversions that need many or differentiable evaluations."
    ),
    "direct-inverse": (
        "Predicts theta from the tumour-cell concentration and the white and grey matter fractions on a cube about the "
        "concentration's centre of mass. It is used by the method `direct` and as initial guess of `hybrid`."
    ),
    "atlas-inverse": (
        "Predicts theta in the atlas from a segmentation registered to it: 0.333 in oedema, 0.999 in the core, on a "
        "fixed cube. It is used by the method `lmi` (Learn-Morph-Infer)."
    ),
}


def model_card(info: Mapping[str, Any]) -> str:
    """Render the card of a model from the content of its ``model.json``."""
    crop, training, validation = info["crop"], info["training"], dict(info["validation"])
    baseline = dict(validation["baseline"])
    if "mse" in validation:
        share = (crop["size"] * crop["spacing_mm"]) ** 3 / VOLUME_MM3
        for values in (validation, baseline):
            values["mse_volume"] = share * values["mse"]
            values.pop("loss", None)
    space = space_of(info)
    statistics = {title: info["theta"][name] for name, title in _STATISTICS.items()}
    theta = pd.DataFrame(statistics, index=[_text(p) for p in space.parameters])
    labels = _SCORES | {
        f"mae_{column}": f"MAE of {_text(p)}"
        for column, p in zip(space.relative_columns, space.parameters, strict=True)
    }
    columns = {"this model": validation, "predicting the training mean": baseline}
    tests = {_GROUPS[name]: info["test"][name] for name in _GROUPS if name in info.get("test", {})}
    return render(
        "card.md",
        info=info,
        use=_USE[info["kind"]],
        size=crop["size"],
        spacing=crop["spacing_mm"],
        training=training,
        validation=validation,
        brains=_brains(training["anatomies"]),
        parameters=_grid("parameter", theta),
        scores=_scores(columns, labels),
        tests=_scores(tests, labels),
    )


def _text(parameter: Parameter) -> str:
    """Symbol and unit; positions are relative to the middle of the cube."""
    if parameter.axis is not None:
        return f"origin, {('right', 'anterior', 'superior')[parameter.axis]} of the cube's centre ({parameter.unit})"
    return f"{parameter.symbol} ({parameter.unit})" if parameter.unit else parameter.symbol


def _scores(columns: Mapping[str, Mapping[str, float]], labels: Mapping[str, str]) -> str:
    """Table of scores that all columns have; empty without columns."""
    if not columns:
        return ""
    names = [name for name in labels if all(name in values for values in columns.values())]
    rows = {labels[name]: [values[name] for values in columns.values()] for name in names}
    return _grid("score", pd.DataFrame.from_dict(rows, orient="index", columns=list(columns)))


def _grid(corner: str, frame: pd.DataFrame) -> str:
    rows = [[str(name), *(f"{value:.4g}" for value in frame.loc[name])] for name in frame.index]
    return markdown_grid(text_table([corner, *frame.columns], rows))


def _brains(anatomies: Sequence[str]) -> str:
    warped = len(anatomies) - (ATLAS in anatomies)
    parts = ["one atlas brain" if ATLAS in anatomies else "", f"{warped} warped copies of it" if warped else ""]
    return " and ".join(filter(None, parts))


def write_card(folder: str | Path, test: Mapping[str, Mapping[str, float]] | None = None) -> None:
    """Write ``README.md`` to the folder of a model.

    ``test`` has the means of ``n mse_cube mse_volume mae_cube ncc_cube dice_033`` on test tumours by group of anatomies
    (``gliofit.assess.summary.card_numbers``), which are added to ``model.json``.
    """
    folder = Path(folder)
    info = read_json(folder / "model.json")
    if test is not None:
        info = {**info, "test": {group: dict(values) for group, values in test.items()}}
        write_json(folder / "model.json", info)
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(model_card(info))
