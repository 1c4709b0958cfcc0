"""The command line as a user meets it: files in, files out, one line for every mistake."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gliofit import cli
from gliofit.cli import machine
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, read_volume, write_volume
from gliofit.growth.theta import Theta
from gliofit.solver.registry import make_solver
from gliofit.solver.settings import AccurateSettings


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(a) for a in arguments])
    return stop.value.code


@pytest.fixture(scope="module")
def files(tmp_path_factory, brain):
    """A brain, a tumour on it, and its segmentation in BraTS 2021 labels."""
    folder = tmp_path_factory.mktemp("files")
    brain.save(folder)
    theta = Theta((20.0, -12.0, 8.0), 8.0, 3.0)
    solution = make_solver(AccurateSettings(backend="numba")).solve(brain, theta)
    write_volume(folder / "c.nii.gz", solution.volume)
    labels = np.zeros(brain.grid.shape, np.uint8)
    labels[solution.concentration > 0.33] = 2
    labels[solution.concentration > 0.6] = 4
    labels[solution.concentration > 0.9] = 1
    write_volume(folder / "seg.nii.gz", Volume(labels, brain.grid))
    return folder, theta


@pytest.fixture(scope="module")
def fine_files(files, tmp_path_factory):
    """The same labels on voxels of 2 mm, which the shipped networks look at."""
    folder, _ = files
    fine = tmp_path_factory.mktemp("fine")
    for name in ("labels", "seg"):
        volume = read_volume(folder / f"{name}.nii.gz", np.uint8)
        halved = volume.grid.affine @ np.array(
            [[0.5, 0, 0, -0.25], [0, 0.5, 0, -0.25], [0, 0, 0.5, -0.25], [0, 0, 0, 1]]
        )
        data = volume.data.repeat(2, 0).repeat(2, 1).repeat(2, 2)
        write_volume(fine / f"{name}.nii.gz", Volume(data, Grid(data.shape, halved)))
    return fine


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch):
    """The command sets thread counts for its own process, which numba does not bear once its threads run."""
    monkeypatch.setattr(machine, "set_threads", lambda threads: 1)


@pytest.mark.parametrize("maps", [False, True])
def test_solve(files, tmp_path, brain, capsys, maps):
    folder, theta = files
    seed = theta.origin_voxel(brain.grid)
    tissue = (
        ("--wm", folder / "wm.nii.gz", "--gm", folder / "gm.nii.gz") if maps else ("--tissue", folder / "labels.nii.gz")
    )
    out = tmp_path / "c.nii.gz"
    arguments = ["solve", *tissue, "--seed", *seed, "--mu-d", 8, "--mu-rho", 3, "--backend", "numba", "--out", out]
    assert run(*arguments) == 0
    np.testing.assert_allclose(read_volume(out).data, read_volume(folder / "c.nii.gz").data, atol=1e-6)
    said = capsys.readouterr().out
    assert re.search(r"cc of tumour cells; integrator accurate, \d+ steps, estimated error [\d.]+ %", said), said


def test_the_named_back_end_runs(files, tmp_path, brain):
    """Torch takes the same formulas; its result is that of numba to the rounding of their sums."""
    folder, theta = files
    out = tmp_path / "c.nii.gz"
    arguments = ["--tissue", folder / "labels.nii.gz", "--seed", *theta.origin_voxel(brain.grid), "--out", out]
    assert run("solve", *arguments, "--mu-d", 8, "--mu-rho", 3, "--backend", "torch") == 0
    assert np.abs(read_volume(out).data - read_volume(folder / "c.nii.gz").data).max() < 1e-3


@pytest.mark.parametrize(
    "arguments",
    [
        ["--wm", "{d}/wm.nii.gz"],
        ["--tissue", "{d}/labels.nii.gz", "--seed", 0, 0, 0],
        ["--tissue", "{d}/labels.nii.gz", "--seed", "nan", 0, 0],
        ["--tissue", "{d}/labels.nii.gz", "--mu-d", 0],
        ["--tissue", "{d}/labels.nii.gz", "--mu-rho", "nan"],
        ["--tissue", "{d}/labels.nii.gz", "--integrator", "magic"],
        ["--tissue", "{d}/labels.nii.gz", "--integrator", "reference", "--backend", "torch"],
    ],
    ids=lambda arguments: " ".join(map(str, arguments[-2:])),
)
def test_mistakes_are_one_line_and_leave_nothing(files, tmp_path, capfd, arguments):
    given = [str(a).format(d=files[0]) for a in arguments]
    defaults = {"--seed": (20, 20, 20), "--mu-d": (5,), "--mu-rho": (2,), "--out": (tmp_path / "out.nii.gz",)}
    for name, values in defaults.items():
        if name not in given:
            given += [name, *map(str, values)]
    assert run("solve", *given) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("gliofit: error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_back_end_that_cannot_run_is_named(files, tmp_path, capsys, monkeypatch):
    import gliofit.solver.backends.triton_support as support

    monkeypatch.setattr(support, "triton_problem", lambda: "there is no CUDA device")
    folder, _ = files
    arguments = ["--tissue", folder / "labels.nii.gz", "--seed", 20, 20, 20, "--mu-d", 5, "--mu-rho", 2]
    assert run("solve", *arguments, "--backend", "triton", "--out", tmp_path / "c.nii") == 2
    error = capsys.readouterr().err
    assert error.startswith("gliofit: error: back end triton: ")
    assert list(tmp_path.iterdir()) == []


def test_fit_a_concentration(files, tmp_path, brain):
    folder, theta = files
    out = tmp_path / "fit"
    arguments = ["fit", "--tissue", folder / "labels.nii.gz", "--concentration", folder / "c.nii.gz", "--out", out]
    assert run(*arguments, "--method", "cmaes-solver", "--random-seed", 3) == 0
    row = read_table(out / "parameters.parquet").iloc[0]
    assert row["mu_d_mm"] == pytest.approx(theta.mu_d_mm, rel=0.1)
    assert row["mu_rho"] == pytest.approx(theta.mu_rho, rel=0.05)
    found = [row["origin_i"], row["origin_j"], row["origin_k"]]
    assert np.abs(found - theta.origin_voxel(brain.grid)).max() < 0.5
    assert {"status", "loss", "evaluations", "wall_seconds"} <= set(row.index)
    field = read_volume(out / "concentration.nii.gz")
    assert np.abs(field.data - read_volume(folder / "c.nii.gz").data).mean() < 1e-3
    assert (out / "summary.png").stat().st_size > 50_000
    assert not [p for p in tmp_path.iterdir() if p.name != "fit"]
    # CMA-ES does not say how well theta is determined.
    assert not (out / "uncertainty.nii.gz").exists()
    assert row["covariance"] is None


@pytest.fixture(scope="module")
def noisy(files, brain):
    """The tumour with noise where there is tumour, so that intervals have a width."""
    folder, _ = files
    c = read_volume(folder / "c.nii.gz").data
    noise = np.random.default_rng(0).normal(0, 0.03, c.shape) * (c > 0.1) * (c < 0.9)
    write_volume(folder / "noisy.nii.gz", Volume(np.clip(c + noise, 0, 1).astype(np.float32), brain.grid))
    return folder / "noisy.nii.gz"


def test_fit_with_uncertainty_and_profile(files, noisy, tmp_path, capsys):
    folder, _ = files
    out = tmp_path / "fit"
    tissue = ("--tissue", folder / "labels.nii.gz")
    assert run("fit", *tissue, "--concentration", noisy, "--out", out, "--profile") == 0
    assert {path.name for path in out.iterdir()} == {
        "parameters.parquet", "trace.parquet", "concentration.nii.gz", "uncertainty.nii.gz", "profile.parquet",
        "summary.png",
    }  # fmt: skip
    row = read_table(out / "parameters.parquet").iloc[0]
    assert row["mu_d_mm_low"] < row["mu_d_mm"] < row["mu_d_mm_high"]
    for name in ("origin_x_mm", "origin_y_mm", "origin_z_mm", "mu_d_mm", "mu_rho"):
        for end in ("low", "high"):
            error = abs(row[f"{name}_profile_{end}"] - row[f"{name}_{end}"])
            assert error < 0.15 * (row[f"{name}_high"] - row[f"{name}_low"])
    profile = read_table(out / "profile.parquet")
    assert len(profile) == 25
    deviation = read_volume(out / "uncertainty.nii.gz").data
    assert 0 < deviation.max() < 0.1
    captured = capsys.readouterr()
    said, notes = captured.out.strip().splitlines()
    found = re.search(r"mu_D ([\d.]+) mm \[([\d.]+), ([\d.]+)\], mu_rho [\d.]+ \[", said)
    assert found, said
    assert float(found[2]) < float(found[1]) < float(found[3])
    assert "in brackets 90% profile intervals" in said
    assert notes == f"notes: {row['message']}"


@pytest.mark.parametrize(("options", "method", "dice"), [([], "gauss-newton", 0.9), (["hybrid"], "hybrid", 0.7)])
def test_fit_a_segmentation(files, fine_files, tmp_path, options, method, dice):
    """The default, Gauss-Newton, and methods with the weights that come with gliofit."""
    folder = fine_files if options else files[0]
    out = tmp_path / "fit"
    tissue = ("--tissue", folder / "labels.nii.gz")
    named = [part for name in options for part in ("--method", name)]
    assert run("fit", *tissue, "--seg", folder / "seg.nii.gz", "--labels", "brats2021", "--out", out, *named) == 0
    row = read_table(out / "parameters.parquet").iloc[0]
    assert (row["method"], row["observation"]) == (method, "segmentation")
    if method == "hybrid":
        assert row["chosen"] in ("direct", "gradient")
    fitted = read_volume(out / "concentration.nii.gz").data > 0.33
    whole = read_volume(folder / "seg.nii.gz").data > 0
    assert 2 * (fitted & whole).sum() / (fitted.sum() + whole.sum()) > dice
    assert (out / "summary.png").stat().st_size > 50_000
