"""Training: it learns, resumes, stops and never makes a model worse."""

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from safetensors.torch import load_file

from gliofit.core.errors import InputError
from gliofit.train.__main__ import main
from gliofit.train.surrogate import load_surrogate
from gliofit.train.training import Training


def weights(folder):
    return load_file(folder / "weights.safetensors")


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def info(folder):
    return json.loads((folder / "model.json").read_text())


def test_folder_of_a_trained_surrogate(train, make_settings, tmp_path):
    out = train(make_settings(), tmp_path / "model")
    files = ["history.parquet", "learning_curve.png", "model.json", "weights.safetensors"]
    assert sorted(path.name for path in out.iterdir()) == files
    history = pd.read_parquet(out / "history.parquet")
    assert list(history["epoch"]) == [1, 2]
    assert history["best"].any()
    content = info(out)
    assert content["validation"]["mse"] == pytest.approx(history["validation_loss"][history["best"]].iloc[-1])
    assert content["validation"]["baseline"]["mse"] > 0
    assert content["training"]["samples"] == 11
    assert load_surrogate(out, "cpu").crop.size == 8


@pytest.mark.parametrize("name", ["convnext-unet", "direct-inverse"])
def test_overfits_four_samples(train, make_settings, tmp_path, train_paths, name):
    network = {"widths": (8, 16), "layer_scale": 1.0}
    samples = {"max_samples": 4, "flip_axes": (), "epochs": 80}
    settings = make_settings(**samples, learning_rate=1e-2, schedule="cosine", network=network)
    train(settings, tmp_path, name, validation=train_paths[:1])
    history = pd.read_parquet(tmp_path / "history.parquet")
    assert history["train_loss"].iloc[-1] < 0.03 * history["train_loss"].iloc[1]


