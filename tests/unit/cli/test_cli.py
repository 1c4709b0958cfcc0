"""The command line as a user meets it: files in, files out, one line for every mistake."""

from __future__ import annotations

import numpy as np
import pytest

from gliofit import cli
from gliofit.grid import Volume
from gliofit.io import read_table, read_volume, write_volume
from gliofit.solver.reference import ReferenceSolver
from gliofit.theta import Theta


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
    solution = ReferenceSolver().solve(brain, theta)
    write_volume(folder / "c.nii.gz", solution.volume)
    labels = np.zeros(brain.grid.shape, np.uint8)
    labels[solution.concentration > 0.33] = 2
    labels[solution.concentration > 0.6] = 4
    labels[solution.concentration > 0.9] = 1
    write_volume(folder / "seg.nii.gz", Volume(labels, brain.grid))
    return folder, theta


@pytest.fixture(autouse=True)
def keep_environment(monkeypatch):
    """The command sets thread counts for its own process; keep them from leaking into other tests."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "OMP_WAIT_POLICY"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(cli, "_set_threads", lambda threads: 1)


@pytest.mark.parametrize("maps", [False, True])
def test_solve(files, tmp_path, brain, capsys, maps):
    folder, theta = files
    seed = theta.origin_voxel(brain.grid)
    tissue = (
        ("--wm", folder / "wm.nii.gz", "--gm", folder / "gm.nii.gz") if maps else ("--tissue", folder / "labels.nii.gz")
    )
    out = tmp_path / "c.nii.gz"
    assert run("solve", *tissue, "--seed", *seed, "--mu-d", 8, "--mu-rho", 3, "--out", out) == 0
    np.testing.assert_allclose(read_volume(out).data, read_volume(folder / "c.nii.gz").data, atol=1e-6)
    assert "cc of tumour cells" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--tissue", "{d}/absent.nii.gz"], "absent.nii.gz: file not found"),
        (["--tissue", "{d}/c.nii.gz"], "label values"),
        (["--wm", "{d}/wm.nii.gz"], "--wm and --gm"),
        (["--tissue", "{d}/labels.nii.gz", "--seed", 0, 0, 0], "no white or grey matter"),
        (["--tissue", "{d}/labels.nii.gz", "--mu-d", -1], "above zero"),
        (["--tissue", "{d}/labels.nii.gz", "--mu-d", "wide"], "--mu-d"),
        (["--tissue", "{d}/labels.nii.gz", "--out", "{d}/c.txt"], ".nii"),
        (["--tissue", "{d}/labels.nii.gz", "--integrator", "magic"], "magic"),
        (["--tissue", "{d}/labels.nii.gz", "--bogus"], "--bogus"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(files, tmp_path, capsys, arguments, words):
    folder, _ = files
    given = [str(a).format(d=folder) for a in arguments]
    defaults = {"--seed": (20, 20, 20), "--mu-d": (5,), "--mu-rho": (2,), "--out": (tmp_path / "out.nii.gz",)}
    for name, values in defaults.items():
        if name not in given:
            given += [name, *map(str, values)]
    assert run("solve", *given) == 2
    captured = capsys.readouterr()
    lines = captured.err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("gliofit: error: ")
    assert words in lines[0]
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seg", "{d}/seg.nii.gz"], "add --labels"),
        (["--seg", "{d}/seg.nii.gz", "--labels", "brats2023"], "label values [4]"),
        (["--seg", "{d}/seg.nii.gz", "--labels", "brats"], "unknown label scheme"),
        (["--seg", "{d}/seg.nii.gz", "--concentration", "{d}/c.nii.gz"], "either"),
        (["--concentration", "{d}/seg.nii.gz"], "between 0 and 1"),
        (["--concentration", "{d}/c.nii.gz", "--method", "guess"], "cmaes-solver"),
        (["--concentration", "{d}/c.nii.gz", "--method", "direct", "--models", "{d}"], "direct-inverse"),
    ],
)
def test_fit_mistakes(files, tmp_path, capsys, arguments, words):
    folder, _ = files
    given = [str(a).format(d=folder) for a in arguments]
    assert run("fit", "--tissue", folder / "labels.nii.gz", "--out", tmp_path / "fit", *given) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("gliofit: error: ")
    assert words in error
    assert list(tmp_path.iterdir()) == []


def test_help_without_arguments(capsys):
    assert run() == 0
    assert "solve" in capsys.readouterr().out


def test_fit_a_segmentation_with_the_shipped_networks(files, tmp_path):
    """The defaults: hybrid, on a segmentation, with the weights that come with gliofit."""
    folder, _ = files
    out = tmp_path / "fit"
    tissue = ("--tissue", folder / "labels.nii.gz")
    assert run("fit", *tissue, "--seg", folder / "seg.nii.gz", "--labels", "brats2021", "--out", out) == 0
    row = read_table(out / "parameters.parquet").iloc[0]
    assert (row["method"], row["observation"]) == ("hybrid", "segmentation")
    assert row["chosen"] in ("direct", "gradient")
    fitted = read_volume(out / "concentration.nii.gz").data > 0.33
    whole = read_volume(folder / "seg.nii.gz").data > 0
    assert 2 * (fitted & whole).sum() / (fitted.sum() + whole.sum()) > 0.7
    assert (out / "summary.png").stat().st_size > 50_000
