from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from gliofit.assess.calibration_figure import draw_calibration
from gliofit.assess.figure1b import best_model, choose_cases, draw_figure1b, view_cases
from gliofit.assess.figure6 import draw_figure6
from gliofit.assess.forward import assess_forward
from gliofit.assess.gradient_figure import draw_gradients
from gliofit.assess.gradients import assess_gradients, surrogate_jacobian
from gliofit.assess.names import surrogate_colours, surrogate_name
from gliofit.assess.tables import read_models, write_assess_tables
from gliofit.core.errors import InputError
from gliofit.figures.axes import label_log_axis
from gliofit.solver.settings import AccurateSettings
from gliofit.train.dataset import ShardDataset

from .conftest import CASES, CROP, FakeSurrogate, forward_rows, gradient_rows, knows

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


def same_files(first, second) -> set[str]:
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes(), path.name
    return {path.name for path in first.iterdir()}


def test_tables(tmp_path):
    for folder in (tmp_path / "one", tmp_path / "two"):
        write_assess_tables(FORWARD, GRADIENTS, MODELS, folder)
    names = {
        f"{n}.{kind}" for n in ("forward", "anatomies", "gradients", "calibration") for kind in ("json", "csv", "md")
    }
    assert same_files(tmp_path / "one", tmp_path / "two") == names

    table = pd.read_csv(tmp_path / "one/forward.csv").set_index("surrogate")
    assert table.index.tolist() == ["U-Net", "My net"]
    assert table.loc["U-Net", "MSE, cube (×10⁻³)"] == pytest.approx(4.5)
    assert table.loc["U-Net", "MSE, cube (×10⁻³), standard error"] == pytest.approx(0.75**0.5, rel=1e-5)
    assert table.loc["U-Net", ["parameters", "training samples", "training (min)"]].tolist() == [12345, 2048, 72.02]
    paper = table["paper’s MSE, its own data and training (×10⁻³)"]
    assert paper["U-Net"] == 2.2
    assert np.isnan(paper["My net"])
    text = (tmp_path / "one/forward.md").read_text()
    assert "4.50 ± 0.87" in text
    assert "| 12,345 | 2,048 | 72 | CPU | 2.20 |" in text
    assert "| CPU | – |" in text
    assert "Outside the cube of 32³ of 4 mm: 3.50%" in text

    anatomies = (tmp_path / "one/anatomies.md").read_text()
    assert "MSE, cube, warped atlases" in anatomies
    assert "tumours, patients" in anatomies
    assert "| – | – | – | – |" in anatomies
    assert "warped" not in write_and_read(tmp_path / "few", FORWARD[FORWARD["group"] == "atlas"], "anatomies.md")
    gradients = pd.read_csv(tmp_path / "one/gradients.csv")
    assert gradients.loc[0, ["surrogate", "anatomy", "derivative by", "tumours"]].tolist() == [
        "U-Net",
        "atlas",
        "origin x",
        4,
    ]
    assert gradients.loc[0, "relative norm, median"] == 2.5
    assert (
        "| volume (cm³) | 10 to 20 | U-Net | 2 | 1.50 | 0.800 | 10.0 | 10.0 |"
        in (tmp_path / "one/calibration.md").read_text()
    )


def write_and_read(folder, forward, name) -> str:
    write_assess_tables(forward, GRADIENTS, MODELS, folder)
    return (folder / name).read_text()


def test_tables_without_gradients(tmp_path):
    write_assess_tables(FORWARD, GRADIENTS.head(0), MODELS, tmp_path)
    assert "Nothing to show" in (tmp_path / "gradients.md").read_text()
    table = pd.read_csv(tmp_path / "gradients.csv")
    assert table.empty
    assert "cosine, median" in table


def test_a_model_without_training_facts_is_named(tmp_path):
    (tmp_path / "model.json").write_text(json.dumps({"architecture": "unet", "crop": {"size": 32, "spacing_mm": 4}}))
    with pytest.raises(InputError, match="how the model was trained"):
        read_models({"unet": tmp_path})


def test_figures(tmp_path, drawn):
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw_figure6(FORWARD, folder, dpi=60)
        draw_gradients(GRADIENTS, folder, dpi=60)
        draw_calibration(FORWARD, folder, dpi=60)
    names = {f"{name}.{kind}" for name in ("figure6", "gradients", "calibration") for kind in ("png", "pdf")}
    assert same_files(tmp_path / "one", tmp_path / "two") == names
    for number in range(3):
        assert {"U-Net", "My net"} <= set(drawn.words(number))


