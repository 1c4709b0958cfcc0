"""The command line as a user meets it: files in, files out, one line for every mistake."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_table, read_volume, write_volume

from .conftest import THETA, run


@pytest.fixture(scope="module")
def fine_files(files, tmp_path_factory):
    """The same labels on voxels of 2 mm, which the shipped networks look at."""
    fine = tmp_path_factory.mktemp("fine")
    for name in ("labels", "seg"):
        volume = read_volume(files / f"{name}.nii.gz", np.uint8)
        halved = volume.grid.affine @ np.diag([0.5, 0.5, 0.5, 1.0])
        halved[:3, 3] = volume.grid.voxel_to_world([-0.25] * 3)
        data = volume.data.repeat(2, 0).repeat(2, 1).repeat(2, 2)
        write_volume(fine / f"{name}.nii.gz", Volume(data, Grid(data.shape, halved)))
    return fine


@pytest.mark.parametrize(
    ("maps", "backend", "tolerance"),
    # The sums of torch are rounded otherwise.
    [(["--tissue", "labels"], "numba", 1e-6), (["--wm", "wm", "--gm", "gm"], "numba", 1e-6),
     (["--tissue", "labels"], "torch", 1e-3)],
)  # fmt: skip
def test_solve(files, tmp_path, brain, capsys, maps, backend, tolerance):
    tissue = [word if word.startswith("--") else files / f"{word}.nii.gz" for word in maps]
    out = tmp_path / "c.nii.gz"
    arguments = ["--seed", *THETA.origin_voxel(brain.grid), "--mu-d", 8, "--mu-rho", 3, "--out", out]
    assert run("solve", *tissue, *arguments, "--backend", backend) == 0
    assert np.abs(read_volume(out).data - read_volume(files / "c.nii.gz").data).max() < tolerance
    said = capsys.readouterr().out
    assert re.search(r"cc of tumour cells; integrator accurate, \d+ steps, estimated error [\d.]+ %", said), said


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
    given = [str(a).format(d=files) for a in arguments]
    defaults = {"--seed": (20, 20, 20), "--mu-d": (5,), "--mu-rho": (2,), "--out": (tmp_path / "out.nii.gz",)}
    for name, values in defaults.items():
        if name not in given:
            given += [name, *map(str, values)]
    assert run("solve", *given) == 2
    (line,) = capfd.readouterr().err.strip().splitlines()
    assert line.startswith("gliofit: error: ")
    assert list(tmp_path.iterdir()) == []


def test_a_back_end_that_cannot_run_is_named(files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("gliofit.solver.backends.base.triton_problem", lambda: "there is no CUDA device")
    arguments = ["--tissue", files / "labels.nii.gz", "--seed", 20, 20, 20, "--mu-d", 5, "--mu-rho", 2]
    assert run("solve", *arguments, "--backend", "triton", "--out", tmp_path / "c.nii") == 2
    assert capsys.readouterr().err.startswith("gliofit: error: back end triton: ")
    assert list(tmp_path.iterdir()) == []


def test_fit_a_concentration(files, tmp_path, brain):
    out = tmp_path / "fit"
    arguments = ["fit", "--tissue", files / "labels.nii.gz", "--concentration", files / "c.nii.gz", "--out", out]
    assert run(*arguments, "--method", "cmaes-solver", "--random-seed", 3) == 0
    row = read_table(out / "parameters.parquet").iloc[0]
    assert row["mu_d_mm"] == pytest.approx(THETA.mu_d_mm, rel=0.1)
    assert row["mu_rho"] == pytest.approx(THETA.mu_rho, rel=0.05)
    found = [row["origin_i"], row["origin_j"], row["origin_k"]]
    assert np.abs(found - THETA.origin_voxel(brain.grid)).max() < 0.5
    assert {"status", "loss", "evaluations", "wall_seconds"} <= set(row.index)
    field = read_volume(out / "concentration.nii.gz")
    assert np.abs(field.data - read_volume(files / "c.nii.gz").data).mean() < 1e-3
    assert (out / "summary.png").stat().st_size > 50_000
    assert not [p for p in tmp_path.iterdir() if p.name != "fit"]
    # CMA-ES does not say how well theta is determined.
    assert not (out / "uncertainty.nii.gz").exists()
    assert row["covariance"] is None


def test_fit_with_uncertainty_and_profile(files, brain, tmp_path, capsys):
    """Of the tumour with noise, so that intervals have a width."""
    c = read_volume(files / "c.nii.gz").data
    noise = np.random.default_rng(0).normal(0, 0.03, c.shape) * (c > 0.1) * (c < 0.9)
    noisy, out = tmp_path / "noisy.nii.gz", tmp_path / "fit"
    write_volume(noisy, Volume(np.clip(c + noise, 0, 1).astype(np.float32), brain.grid))
    tissue = ("--tissue", files / "labels.nii.gz")
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
    folder = fine_files if options else files
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
