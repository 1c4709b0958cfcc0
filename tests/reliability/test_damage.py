"""Every kind of file in every kind of damage: noticed by its reader, in one line that names the file and the hint."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from gliofit.cli import main
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import read_json, read_table, read_volume, write_json, write_table, write_volume
from gliofit.core.tissue import Tissue
from gliofit.pipeline.verify import verify
from gliofit.simulate.settings import SimulateSettings
from gliofit.simulate.shard import read_shard, simulate_shard
from gliofit.train.checkpoint import load_checkpoint, save_checkpoint
from gliofit.train.surrogate import load_model, save_model

REPOSITORY = Path(__file__).resolve().parents[2]

#: Header of NIfTI-1: the first size of the grid, a 16-bit number.
FIRST_SIZE = slice(42, 44)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, brain: Tissue) -> Path:
    """A results folder with one file of each kind."""
    folder = tmp_path_factory.mktemp("whole")
    generator = np.random.default_rng(0)
    volume = Volume(generator.random((20, 22, 24), np.float32), Grid((20, 22, 24), np.eye(4)))
    write_volume(folder / "volume.nii.gz", volume)
    write_volume(folder / "plain.nii", volume)
    write_table(folder / "table.parquet", pd.DataFrame({"a": generator.random(500), "b": ["x"] * 500}))
    write_json(folder / "facts.json", {"a": 1})
    settings = SimulateSettings(samples_per_shard=2, spacing_mm=4.0)
    simulate_shard(brain, "train-00000", settings, 7, folder / "shards")
    for name in ("weights.safetensors", "model.json"):
        (folder / "model").mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / "models/guided-unet" / name, folder / "model" / name)
    # Shipped before digests were kept.
    model = load_model(folder / "model")
    save_model(folder / "model", model, {key: model.info[key] for key in ("architecture", "network")})
    save_checkpoint(folder / "checkpoints/model.pt", {"digest": "x", "weights": torch.rand(1000)})
    return folder


def _one_bit(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


def _first_size(content: bytes, size: int) -> bytes:
    packed = content[:2] == b"\x1f\x8b"
    changed = bytearray(gzip.decompress(content) if packed else content)
    changed[FIRST_SIZE] = size.to_bytes(2, "little")
    return gzip.compress(changed, mtime=0) if packed else bytes(changed)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda content: b"",
    "half": lambda content: content[: len(content) // 2],
    "garbage": lambda content: np.random.default_rng(1).bytes(len(content)),
    "zeros": lambda content: bytes(len(content)),
    "last byte lost": lambda content: content[:-1],
    "one bit": _one_bit,
    "larger in header": lambda content: _first_size(content, 30_000),
    "smaller in header": lambda content: _first_size(content, 7),
}
SHORT, BINARY, HEADER = list(DAMAGES)[:4], list(DAMAGES)[:5], list(DAMAGES)[6:]
READERS: list[tuple[str, Callable[[Path], object], list[str]]] = [
    ("volume.nii.gz", read_volume, [*BINARY, "one bit", *HEADER]),
    # Without a checksum one bit cannot be noticed.
    ("plain.nii", read_volume, [*BINARY, *HEADER]),
    ("table.parquet", read_table, [*BINARY, "one bit"]),
    ("facts.json", read_json, SHORT),
    ("shards/train-00000.nii", read_shard, [*BINARY, *HEADER]),
    ("model/weights.safetensors", lambda path: load_model(path.parent), [*BINARY, "one bit"]),
    ("model/model.json", lambda path: load_model(path.parent), SHORT),
]
CASES = [
    pytest.param(name, read, damage, id=f"{name}-{damage}") for name, read, damages in READERS for damage in damages
]


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "results"))


@pytest.mark.parametrize(("name", "read", "damage"), CASES)
def test_damage_is_noticed_and_the_file_named(
    copy: Path, name: str, read: Callable[[Path], object], damage: str
) -> None:
    path = copy / name
    read(path)
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(InputError) as caught:
        read(path)
    error = caught.value
    assert error.subject == str(path)
    assert "\n" not in str(error)
    assert [found.path for found in verify(copy).damages] == [path]


@pytest.mark.parametrize("damage", BINARY)
def test_a_damaged_checkpoint_makes_training_begin_anew(
    copy: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = copy / "checkpoints/model.pt"
    assert load_checkpoint(path, "x") is not None
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    assert load_checkpoint(path, "x") is None
    assert f"{path}: cannot be read" in caplog.text
    assert [found.path for found in verify(copy).damages] == [path]


def test_the_command_names_damage_and_leftovers(copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def run(folder: Path) -> tuple[int, list[str]]:
        with pytest.raises(SystemExit) as stop:
            main(["verify", str(folder)])
        return int(stop.value.code or 0), capsys.readouterr().out.splitlines()

    assert run(copy)[0] == 0
    left = [".tmp-abcdefgh-table.parquet", ".tmp-abcdefgh-transforms"]
    (copy / left[0]).write_bytes(b"half")
    (copy / left[1]).mkdir()
    (copy / left[1] / "affine.mat").write_bytes(b"half")
    (copy / "volume.nii.gz").write_bytes(b"")
    code, lines = run(copy)
    assert code == 1
    assert [line.partition(": ")[0] for line in lines[:3]] == [f"{copy}/{name}" for name in [*left, "volume.nii.gz"]]
    assert run(copy / "absent")[0] == 2
