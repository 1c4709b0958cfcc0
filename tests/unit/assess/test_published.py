from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from gliofit.assess.calibration_figure import draw_calibration
from gliofit.assess.figure1b import best_model, choose_cases
from gliofit.assess.figure6 import draw_figure6
from gliofit.assess.forward import assess_forward
from gliofit.assess.gradient_figure import draw_gradients
from gliofit.assess.gradients import assess_gradients, surrogate_jacobian
from gliofit.assess.tables import read_models, write_assess_tables
from gliofit.assess.training_figure import draw_training, read_histories
from gliofit.core.errors import InputError
from gliofit.solver.settings import AccurateSettings

from .conftest import CASES, CROP, forward_rows, gradient_rows

MODELS = pd.DataFrame(
    {
        "model": ["unet", "my-net"], "architecture": ["unet", "guided"], "parameters": [12345.0, 10.0],
        "samples": [2048.0, 64.0], "minutes": [72.02, 3.0], "device": "CPU", "voxel": ["32³ of 4 mm", "128³ of 1 mm"],
    }
)  # fmt: skip

FORWARD = pd.concat(
    [forward_rows("unet"), forward_rows("my-net", mse_cube=2e-3), forward_rows("unet", "warped"),
     forward_rows("unet", "patients")]
)  # fmt: skip
GRADIENTS = pd.concat([gradient_rows("unet"), gradient_rows("my-net", relative_norm=2.0)])


def test_tables(tmp_path):
    write_assess_tables(FORWARD, GRADIENTS, MODELS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        f"{n}.{kind}" for n in ("forward", "anatomies", "gradients", "calibration") for kind in ("json", "csv", "md")
    }
    table = pd.read_csv(tmp_path / "forward.csv").set_index("surrogate")
    assert table.index.tolist() == ["U-Net", "My net"]
    assert table.loc["U-Net", "MSE, cube (×10⁻³)"] == pytest.approx(4.5)
    assert table.loc["U-Net", "MSE, cube (×10⁻³), standard error"] == pytest.approx(0.75**0.5, rel=1e-5)
    assert table.loc["U-Net", ["parameters", "training samples", "training (min)"]].tolist() == [12345, 2048, 72.02]
    paper = table["paper’s MSE, its own data and training (×10⁻³)"]
    assert paper["U-Net"] == 2.2
    assert np.isnan(paper["My net"])
    gradients = pd.read_csv(tmp_path / "gradients.csv")
    assert gradients.loc[0, ["surrogate", "anatomy", "tumours"]].tolist() == ["U-Net", "atlas", 4]
    assert gradients.loc[0, "relative norm, median"] == 2.5
    write_assess_tables(FORWARD, GRADIENTS.head(0), MODELS, tmp_path / "none")
    assert pd.read_csv(tmp_path / "none/gradients.csv").empty


def test_figures(tmp_path, drawn):
    draw_figure6(FORWARD, tmp_path, dpi=60)
    draw_gradients(GRADIENTS, tmp_path, dpi=60)
    draw_calibration(FORWARD, tmp_path, dpi=60)
    names = {f"{name}.{kind}" for name in ("figure6", "gradients", "calibration") for kind in ("png", "pdf")}
    assert {path.name for path in tmp_path.iterdir()} == names
    for number in range(3):
        assert {"U-Net", "My net"} <= set(drawn.words(number))


def test_typical_and_difficult_case():
    rows = pd.concat([forward_rows("vnet", mse_cube=1e-2), FORWARD.assign(mse_cube=FORWARD["mse_cube"] * 0.1)])
    # The median of my-net is 2e-4 everywhere; that of unet is 4.5e-4.
    assert best_model(rows) == "my-net"
    only = forward_rows("unet").head(7)
    # The median is 4, of case 3, and the 90th percentile of 6.4 is nearest to case 5 with 6.
    assert choose_cases(only) == [("typical", 3), ("difficult", 5)]
    assert choose_cases(only.head(1)) == [("typical", 0)]
    with pytest.raises(InputError, match="no test tumours"):
        choose_cases(forward_rows("unet", "warped"))


def test_a_trained_network_from_end_to_end(tmp_path, shard, tissue_dir, data):
    import torch

    from gliofit.train.fit import train_model
    from gliofit.train.settings import ModelSettings, TrainSettings
    from gliofit.train.surrogate import load_surrogate
    from gliofit.train.training import TrainingJob

    network = {"widths": (4, 8), "kernel_size": 3, "layer_scale": 0.1}
    model = ModelSettings(architecture="convnext-unet", network=network, batch_size=2, epochs=1)
    settings = TrainSettings(crop=CROP, models={"convnext-unet": model})
    folder = tmp_path / "model"
    train_model(TrainingJob([shard], [shard], tissue_dir, settings, "convnext-unet", folder, 0))
    histories = read_histories([folder, folder])
    assert histories["model"].unique().tolist() == ["convnext-unet"]
    assert histories["samples"].max() == 2 * json.loads((folder / "model.json").read_text())["training"]["steps"]
    assert (histories["core_hours"] > 0).all()
    draw_training(histories, tmp_path / "figures", dpi=60)
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {"training.png", "training.pdf"}
    surrogate = load_surrogate(folder)
    rows = assess_forward(surrogate, shard, tissue_dir, "convnext-unet", "atlas")
    validation = json.loads((folder / "model.json").read_text())["validation"]
    # On the tumours that training validated on, the same numbers.
    assert rows["mse_cube"].mean() == pytest.approx(validation["mse"], rel=1e-4)
    assert rows["mae_cube"].mean() == pytest.approx(validation["mae"], rel=1e-4)

    batch = data.batch([0])
    field, tangents = surrogate_jacobian(surrogate, batch.tissue, batch.theta[0])
    theta = batch.theta.clone().requires_grad_()
    concentration = surrogate(batch.tissue, theta)[0]
    torch.testing.assert_close(field, concentration.detach())
    weights = torch.linspace(-1, 1, field.numel()).reshape(field.shape)
    (backward,) = torch.autograd.grad((concentration * weights).sum(), theta)
    torch.testing.assert_close((tangents * weights).sum(dim=(1, 2, 3)), backward[0], rtol=1e-3, atol=1e-5)

    solver = AccurateSettings(tolerance=1e-2)
    gradients = assess_gradients(surrogate, shard, tissue_dir, "convnext-unet", "atlas", 2, 1, solver)
    assert len(gradients) == 2 * 6
    assert gradients["cosine"].abs().le(1 + 1e-9).all()
    write_assess_tables(rows, gradients, read_models({"convnext-unet": folder}), tmp_path / "out")
    table = pd.read_csv(tmp_path / "out/forward.csv")
    assert table.loc[0, ["tumours", "training samples"]].tolist() == [CASES, CASES]
