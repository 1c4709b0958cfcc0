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

from gliofit.core.crop import CropSettings
from gliofit.core.errors import InputError
from gliofit.train import fit
from gliofit.train.__main__ import main
from gliofit.train.architecture import find_architecture
from gliofit.train.card import write_card
from gliofit.train.expectation import Expectation
from gliofit.train.schedule import learning_rate_factor
from gliofit.train.surrogate import load_direct_inverse, load_model, load_surrogate
from gliofit.train.training import Training


def weights(folder):
    return load_file(folder / "weights.safetensors")


def same(a, b):
    return all(torch.equal(a[name], b[name]) for name in a)


def info(folder):
    return json.loads((folder / "model.json").read_text())


def test_folder_of_a_trained_surrogate(train, make_settings, tmp_path):
    out = train(make_settings(), tmp_path / "model")
    assert {p.name for p in out.iterdir()} == {
        "weights.safetensors",
        "model.json",
        "history.parquet",
        "learning_curve.png",
    }
    history = pd.read_parquet(out / "history.parquet")
    assert list(history["epoch"]) == [1, 2]
    assert history["best"].any()
    content = info(out)
    assert content["validation"]["mse"] == pytest.approx(history["validation_loss"][history["best"]].iloc[-1])
    assert content["validation"]["baseline"]["mse"] > 0
    assert content["training"]["samples"] == 11
    assert load_surrogate(out, "cpu").crop.size == 8


@pytest.mark.parametrize("name", ["convnext-unet", "direct-inverse"])
def test_overfits_four_samples(train, make_settings, tmp_path, train_paths, data_dir, name):
    settings = make_settings(
        epochs=80,
        max_samples=4,
        flip_axes=(),
        learning_rate=1e-2,
        schedule="cosine",
        network={"widths": (8, 16), "layer_scale": 1.0},
    )
    fit.train_model(train_paths, train_paths[:1], data_dir / "tissue", settings, name, tmp_path, 0)
    history = pd.read_parquet(tmp_path / "history.parquet")
    assert history["train_loss"].iloc[-1] < 0.03 * history["train_loss"].iloc[1]