def test_same_seed_same_weights(train, make_settings, tmp_path):
    one, two, other = (
        train(make_settings(), tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


@pytest.mark.parametrize(("after", "ema", "every"), [(2, 0.9, None), (3, None, None), (4, None, 1)])
def test_resumed_equals_uninterrupted(train, make_settings, tmp_path, monkeypatch, after, ema, every):
    """Stopped in the middle of an epoch (3 steps each) or at its end, it goes on bit for bit."""
    settings = make_settings(epochs=3, schedule="cosine", ema_decay=ema, validate_every_steps=every)
    settings = settings.model_copy(update={"checkpoint_minutes": 1e-9})
    whole = train(settings, tmp_path / "whole")

    step = Training._step

    def interrupted(self, batch, weight):
        if self.position.steps == after:
            raise KeyboardInterrupt
        return step(self, batch, weight)

    checkpoint = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(settings, tmp_path / "parts", checkpoint=checkpoint)
    assert checkpoint.is_file()
    assert not (tmp_path / "parts").exists()
    parts = train(settings, tmp_path / "parts", checkpoint=checkpoint)
    assert same(weights(whole), weights(parts))
    columns = ["epoch", "steps", "train_loss", "validation_loss", "best"]
    histories = [pd.read_parquet(folder / "history.parquet")[columns] for folder in (whole, parts)]
    pd.testing.assert_frame_equal(*histories)


def test_pieces_add_up_to_the_whole(train, make_settings, tmp_path, monkeypatch):
    """Pieces of no time at all: one step each."""
    settings = make_settings(epochs=2)
    whole = train(settings, tmp_path / "whole")
    seen = []
    while "epochs" not in seen and len(seen) < 12:
        train(settings, tmp_path / "parts", checkpoint=tmp_path / "checkpoint.pt", piece_minutes=1e-9)
        seen.append((tmp_path / "parts").exists() and info(tmp_path / "parts")["training"]["stopped_by"])
    assert seen[0] is False
    assert {"piece", "epochs"} <= set(seen)
    assert same(weights(whole), weights(tmp_path / "parts"))


def test_checkpoint_of_other_training_or_broken_is_not_used(train, make_settings, tmp_path, caplog):
    checkpoint = tmp_path / "checkpoint.pt"
    train(make_settings(), tmp_path / "a", checkpoint=checkpoint)
    train(make_settings(batch_size=3), tmp_path / "b", checkpoint=checkpoint)
    checkpoint.write_bytes(b"broken")
    train(make_settings(), tmp_path / "c", checkpoint=checkpoint)
    assert "cannot be read" in caplog.text
    assert same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_init_is_never_worse(train, make_settings, tmp_path):
    start = train(make_settings(epochs=3), tmp_path / "start")
    before = info(start)["validation"]["mse"]
    # A learning rate that ruins the network in the first steps.
    ruined = train(make_settings(init=start, learning_rate=10.0, clip_norm=None), tmp_path / "ruined")
    assert info(ruined)["validation"]["mse"] == before
    assert same(weights(ruined), weights(start))
    better = train(make_settings(init=start, learning_rate=1e-3), tmp_path / "better")
    assert info(better)["validation"]["mse"] <= before
    assert info(better)["training"]["init"]["validation"]["mse"] == before


@pytest.mark.parametrize("changes", [{"network": {"widths": (4, 6)}}, {"tissue_input": "label"}])
def test_init_of_other_network_is_refused(train, make_settings, tmp_path, changes):
    start = train(make_settings(epochs=1), tmp_path / "start")
    with pytest.raises(InputError, match=next(iter(changes))):
        train(make_settings(init=start, **changes), tmp_path / "out")


def test_two_processes_train_the_same_network_as_one(train, make_settings, tmp_path):
    """Eleven samples in batches of four: the last batch is shared two to one."""
    one = train(make_settings(learning_rate=1e-3), tmp_path / "one")
    two = train(make_settings(learning_rate=1e-3, devices=2), tmp_path / "two")
    assert info(two)["training"]["devices"] == 2
    a, b = weights(one), weights(two)
    start = train(make_settings(learning_rate=1e-12), tmp_path / "start")
    moved = max(float((a[name] - value).abs().max()) for name, value in weights(start).items())
    apart = max(float((a[name] - b[name]).abs().max()) for name in a)
    assert moved > 1e-3
    assert apart < 0.02 * moved
    losses = [pd.read_parquet(folder / "history.parquet")["train_loss"] for folder in (one, two)]
    np.testing.assert_allclose(*losses, rtol=1e-3)


def test_divergence_keeps_the_best(train, make_settings, tmp_path, monkeypatch):
    step = Training._step

    def failing(self, batch, weight):
        return step(self, batch, weight) if self.position.steps < 3 else float("nan")

    monkeypatch.setattr(Training, "_step", failing)
    out = train(make_settings(epochs=50), tmp_path / "out")
    assert info(out)["training"]["stopped_by"] == "divergence"


def arguments(config, model, data_dir, out):
    options = {"config": config, "model": model, "shards": data_dir, "tissue": data_dir / "tissue", "out": out}
    return [text for name, value in options.items() for text in (f"--{name}", str(value))]


def test_command_line(data_dir, tmp_path, make_settings, capsys):
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"train": make_settings().model_dump(mode="json")}))
    command = arguments(config, "direct-inverse", data_dir, tmp_path / "out")
    assert main([*command, "--epochs", "1", "--card", "--checkpoint", str(tmp_path / "c.pt")]) == 0
    assert (tmp_path / "out" / "README.md").stat().st_size > 500
    assert info(tmp_path / "out")["training"]["epochs"] == 1
    shutil.rmtree(tmp_path / "out")
    config.write_text("modles: {}")
    assert main(command) == 2
    assert "modles" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_killed_at_any_moment_it_resumes_to_the_same_place(data_dir, make_settings, tmp_path, train):
    """SIGKILL, which nothing can catch: during a step, a validation or while a checkpoint is written."""
    settings = make_settings(epochs=40).model_copy(update={"checkpoint_minutes": 1e-9})
    whole = train(settings, tmp_path / "whole")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"train": settings.model_dump(mode="json")}))
    checkpoint, out = tmp_path / "checkpoints" / "model.pt", tmp_path / "out"
    command = [sys.executable, "-m", "gliofit.train", *arguments(config, "convnext-unet", data_dir, out)]
    command += ["--checkpoint", str(checkpoint), "--seed", "0", "--device", "cpu"]
    rng, kills = np.random.default_rng(0), 0
    for _ in range(20):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = checkpoint.stat().st_mtime_ns if checkpoint.is_file() else 0
        patience = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < patience:
            # Importing takes seconds; the moments that matter begin with the first checkpoint of this process.
            if kills < 4 and checkpoint.is_file() and checkpoint.stat().st_mtime_ns != before:
                time.sleep(rng.uniform(0, 0.3))
                process.kill()
                kills += 1
                break
            time.sleep(0.01)
        if process.wait() == 0:
            break
    assert kills >= 2
    assert same(weights(whole), weights(out))
    assert info(whole)["training"]["steps"] == info(out)["training"]["steps"]