def test_figures_of_perfect_and_missing_numbers(tmp_path, drawn):
    draw_figure6(forward_rows(mse_cube=0.0), tmp_path, dpi=60)
    draw_calibration(forward_rows(mse_cube=0.0, predicted_volume_mm3=0.0), tmp_path, dpi=60)
    draw_gradients(GRADIENTS.head(0), tmp_path, dpi=60)
    draw_gradients(GRADIENTS.assign(cosine=np.nan, relative_norm=np.nan), tmp_path, dpi=60)
    assert (tmp_path / "gradients.png").stat().st_size > 0


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


def test_figure1b(tmp_path, shard, tissue_dir, data, drawn):
    finer = type(CROP)(size=16, spacing_mm=4.0)
    fine_data = ShardDataset([shard], data.tissue, finer)
    fine = knows(fine_data, lambda field: 0.5 * field)
    fine.crop = finer
    surrogates = {"unet": knows(data, lambda field: 0.9 * field), "my-net": fine}
    rows = pd.concat([assess_forward(s, shard, tissue_dir, name, "atlas") for name, s in surrogates.items()])
    views = view_cases(surrogates, shard, tissue_dir, choose_cases(rows))
    for view in views:
        target = data.batch([view.case]).concentration[0].numpy()
        np.testing.assert_allclose(view.predictions["unet"], 0.9 * target, rtol=1e-6)
        np.testing.assert_array_equal(view.targets["unet"], target)
        assert view.predictions["my-net"].shape == (16, 16, 16)
        height = int(np.rint(data.crops[view.case].grid.world_to_voxel([0, 0, view.height_mm()])[2]))
        areas = (target >= 0.33).sum(axis=(0, 1))
        assert areas[height] == areas.max()
    for folder in (tmp_path / "one", tmp_path / "two"):
        draw_figure1b(views, rows, folder, dpi=60)
    assert same_files(tmp_path / "one", tmp_path / "two") == {"figure1b.png", "figure1b.pdf"}
    assert "|U-Net − solver|" in drawn.words(0)
    assert any("difficult" in text for text in drawn.words(0))


@pytest.mark.parametrize(
    ("limits", "labels"),
    [
        ((29, 80), ["30", "40", "50", "70"]),
        ((1, 20), ["1", "2", "5", "10", "20"]),
        ((2, 700), ["3", "10", "30", "100", "300"]),
        ((1e-5, 0.1), ["$10^{-5}$", "$10^{-4}$", "0.001", "0.01", "0.1"]),
        (
            (1e-17, 0.1),
            ["$10^{-16}$", "$10^{-14}$", "$10^{-12}$", "$10^{-10}$", "$10^{-8}$", "$10^{-6}$", "$10^{-4}$", "0.01"],
        ),
        ((1.9e-5, 6e-5), [rf"${digit} \times 10^{{-5}}$" for digit in (2, 5)]),
    ],
)
def test_numbers_of_logarithmic_axes(limits, labels):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    axes.set(yscale="log", ylim=limits)
    label_log_axis(axes.yaxis)
    shown = [axes.yaxis.get_major_formatter()(value) for value in axes.get_yticks()]
    assert shown == labels


def test_names_and_colours():
    assert surrogate_name("convnext-unet") == "ConvNeXt U-Net"
    assert surrogate_name("my-net_2") == "My net 2"
    alone = surrogate_colours(["vnet"])["vnet"]
    together = surrogate_colours(["other", "unet", "vnet", "another"])
    assert together["vnet"] == alone
    assert len(set(together.values())) == 4


def test_a_trained_network_from_end_to_end(tmp_path, shard, tissue_dir, data):
    import torch

    from gliofit.train.fit import train_model
    from gliofit.train.settings import ModelSettings, TrainSettings
    from gliofit.train.surrogate import load_surrogate

    network = {"widths": (4, 8), "kernel_size": 3, "layer_scale": 0.1}
    model = ModelSettings(architecture="convnext-unet", network=network, batch_size=2, epochs=1)
    settings = TrainSettings(crop=CROP, models={"convnext-unet": model})
    folder = tmp_path / "model"
    train_model([shard], [shard], tissue_dir, settings, "convnext-unet", folder, 0, tissue_kind="probabilities")
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
    assert table.loc[0, "voxels"] == "8³ of 8 mm"


def test_a_prediction_of_nothing_is_scored(shard, tissue_dir):
    rows = assess_forward(FakeSurrogate(lambda tissue, theta: 0 * tissue[:, 0]), shard, tissue_dir, "unet", "atlas")
    assert (rows["dice_033"] == 0).all()
    assert (rows["ncc_cube"] == 0).all()
    assert (rows["relative_volume_error"] == -1).all()