def test_same_seed_same_weights(train, make_settings, tmp_path):
    one, two, other = (
        train(make_settings(), tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert same(weights(one), weights(two))
    assert not same(weights(one), weights(other))


def test_threads_do_not_change_the_order_of_samples(train, make_settings, tmp_path):
    settings = make_settings()
    fresh = settings.model_copy(update={"cache_gib": 0.0})
    assert same(weights(train(settings, tmp_path / "a")), weights(train(fresh, tmp_path / "b")))


@pytest.mark.parametrize(("ema", "every"), [(None, None), (0.9, None), (None, 1)])
@pytest.mark.parametrize("after", [2, 3, 4])
def test_resumed_equals_uninterrupted(train, make_settings, tmp_path, monkeypatch, after, ema, every):
    """Stopped in the middle of an epoch (3 steps each) or at its end, it goes on bit for bit."""
    settings = make_settings(epochs=3, schedule="cosine", ema_decay=ema, validate_every_steps=every)
    settings = settings.model_copy(update={"checkpoint_minutes": 1e-9})
    whole = train(settings, tmp_path / "whole")

    class Interrupted(Exception):
        pass

    step, steps = Training._step, 0

    def interrupted(self, batch, weight):
        nonlocal steps
        if steps == after:
            raise Interrupted
        steps += 1
        return step(self, batch, weight)

    checkpoint = tmp_path / "checkpoint.pt"
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_step", interrupted)
        with pytest.raises(Interrupted):
            train(settings, tmp_path / "parts", checkpoint=checkpoint)
    assert checkpoint.is_file()
    assert not (tmp_path / "parts").exists()
    parts = train(settings, tmp_path / "parts", checkpoint=checkpoint)
    assert same(weights(whole), weights(parts))
    columns = ["epoch", "steps", "train_loss", "validation_loss", "best"]
    histories = [pd.read_parquet(folder / "history.parquet")[columns] for folder in (whole, parts)]
    pd.testing.assert_frame_equal(*histories)


def test_validation_within_an_epoch_changes_no_weights(train, make_settings, tmp_path):
    rare, often = (train(make_settings(validate_every_steps=every), tmp_path / str(every)) for every in (None, 1))
    assert list(pd.read_parquet(often / "history.parquet")["steps"]) == [1, 2, 3, 4, 5, 6]
    last = pd.read_parquet(rare / "history.parquet").iloc[-1]
    assert pd.read_parquet(often / "history.parquet").iloc[-1]["validation_loss"] == last["validation_loss"]


def test_processor_time_ends_a_training(train, make_settings, tmp_path):
    out = train(make_settings(epochs=100_000, core_budget_minutes=2 / 60, schedule="cosine"), tmp_path / "model")
    assert info(out)["training"]["stopped_by"] == "time"
    history = pd.read_parquet(out / "history.parquet")
    assert history["core_seconds"].is_monotonic_increasing
    assert history["core_seconds"].iloc[-1] < 4
    assert history["learning_rate"].iloc[-1] < 1e-3


def test_pieces_add_up_to_the_whole(train, make_settings, tmp_path, monkeypatch):
    """Pieces of no time at all: one step each."""
    settings = make_settings(epochs=2)
    whole = train(settings, tmp_path / "whole")
    checkpoint, seen = tmp_path / "checkpoint.pt", []
    for _ in range(12):
        train(settings, tmp_path / "parts", checkpoint=checkpoint, piece_minutes=1e-9)
        seen.append((tmp_path / "parts").exists() and info(tmp_path / "parts")["training"]["stopped_by"])
        if seen[-1] == "epochs":
            break
    assert seen[0] is False
    assert "piece" in seen
    assert seen[-1] == "epochs"
    assert same(weights(whole), weights(tmp_path / "parts"))


def test_finished_training_can_be_prolonged(train, make_settings, tmp_path):
    checkpoint = tmp_path / "checkpoint.pt"
    train(make_settings(epochs=1), tmp_path / "a", checkpoint=checkpoint)
    longer = train(make_settings(epochs=2), tmp_path / "a", checkpoint=checkpoint)
    assert same(weights(longer), weights(train(make_settings(epochs=2), tmp_path / "b")))


def test_checkpoint_of_other_training_or_broken_is_not_used(train, make_settings, tmp_path, caplog):
    checkpoint = tmp_path / "checkpoint.pt"
    train(make_settings(), tmp_path / "a", checkpoint=checkpoint)
    train(make_settings(batch_size=3), tmp_path / "b", checkpoint=checkpoint)
    assert "other data or settings" in caplog.text
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


def test_zero_epochs_pass_the_model_on(train, make_settings, tmp_path):
    start = train(make_settings(), tmp_path / "start")
    out = train(make_settings(init=start, epochs=0), tmp_path / "out")
    assert same(weights(out), weights(start))
    assert (out / "learning_curve.png").stat().st_size > 1000


def test_init_keeps_the_normalisation_and_widens_the_range(train, make_settings, tmp_path, data_dir):
    start = train(make_settings(max_samples=3), tmp_path / "start")
    old, new = (load_surrogate(folder) for folder in (start, train(make_settings(init=start), tmp_path / "new")))
    assert torch.equal(old.theta_mean, new.theta_mean)
    assert torch.equal(old.theta_std, new.theta_std)
    assert (new.theta_low <= old.theta_low).all()
    assert (new.theta_high > old.theta_high).any()


def test_init_of_other_network_is_refused(train, make_settings, tmp_path):
    start = train(make_settings(), tmp_path / "start")
    with pytest.raises(InputError, match=r"has network.widths \[4, 8\], not \[4, 6\]"):
        train(make_settings(init=start, network={"widths": (4, 6)}), tmp_path / "out")
    with pytest.raises(InputError, match="has tissue_input maps, not label"):
        train(make_settings(init=start, tissue_input="label"), tmp_path / "out")
    path = start / "model.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 1'))
    with pytest.raises(InputError, match="has format 1, not 2"):
        train(make_settings(init=start), tmp_path / "out")


def test_other_cube_and_architecture_are_told_together(train, make_settings, tmp_path):
    out = train(make_settings(), tmp_path / "model")
    network = find_architecture("unet").parse({}).model_dump(mode="json")
    expected = Expectation("unet", network, CropSettings(size=64, spacing_mm=2.0), "maps")
    with pytest.raises(InputError) as error:
        load_model(out, expected=expected)
    for part in ("architecture convnext-unet, not unet", "crop.size 8, not 64", "crop.spacing_mm 8.0, not 2.0"):
        assert part in str(error.value)


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
    history = pd.read_parquet(tmp_path / "two" / "history.parquet")
    np.testing.assert_allclose(
        history["train_loss"], pd.read_parquet(tmp_path / "one" / "history.parquet")["train_loss"], rtol=1e-3
    )


def test_batches_that_devices_cannot_share_are_refused(make_settings):
    with pytest.raises(ValueError, match="batch_size: 4 is not a multiple of 3"):
        make_settings(devices=3)


def test_plateau_halves_the_rate_and_resumes(train, make_settings, tmp_path):
    settings = make_settings(schedule="plateau", plateau_patience=1, learning_rate=1.0, epochs=6)
    history = pd.read_parquet(train(settings, tmp_path / "whole") / "history.parquet")
    worse = int((~history["best"]).iloc[:-1].sum())
    assert worse >= 1
    assert history["learning_rate"].iloc[-1] == pytest.approx(0.5**worse)
    checkpoint = tmp_path / "checkpoint.pt"
    short = settings.models["convnext-unet"].model_copy(update={"epochs": 3})
    train(settings.model_copy(update={"models": {"convnext-unet": short}}), tmp_path / "parts", checkpoint=checkpoint)
    resumed = pd.read_parquet(train(settings, tmp_path / "parts", checkpoint=checkpoint) / "history.parquet")
    assert list(resumed["learning_rate"]) == list(history["learning_rate"])


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_stored_weights_are_short_and_measured(train, make_settings, tmp_path, stored):
    whole = train(make_settings(), tmp_path / "whole")
    short = train(make_settings(stored=stored), tmp_path / "short")
    assert all(value.dtype == getattr(torch, stored) for value in weights(short).values())
    assert (short / "weights.safetensors").stat().st_size < 0.7 * (whole / "weights.safetensors").stat().st_size
    model = load_surrogate(short)
    assert all(value.dtype == torch.float32 for value in model.network.state_dict().values())
    mse = [info(folder)["validation"]["mse"] for folder in (whole, short)]
    assert mse[0] != mse[1]
    assert mse[1] == pytest.approx(mse[0], rel=0.05)


def test_time_budget_stops_inside_an_epoch(train, make_settings, tmp_path):
    out = train(make_settings(epochs=10**6, time_budget_minutes=0.02, schedule="cosine"), tmp_path / "out")
    assert info(out)["training"]["stopped_by"] == "time"
    assert info(out)["training"]["minutes"] < 0.2


def test_patience_stops(train, make_settings, tmp_path):
    out = train(make_settings(epochs=50, learning_rate=1e-12, patience=2, ema_decay=None), tmp_path / "out")
    assert info(out)["training"]["stopped_by"] == "patience"
    assert len(pd.read_parquet(out / "history.parquet")) < 40


def test_divergence_keeps_the_best(train, make_settings, tmp_path, monkeypatch):
    step = Training._step

    def failing(self, batch, weight):
        return step(self, batch, weight) if self.position.steps < 3 else float("nan")

    monkeypatch.setattr(Training, "_step", failing)
    out = train(make_settings(epochs=50), tmp_path / "out")
    assert info(out)["training"]["stopped_by"] == "divergence"


def test_bfloat16_on_the_cpu(train, make_settings, tmp_path):
    out = train(make_settings(precision="bfloat16"), tmp_path / "out")
    assert np.isfinite(info(out)["validation"]["mse"])
    assert all(value.dtype == torch.float32 for value in weights(out).values())


def test_direct_inverse_reads_theta(train_paths, validation_paths, data_dir, make_settings, tmp_path):
    arguments = (train_paths, validation_paths, data_dir / "tissue", make_settings())
    with pytest.raises(InputError, match=r"not in `train\.models`"):
        fit.train_model(*arguments, "absent", tmp_path, 0)
    fit.train_model(*arguments, "direct-inverse", tmp_path, 0)
    model = load_direct_inverse(tmp_path)
    assert model(torch.rand(2, 8, 8, 8), torch.rand(1, 3, 8, 8, 8)).shape == (2, 5)
    assert info(tmp_path)["validation"]["origin_error_mm"] > 0


def test_paper_switches(train, make_settings, tmp_path):
    settings = make_settings(tissue_input="label", normalise=False)
    model = load_surrogate(train(settings, tmp_path / "out"))
    assert model.theta_mean.abs().sum() == 0
    assert model(torch.rand(1, 3, 8, 8, 8), torch.zeros(1, 5)).shape == (1, 8, 8, 8)


def test_learning_rate_schedule():
    assert learning_rate_factor(0.7, "constant", 0.1) == 1
    values = [learning_rate_factor(p, "cosine", 0.1) for p in (0, 0.05, 0.1, 0.55, 1, 2)]
    assert values == pytest.approx([0.01, 0.505, 1, 0.505, 0.01, 0.01])


def test_command_line(data_dir, tmp_path, make_settings, capsys):
    config = tmp_path / "config.yaml"
    config.write_text("train:\n" + "".join(f"  {line}\n" for line in _yaml(make_settings()).splitlines()))
    command = ["--config", str(config), "--model", "direct-inverse", "--shards", str(data_dir)]
    command += ["--tissue", str(data_dir / "tissue"), "--out", str(tmp_path / "out")]
    assert main([*command, "--epochs", "1", "--card", "--checkpoint", str(tmp_path / "c.pt")]) == 0
    card = (tmp_path / "out" / "README.md").read_text()
    assert "predicting the training mean" in card
    assert "mu_rho" in card
    assert info(tmp_path / "out")["training"]["epochs"] == 1
    shutil.rmtree(tmp_path / "out")
    config.write_text("modles: {}")
    assert main(command) == 2
    assert "modles" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_card_has_both_domains_and_what_was_tested(train, make_settings, tmp_path):
    out = train(make_settings(), tmp_path / "model")
    numbers = dict.fromkeys(("mse_cube", "mse_volume", "mae_cube", "ncc_cube", "dice_033"), 0.123)
    write_card(out, {"atlas": {"n": 7, **numbers}})
    card = (out / "README.md").read_text()
    # A cube of 64 mm in 240 x 240 x 155 mm.
    expected = info(out)["validation"]["mse"] * 64**3 / (240 * 240 * 155)
    assert f"| squared error averaged over 240 x 240 x 155 mm | {expected:.4g} |" in card
    assert "| tumours | 7 |" in card
    assert "| Dice of the outline at concentration 0.33 | 0.123 |" in card
    assert load_surrogate(out).info["test"]["atlas"]["n"] == 7


def _yaml(settings):
    import yaml

    return yaml.safe_dump(json.loads(settings.model_dump_json()))


def test_killed_at_any_moment_it_resumes_to_the_same_place(data_dir, make_settings, tmp_path, train):
    """SIGKILL, which nothing can catch: during a step, a validation or while a checkpoint is written."""
    settings = make_settings(epochs=40).model_copy(update={"checkpoint_minutes": 1e-9})
    whole = train(settings, tmp_path / "whole")
    config = tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump({"train": settings.model_dump(mode="json")}))
    checkpoint, out = tmp_path / "checkpoints" / "model.pt", tmp_path / "out"
    command = [
        sys.executable, "-m", "gliofit.train", "--config", str(config), "--model", "convnext-unet",
        "--shards", str(data_dir), "--tissue", str(data_dir / "tissue"), "--out", str(out),
        "--checkpoint", str(checkpoint), "--seed", "0", "--device", "cpu",
    ]  # fmt: skip
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
