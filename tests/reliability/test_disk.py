"""A disk that is full or read-only: one line that names the file and the hint, nothing half written, and a way on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import scratch_folder, write_json, write_table, write_volume
from gliofit.core.tissue import Tissue
from gliofit.figures.style import save_figure
from gliofit.pipeline.verify import verify
from gliofit.simulate.settings import SimulateSettings
from gliofit.simulate.shard import simulate_shard
from gliofit.train.checkpoint import save_checkpoint
from gliofit.train.surrogate import load_model, save_model
from tools.reliability.launch import REPOSITORY, Workplace

#: Its weights are larger than the small disk.
MODEL = REPOSITORY / "models/direct-inverse"
NOISE = np.random.default_rng(0).random((60, 60, 60), np.float32)


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 kB, mounted where results go."""
    folder = tmp_path / "results"
    folder.mkdir()
    try:
        mount("-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small disk (run as root)")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _weights(path: Path, brain: Tissue) -> None:
    model = load_model(MODEL)
    save_model(path.parent, model, {key: model.info[key] for key in ("architecture", "network")})


def _shard(path: Path, brain: Tissue) -> None:
    simulate_shard(brain, path.stem, SimulateSettings(samples_per_shard=3, spacing_mm=4.0), 7, path.parent)


def _picture(path: Path, brain: Tissue) -> None:
    figure = Figure(figsize=(8, 8))
    figure.add_axes((0, 0, 1, 1)).imshow(NOISE.reshape(600, 360), interpolation="nearest")
    save_figure(figure, path.parent, path.stem, 300)


def _registration(path: Path, brain: Tissue) -> None:
    """What ANTs, which raises a RuntimeError, does in its scratch folder."""
    with scratch_folder(path) as scratch:
        try:
            (scratch / "warp.nii.gz").write_bytes(NOISE.tobytes())
        except OSError as error:
            raise RuntimeError("ITK ERROR: cannot write") from error


WRITERS: dict[str, Callable[[Path, Tissue], None]] = {
    "c.nii.gz": lambda path, _: write_volume(path, Volume(NOISE, Grid(NOISE.shape, np.eye(4)))),
    "t.parquet": lambda path, _: write_table(path, pd.DataFrame({"a": NOISE.ravel()})),
    "f.json": lambda path, _: write_json(path, {"a": NOISE.ravel()[:100_000]}),
    "m.pt": lambda path, _: save_checkpoint(path, {"weights": torch.from_numpy(NOISE)}),
    "weights.safetensors": _weights,
    "train-00000.nii": _shard,
    "figure.png": _picture,
    "transforms": _registration,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_or_read_only_disk_is_told_in_one_line(small_disk: Path, brain: Tissue, name: str) -> None:
    path, write = small_disk / name, WRITERS[name]
    mount("-o", "remount,ro", str(small_disk))
    with pytest.raises(InputError, match="read-only"):
        write(path, brain)
    mount("-o", "remount,rw", str(small_disk))
    with pytest.raises(InputError, match="full") as caught:
        write(path, brain)
    assert caught.value.subject == str(path)
    assert len(str(caught.value).splitlines()) == 1
    assert list(small_disk.iterdir()) == []
    mount("-o", "remount,size=64m", str(small_disk))
    write(path, brain)
    assert not verify(small_disk).damages


def test_an_older_file_survives_a_full_disk(small_disk: Path) -> None:
    write_json(small_disk / "f.json", {"a": 1})
    (small_disk / "filler").write_bytes(bytes(200_000))
    with pytest.raises(InputError, match="full"):
        write_json(small_disk / "f.json", {"a": NOISE.ravel()})
    assert (small_disk / "f.json").read_text() == '{\n  "a": 1\n}\n'


def run(place: Workplace, fails: bool = False) -> str:
    """What Snakemake says in a run that fails or does not."""
    code, said = place.run()
    assert (code != 0) == fails, said
    return said


def only_error(said: str) -> str:
    """The one error of gliofit in what Snakemake said (logs of failed jobs are shown more than once)."""
    (error,) = set(re.findall(r"gliofit: error: .*", said))
    return error


@pytest.mark.e2e
def test_a_run_on_a_full_disk_says_so_and_goes_on_when_there_is_space(small_disk: Path) -> None:
    place = Workplace(small_disk.parent, targets=("results/smoke/simulate/tissue/wm.nii.gz",), cores=1)
    said = run(place, fails=True)
    assert re.search(r"atlas/\w+\.nii\.gz: .*full", only_error(said))
    assert "Traceback" not in said
    assert not verify(place.results).damages
    mount("-o", "remount,size=64m", str(small_disk))
    run(place)
    assert not verify(place.results).damages

    # Once more with a disk that has turned read-only, which Snakemake itself sees.
    (place.results / "simulate/tissue/wm.nii.gz").unlink()
    mount("-o", "remount,ro", str(small_disk))
    said = run(place, fails=True)
    assert re.search(r"Write-protected output files for rule coarsen_atlas:\n.*simulate/tissue/wm\.nii\.gz", said), said
    assert "Traceback" not in said
    mount("-o", "remount,rw", str(small_disk))
    run(place)


@pytest.mark.e2e
def test_a_damaged_intermediate_is_named_and_made_again_once_deleted(tmp_path: Path) -> None:
    case, shard = "results/smoke/simulate/synthetic/synthetic-00000/truth.parquet", "shards/test-00000"
    place = Workplace(tmp_path, targets=(case,), cores=1)
    run(place)
    whole = {path: path.read_bytes() for path in (place.results / "simulate").rglob("*.nii*")}
    for name in ("tissue/gm.nii.gz", f"{shard}.parquet"):
        path = place.results / "simulate" / name
        times = path.stat()
        path.write_bytes(path.read_bytes()[: times.st_size // 2])
        # As a bad disk would: Snakemake sees no change.
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        (tmp_path / case).unlink()
        assert f"results/smoke/simulate/{name}: " in only_error(run(place, fails=True))
        assert [damage.path for damage in verify(place.results).damages] == [path]
        path.unlink()
        run(place)
        for made in (place.results / "simulate").rglob("*.nii*"):
            if made.suffix != ".json":
                assert made.read_bytes() == whole[made], made
    shutil.rmtree(tmp_path / "results")
