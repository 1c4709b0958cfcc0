"""Model card: what a trained model is, made from its ``model.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gliofit.io import atomic_path, read_json, write_json
from gliofit.metrics.fields import VOLUME_MM3
from gliofit.simulate.settings import ATLAS

__all__ = ["model_card", "write_card"]

_THETA = (
    ("dx_mm", "origin, right of the cube's centre (mm)"),
    ("dy_mm", "origin, anterior (mm)"),
    ("dz_mm", "origin, superior (mm)"),
    ("mu_d_mm", "mu_D = sqrt(D T) (mm)"),
    ("mu_rho", "mu_rho = sqrt(rho T)"),
)

_NUMBERS = {
    "mse": "MSE of the concentration, all voxels of the cube",
    "mae": "MAE of the concentration, all voxels of the cube",
    "dice_033": "Dice of the outline at concentration 0.33",
    "loss": "MSE of the normalised parameters",
    "mae_dx_mm": "MAE of the origin, left-right (mm)",
    "mae_dy_mm": "MAE of the origin, front-back (mm)",
    "mae_dz_mm": "MAE of the origin, up-down (mm)",
    "mae_mu_d_mm": "MAE of mu_D (mm)",
    "mae_mu_rho": "MAE of mu_rho",
    "origin_error_mm": "mean distance of the origin (mm)",
}

_USE = {
    "surrogate": (
        "Predicts the tumour-cell concentration on a cube about a tumour from white and grey matter fractions and "
        "theta. It stands in for the numerical solver where an inversion needs many or differentiable evaluations."
    ),
    "direct-inverse": (
        "Predicts theta from the tumour-cell concentration and the white and grey matter fractions on a cube about the "
        "concentration's centre of mass. It is the `direct` method and the start of the hybrid one."
    ),
    "atlas-inverse": (
        "Predicts theta in the atlas from a segmentation that was brought there: 0.333 in oedema, 0.999 in the core, "
        "on a cube that never moves. It is the `lmi` method (Learn-Morph-Infer)."
    ),
}


def model_card(info: Mapping[str, Any]) -> str:
    """Markdown text for the content of a ``model.json``."""
    crop, training, validation = info["crop"], info["training"], info["validation"]
    settings = training["settings"]
    size, spacing = crop["size"], crop["spacing_mm"]
    lines = [
        f"# {info['name']}",
        "",
        _USE[info["kind"]],
        "",
        f"Loaded with `gliofit.train.surrogate.load_{info['kind'].replace('-', '_')}`.",
        "",
        "## What it is",
        "",
        f"- Architecture: `{info['architecture']}`, {training['parameters']:,} parameters, "
        + ", ".join(f"{key} {value}" for key, value in info["network"].items()),
        f"- Cube: {size} x {size} x {size} voxels of {spacing:g} mm, {_place(info)}, axes right, anterior, "
        "superior, zero outside the image",
        f"- Tissue input: {'none' if info['kind'] == 'atlas-inverse' else info['tissue_input']}; "
        f"tissue it was trained on: {info['tissue_kind']}",
        "",
        "| parameter | mean | standard deviation | lowest seen | highest seen |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    theta = info["theta"]
    for index, (_, title) in enumerate(_THETA):
        cells = " | ".join(f"{theta[name][index]:.4g}" for name in ("mean", "std", "low", "high"))
        lines.append(f"| {title} | {cells} |")
    lines += [
        "",
        "Outside the range seen in training its output means nothing.",
        "",
        "## Validation",
        "",
        f"On {validation['samples']} simulated tumours that were not trained on (but that chose the epoch), "
        f"at epoch {validation['epoch']:.2f}:",
        "",
        "| | this model | predicting the training mean |",
        "| --- | ---: | ---: |",
    ]
    for key, title in _NUMBERS.items():
        if key not in validation or (key == "loss" and "mse" in validation):
            continue
        values = validation[key], validation["baseline"][key]
        lines.append(f"| {title} | {values[0]:.4g} | {values[1]:.4g} |")
        if key == "mse":
            share = (size * spacing) ** 3 / VOLUME_MM3
            lines.append(
                f"| the same squared error averaged over 240 x 240 x 155 mm | {share * values[0]:.4g} "
                f"| {share * values[1]:.4g} |"
            )
    if "test" in info:
        lines += ["", "## Test", "", *_test_lines(info["test"])]
    lines += [
        "",
        "## Training",
        "",
        f"- Data: {training['samples']} tumours{'' if training['shards'] else ' per epoch'} simulated by gliofit's own "
        f"solver at {info['simulation_spacing_mm']:g} mm (fingerprint `{training['data_fingerprint'][:16]}`), in "
        f"{_brains(training['anatomies'])}; no patient data",
        f"- {training['epochs']:.1f} epochs ({training['steps']:,} steps of {settings['batch_size']} samples) in "
        f"{training['minutes']:.0f} minutes on {training['devices']} x {training['device']}, "
        f"{training['threads']} threads, "
        f"{training['precision']}; stopped by {training['stopped_by']}",
        f"- Seed {training['seed']}, learning rate {settings['learning_rate']:g} ({settings['schedule']}), "
        f"mirrored axes: {', '.join(settings['flip_axes']) or 'none'}, moving average of weights: "
        f"{settings['ema_decay'] or 'none'}",
        f"- gliofit {training['gliofit']}, torch {training['torch']}",
    ]
    if training["init"] is not None:
        earlier = training["init"].get("training") or {}
        lines.append(
            f"- Started from a model trained for {earlier.get('minutes', 0):.0f} minutes on "
            f"{earlier.get('samples', 'unknown')} tumours (seed {earlier.get('seed')})"
        )
    lines += [
        "",
        "## Limits",
        "",
        f"Trained on {_brains(training['anatomies'])} and on one growth model. Research use only; not a medical "
        "device.",
        "",
    ]
    return "\n".join(lines)


def _place(info: Mapping[str, Any]) -> str:
    """Where the cube lies."""
    if info["kind"] != "atlas-inverse":
        return "about the centre of mass"
    return f"fixed in the atlas about ({', '.join(f'{value:g}' for value in info['centre_mm'])}) mm"


def _test_lines(groups: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Table of test numbers by group of anatomies."""
    names = {
        "n": "tumours",
        "mse_cube": "MSE of the concentration, all voxels of the cube",
        "mse_volume": "the same squared error averaged over 240 x 240 x 155 mm",
        "mae_cube": "MAE of the concentration, all voxels of the cube",
        "ncc_cube": "NCC in the cube",
        "dice_033": "Dice of the outline at concentration 0.33",
    }
    heads = {"atlas": "atlas", "warped": "other warped atlases", "patients": "patients' brains"}
    used = [group for group in heads if group in groups]
    lines = ["On simulated tumours that had no part in training (stage assess).", ""]
    lines += ["| | " + " | ".join(heads[group] for group in used) + " |", "| --- |" + " ---: |" * len(used)]
    lines += [
        f"| {title} | " + " | ".join(f"{groups[g][name]:.4g}" for g in used) + " |" for name, title in names.items()
    ]
    return lines


def _brains(anatomies: Sequence[str]) -> str:
    warped = len(anatomies) - (ATLAS in anatomies)
    parts = [
        *(["one atlas brain"] if ATLAS in anatomies else []),
        *([f"{warped} warped copies of it"] if warped else []),
    ]
    return " and ".join(parts)


def write_card(folder: str | Path, test: Mapping[str, Mapping[str, float]] | None = None) -> None:
    """Write ``README.md`` into the folder of a model.

    Parameters
    ----------
    folder
        The folder.
    test
        Means of ``n mse_cube mse_volume mae_cube ncc_cube dice_033`` on test tumours by group of anatomies
        (``gliofit.assess.summary.card_numbers``); they are kept in ``model.json``.
    """
    folder = Path(folder)
    info = read_json(folder / "model.json")
    if test is not None:
        info = {**info, "test": {group: dict(values) for group, values in test.items()}}
        write_json(folder / "model.json", info)
    text = model_card(info)
    with atomic_path(folder / "README.md") as temporary:
        temporary.write_text(text)
