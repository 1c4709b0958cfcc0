"""Train one model from shards, without the workflow.

Inputs: shards, the tissue they were simulated on, and a YAML file that holds the settings of the train stage (as such,
or as the section ``train`` of a full configuration). Output: the folder of a model.
"""

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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gliofit.train", description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, help="YAML with the settings of the train stage")
    parser.add_argument("--model", required=True, help="which of its `models`")
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="folders with train-*.nii and validation-*.nii"
    )
    parser.add_argument("--tissue", type=Path, required=True, help="folder of the tissue they were simulated on")
    parser.add_argument(
        "--warped", type=Path, nargs="+", default=[], help="folders of the warped tissues, named by their numbers"
    )
    parser.add_argument("--tissue-kind", choices=("labels", "probabilities"), default="probabilities")
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--checkpoint", type=Path, help="file to resume from, and to write checkpoints to")
    parser.add_argument("--time-budget-minutes", type=float, help="overrides the setting")
    parser.add_argument(
        "--piece-minutes", type=float, help="end after so long; the same command goes on from the checkpoint"
    )
    parser.add_argument("--epochs", type=int, help="overrides the setting")
    parser.add_argument("--init", type=Path, help="folder of a model to start from; overrides the setting")
    parser.add_argument("--card", action="store_true", help="also write README.md, the model card")
    return parser


def _settings(path: Path, model: str, overrides: dict[str, Any]) -> tuple[TrainSettings, SimulateSettings]:
    """The stage's settings, and those of stage simulate, by which samples are grown where that is asked for."""
    content = read_yaml(path)
    section = content.get("train", content)
    try:
        settings = TrainSettings.model_validate(section)
        simulate = SimulateSettings.model_validate(content.get("simulate", {}) if "train" in content else {})
        if model in settings.models:
            changed = settings.models[model].model_dump() | overrides
            models = {name: value.model_dump() for name, value in settings.models.items()} | {model: changed}
            settings = TrainSettings.model_validate(settings.model_dump() | {"models": models})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(path, f"{key}: {first['msg']}", "see docs/train.md") from error
    return settings, simulate


def _shards(folders: Sequence[Path], split: str) -> list[Path]:
    found = sorted((path for folder in folders for path in folder.glob(f"{split}-*.nii")), key=lambda path: path.name)
    if not found:
        raise InputError(folders[0], f"holds no {split}-*.nii", "give the folder of the simulated shards")
    return found


def _stopped_by(folder: Path) -> str | None:
    """What ended the training of a model's folder; None if it holds none yet."""
    path = folder / "model.json"
    return str(read_json(path)["training"]["stopped_by"]) if path.is_file() else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 2 for bad input."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    overrides = {
        name: value
        for name in ("time_budget_minutes", "epochs", "init")
        if (value := getattr(options, name)) is not None
    }
    try:
        settings, simulate = _settings(options.config, options.model, overrides)
        generated = options.model in settings.models and settings.models[options.model].data == "generated"
        with show_progress("gliofit.train") as progress:
            train_model(
                [] if generated else _shards(options.shards, "train"),
                _shards(options.shards, "validation"),
                options.tissue,
                settings,
                options.model,
                options.out,
                options.seed,
                device=options.device,
                threads=options.threads,
                tissue_kind=options.tissue_kind,
                checkpoint=options.checkpoint,
                warped={warped_name(folder.name): folder for folder in options.warped},
                simulate=simulate,
                piece_minutes=options.piece_minutes,
                progress=progress,
            )
        finished = _stopped_by(options.out) not in (None, "piece")
        print("training is complete" if finished else "training goes on when this command is given again")
        if options.card and (options.out / "model.json").is_file():
            write_card(options.out)
    except InputError as error:
        print(f"gliofit: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
