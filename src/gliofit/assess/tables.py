"""Tables of an assessment, as CSV and Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gliofit.assess.names import GROUP_NAMES, QUANTITY_NAMES, surrogate_name
from gliofit.assess.settings import GROUPS
from gliofit.assess.summary import calibration, forward_summary, gradient_summary
from gliofit.errors import InputError
from gliofit.io import atomic_path, read_json
from gliofit.paper import TEST_MSE, paper_table
from gliofit.publish.numbers import MISSING
from gliofit.publish.panel import Column
from gliofit.simulate.settings import ATLAS

__all__ = ["read_models", "write_assess_tables"]

_CUBE = "MSE, MAE and NCC of the cube: over all its voxels, which is also what surrogates are trained on."
_VOLUME = (
    "MSE, volume: the same squared error averaged over 240 × 240 × 155 mm, with the background counted as zeros. What "
    "a tumour has outside its cube counts in neither."
)
_FIELDS = (
    "Prediction and target are compared as block means on the surrogate’s own cube; both are zero where no tissue is "
    "labelled white or grey matter. ± is one standard error over tumours."
)


@dataclass(frozen=True)
class Heading:
    """A column of a printed table: where its value, and its error if it has one, stand in the summary."""

    column: Column
    error: str | None = None

    def text(self, row: Mapping[str, Any]) -> str:
        """The cell in Markdown."""
        value = row[self.column.metric]
        if isinstance(value, str):
            return value
        return self.column.text(float(value), float(row[self.error]) if self.error else float("nan"))

    def plain(self, row: Mapping[str, Any]) -> dict[str, str]:
        """The cells in CSV, three digits unless the column has fixed ones."""
        cells = {self.column.heading: self._number(row[self.column.metric])}
        return cells | ({f"{self.column.heading}, standard error": self._number(row[self.error])} if self.error else {})

    def _number(self, value: Any) -> str:
        if isinstance(value, str) or pd.isna(value):
            return value if isinstance(value, str) else ""
        scaled = float(value) * self.column.factor / 10.0**self.column.power
        return f"{scaled:.3g}" if self.column.decimals is None else f"{scaled:.{self.column.decimals}f}"


def _column(metric: str, name: str, unit: str = "", error: str | None = None, **options: Any) -> Heading:
    return Heading(Column(metric, name, unit, better=None, **options), error)


_MODEL = _column("model", "surrogate")

_FORWARD = (
    _MODEL,
    _column("mse_cube_mean", "MSE, cube", error="mse_cube_error", power=-3),
    _column("mse_cube_median", "MSE, cube, median", power=-3),
    _column("mse_volume_mean", "MSE, volume", error="mse_volume_error", power=-3),
    _column("mae_cube_mean", "MAE, cube", error="mae_cube_error", power=-3),
    _column("ncc_cube_mean", "NCC, cube", decimals=3),
    _column("dice_033_mean", "Dice at 0.33", decimals=3),
    _column("dice_066_mean", "Dice at 0.66", decimals=3),
    _column("n", "tumours", decimals=0),
    _column("voxel", "voxels"),
    _column("parameters", "parameters", decimals=0),
    _column("samples", "training samples", decimals=0),
    _column("minutes", "training", "min", decimals=0),
    _column("device", "trained on"),
    _column("paper_mse", "paper’s MSE, its own data and training", power=-3),
    _column("paper_mae", "paper’s MAE", power=-3),
    _column("paper_ncc", "paper’s NCC", decimals=3),
)

_GRADIENTS = (
    _MODEL,
    _column("group", "anatomy"),
    _column("quantity", "derivative by"),
    _column("n", "tumours", decimals=0),
    *(
        _column(f"{name}_{which}", f"{title}, {label}", decimals=3)
        for name, title in (("cosine", "cosine"), ("relative_norm", "relative norm"))
        for which, label in (("median", "median"), ("lower", "lower quartile"), ("upper", "upper quartile"))
    ),
)

_CALIBRATION = (
    _column("by", "by"),
    _column("range", "range"),
    _MODEL,
    _column("n", "tumours", decimals=0),
    _column("mse_cube_median", "MSE, cube, median", power=-3),
    _column("dice_033_mean", "Dice at 0.33, mean", decimals=3),
    _column("relative_volume_error_mean", "volume, signed error, mean", "%", factor=100, decimals=1),
    _column("relative_volume_error_median", "volume, signed error, median", "%", factor=100, decimals=1),
)


def read_models(folders: Mapping[str, str | Path]) -> pd.DataFrame:
    """What is known of trained surrogates from their ``model.json``.

    Returns
    -------
    One row per model: ``model architecture parameters samples minutes device voxel``, the latter as text.

    Raises
    ------
    InputError
        If a ``model.json`` is missing or does not say how the model was trained.
    """
    rows = []
    for model, folder in folders.items():
        path = Path(folder) / "model.json"
        info = read_json(path)
        try:
            training, crop = info["training"], info["crop"]
            rows.append(
                {
                    "model": model,
                    "architecture": str(info["architecture"]),
                    **{name: float(training[name]) for name in ("parameters", "samples", "minutes")},
                    "device": str(training["device"]),
                    "voxel": f"{crop['size']}³ of {crop['spacing_mm']:g} mm",
                }
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"does not say how the model was trained ({error})", "train it again") from error
    return pd.DataFrame(rows)


def write_assess_tables(
    forward: pd.DataFrame, gradients: pd.DataFrame, models: pd.DataFrame, out_dir: str | Path
) -> None:
    """Write ``forward``, ``anatomies``, ``gradients`` and ``calibration``, each as ``.csv`` and ``.md``.

    Parameters
    ----------
    forward, gradients
        Rows of ``assess_forward`` and ``assess_gradients`` of all models and anatomies.
    models
        Table of ``read_models``.
    out_dir
        Folder to write to.
    """
    out_dir = Path(out_dir)
    summary = forward_summary(forward)
    atlas = summary[summary["group"] == ATLAS].merge(models, on="model", how="left", validate="one_to_one")
    for name in ("mse", "mae", "ncc"):
        printed = {key: row.values[f"{name}_cube"].mean for key, row in paper_table(5).items()}
        atlas[f"paper_{name}"] = atlas["architecture"].map(printed).astype(float)
    for name, title, table, headings, notes in (
        ("forward", "Surrogates on test tumours in the atlas", atlas, _FORWARD, _forward_notes(atlas)),
        ("anatomies", "Surrogates by anatomy", *_by_group(summary)),
        ("gradients", "Derivatives of surrogates against the solver’s", *_gradients(gradients)),
        ("calibration", "Errors by tumour", *_calibration(forward)),
    ):
        shown = table.assign(model=[surrogate_name(model) for model in table["model"]]) if len(table) else table
        _write(out_dir / name, title, shown, headings, notes)


def _forward_notes(atlas: pd.DataFrame) -> list[str]:
    return [
        _FIELDS,
        _CUBE,
        _VOLUME,
        *(
            f"Outside the cube of {row['voxel']}: {row['outside_cube_mean']:.2%} of a tumour’s cells in the mean, "
            f"{row['outside_cube_max']:.2%} at most."
            for _, row in atlas.drop_duplicates("voxel").iterrows()
        ),
        "Paper: the same architecture in its Table 5, where each was trained for 24 hours on 3000 tumours at 1 mm; "
        f"with its full training set its surrogate has a test MSE of {TEST_MSE * 1e3:g}·10⁻³. Voxels, training "
        "samples, training time and "
        "device differ as the columns say, and the test tumours are others, so the paper’s columns give a scale and "
        "are no comparison with ours.",
    ]


def _by_group(summary: pd.DataFrame) -> tuple[pd.DataFrame, list[Heading], list[str]]:
    """A line per model with MSE, Dice and number of tumours in each group of anatomies."""
    names = ("mse_cube_mean", "mse_cube_error", "dice_033_mean", "dice_033_error", "n", "anatomies")
    wide = summary[["model"]].drop_duplicates().reset_index(drop=True)
    headings = [_MODEL]
    for group in GROUPS:
        part = summary[summary["group"] == group]
        if part.empty:
            continue
        columns = {name: f"{group}_{name}" for name in names}
        wide = wide.merge(part[["model", *names]].rename(columns=columns), on="model", how="left")
        title = GROUP_NAMES[group]
        headings += [
            _column(f"{group}_mse_cube_mean", f"MSE, cube, {title}", error=f"{group}_mse_cube_error", power=-3),
            _column(f"{group}_dice_033_mean", f"Dice at 0.33, {title}", error=f"{group}_dice_033_error", decimals=3),
            _column(f"{group}_n", f"tumours, {title}", decimals=0),
            *([] if group == ATLAS else [_column(f"{group}_anatomies", f"anatomies, {title}", decimals=0)]),
        ]
    notes = [
        _FIELDS,
        _CUBE,
        "Tumours of one anatomy share its brain, so the standard errors of few anatomies say little about others.",
    ]
    return wide, headings, notes


def _gradients(rows: pd.DataFrame) -> tuple[pd.DataFrame, Sequence[Heading], list[str]]:
    table = gradient_summary(rows)
    if len(table):
        table["quantity"] = table["quantity"].map(QUANTITY_NAMES)
        table["group"] = table["group"].map(GROUP_NAMES)
    notes = [
        "Solver: exact derivatives of the discrete solution with respect to theta, averaged over the cube’s voxels. "
        "Surrogate: forward-mode differentiation. Both at the tumour’s true theta.",
        "Cosine of the angle between the two fields, and length of the surrogate’s over that of the solver’s: both 1 "
        "for a perfect surrogate.",
        "Loss: gradient, with respect to normalised parameters, of the mean squared difference to the solver’s field, "
        "at a theta displaced by a quarter of a standard deviation in every parameter.",
    ]
    return table, _GRADIENTS, notes


def _calibration(rows: pd.DataFrame) -> tuple[pd.DataFrame, Sequence[Heading], list[str]]:
    table = calibration(rows)
    if len(table):
        # Volumes are printed in cm^3.
        units = {"volume_mm3": ("volume (cm³)", 1e-3), "front_width_mm": ("front width μ_D / μ_ρ (mm)", 1.0)}
        scale = [units[by][1] for by in table["by"]]
        ends = [(table[end] * scale).map(lambda value: f"{value:.3g}") for end in ("low", "high")]
        table["range"] = ends[0] + " to " + ends[1]
        table["by"] = [units[by][0] for by in table["by"]]
    notes = [
        "Test tumours in the atlas that every surrogate was tested on, in four bins of as many tumours each.",
        "Volume, signed error: integral of the prediction over that of the target, less one.",
        _CUBE,
    ]
    return table, _CALIBRATION, notes


def _write(stem: Path, title: str, table: pd.DataFrame, headings: Sequence[Heading], notes: Sequence[str]) -> None:
    """``{stem}.csv`` with plain numbers, ``{stem}.md`` with notes."""
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    cells = [{name: text for heading in headings for name, text in heading.plain(row).items()} for row in rows]
    with atomic_path(stem.with_suffix(".csv")) as temporary:
        # Without rows, headings alone.
        names = None if cells else [heading.column.heading for heading in headings]
        pd.DataFrame(cells, columns=names).to_csv(temporary, index=False)
    lines = ["| " + " | ".join(heading.column.heading for heading in headings) + " |"]
    words = [bool(rows) and isinstance(rows[0][heading.column.metric], str) for heading in headings]
    lines.append("|" + "".join(" --- |" if word else " ---: |" for word in words))
    lines += ["| " + " | ".join(_text(heading, row) for heading in headings) + " |" for row in rows]
    if not rows:
        lines = ["Nothing to show: no tumours were assessed."]
    parts = [f"# {title}", "\n".join(lines), "\n".join(f"- {note}" for note in notes)]
    with atomic_path(stem.with_suffix(".md")) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n")


def _text(heading: Heading, row: Mapping[str, Any]) -> str:
    value = row[heading.column.metric]
    return MISSING if not isinstance(value, str) and pd.isna(value) else heading.text(row)
