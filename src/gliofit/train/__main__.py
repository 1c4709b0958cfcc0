"""Train one model from shards without the workflow."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gliofit.core.errors import InputError
from gliofit.core.io import read_json
from gliofit.core.progress import show_progress
from gliofit.core.yaml_file import read_yaml
from gliofit.simulate.settings import SimulateSettings, warped_name
from gliofit.train.card import write_card
from gliofit.train.fit import train_model
from gliofit.train.settings import TrainSettings
from gliofit.train.training import TrainingJob


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gliofit.train", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML file with the settings of stage train, or with section `train`"
    )
    parser.add_argument("--model", required=True, help="key of `models`")
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="folders with train-*.nii and validation-*.nii"
    )
    parser.add_argument("--tissue", type=Path, required=True, help="folder of the tissue of the simulations")
    parser.add_argument("--warped", type=Path, nargs="+", default=[], help="folders of warped tissues, named by number")
    parser.add_argument("--tissue-kind", choices=("labels", "probabilities"), default="probabilities")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--checkpoint", type=Path, help="file to resume from and to write checkpoints to")
    parser.add_argument("--time-budget-minutes", type=float, help="overrides the setting")
    parser.add_argument("--piece-minutes", type=float, help="stop after this time; repeat the command to continue")
    parser.add_argument("--epochs", type=int, help="overrides the setting")
    parser.add_argument("--init", type=Path, help="folder of a model to start from; overrides the setting")
    parser.add_argument("--card", action="store_true", help="also write README.md, the model card")
    return parser


def _settings(path: Path, model: str, overrides: dict[str, Any]) -> tuple[TrainSettings, SimulateSettings]:
    """Read the settings of stages train and simulate."""
    content = read_yaml(path)
    section = content.get("train", content)
    try:
        settings = TrainSettings.model_validate(section)
        simulate = SimulateSettings.model_validate(content.get("simulate", {}) if "train" in content else {})
        if model in settings.models:
            changed = settings.models[model].model_dump() | {k: v for k, v in overrides.items() if v is not None}
            models = {name: value.model_dump() for name, value in settings.models.items()} | {model: changed}
            settings = TrainSettings.model_validate(settings.model_dump() | {"models": models})
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(path, f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "see docs/train.md") from error
    return settings, simulate


def _shards(folders: Sequence[Path], split: str) -> list[Path]:
    shards = sorted((path for folder in folders for path in folder.glob(f"{split}-*.nii")), key=lambda path: path.name)
    if not shards:
        raise InputError(folders[0], f"contains no {split}-*.nii", "specify the folder of the simulated shards")
    return shards


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return exit status 2 for invalid input."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    overrides = {name: getattr(options, name) for name in ("time_budget_minutes", "epochs", "init")}
    try:
        settings, simulate = _settings(options.config, options.model, overrides)
        generated = options.model in settings.models and settings.models[options.model].data == "generated"
        job = TrainingJob(
            [] if generated else _shards(options.shards, "train"), _shards(options.shards, "validation"),
            options.tissue, settings, options.model, options.out, options.seed, options.threads, options.tissue_kind,
            options.checkpoint, {warped_name(folder.name): folder for folder in options.warped}, simulate,
            options.piece_minutes,
        )  # fmt: skip
        with show_progress("gliofit.train") as progress:
            train_model(job, device=options.device, progress=progress)
        model = options.out / "model.json"
        complete = model.is_file() and read_json(model)["training"]["stopped_by"] != "piece"
        print("training is complete" if complete else "training is not complete; repeat the command to continue")
        if options.card and model.is_file():
            write_card(options.out)
    except InputError as error:
        print(f"gliofit: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
