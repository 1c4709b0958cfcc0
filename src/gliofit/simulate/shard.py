"""Shards: many samples in a memory-mapped 4-D NIfTI file and a Parquet table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.header import CONCENTRATION
from gliofit.core.io import DAMAGED, atomic_path, read_table, write_table, write_volume
from gliofit.core.seeds import derive_seed
from gliofit.core.tissue import Tissue
from gliofit.growth.model import find_growth_model, space_of
from gliofit.simulate.grow import COM
from gliofit.simulate.many import grow_samples
from gliofit.simulate.sampler import draw_parameters, seed_voxels
from gliofit.simulate.settings import ATLAS, PRESETS, SimulateSettings

#: Concentrations are stored as unsigned 16-bit integers; one step is 1.5e-5.
SHARD_SCALE = 1.0 / 65535.0


def to_counts(concentration: NDArray[Any]) -> NDArray[np.uint16]:
    """Clip concentrations to [0, 1] and round them to counts of 1/65535."""
    return np.rint(np.clip(concentration, 0, 1) / SHARD_SCALE).astype(np.uint16)


class ShardWriter:
    """Writer of an uncompressed 4-D NIfTI file, sample by sample (the fourth axis)."""

    def __init__(self, path: Path, grid: Grid, samples: int) -> None:
        header = nib.Nifti1Header()
        header.set_data_dtype(np.uint16)
        header.set_data_shape((*grid.shape, samples))
        header.set_zooms((*grid.spacing_mm, 1.0))
        header.set_xyzt_units("mm")
        header.set_sform(grid.affine, code=1)
        header.set_qform(grid.affine, code=1)
        header.set_slope_inter(SHARD_SCALE, 0.0)
        header["magic"], header["vox_offset"] = b"n+1", 352
        self._shape = grid.shape
        self._file = path.open("wb")
        self._file.write(header.binaryblock + b"\0\0\0\0")

    def append(self, concentration: np.ndarray) -> None:
        """Add a sample of shape ``grid.shape`` with values in [0, 1]."""
        if concentration.shape != self._shape:
            raise ValueError(f"sample of shape {concentration.shape} in a shard of {self._shape}")
        self._file.write(to_counts(concentration).tobytes(order="F"))

    def close(self) -> None:
        """Flush and close the file."""
        self._file.close()


def simulate_shard(
    tissue: Tissue,
    shard: str,
    settings: SimulateSettings,
    seed: int,
    out_dir: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    threads: int = 1,
    anatomy: str = ATLAS,
) -> pd.DataFrame:
    """Draw and simulate the samples of one shard; writes ``{shard}.nii`` and ``{shard}.parquet`` into ``out_dir``.

    Parameters
    ----------
    tissue
        Tissue at the spacing of the simulations, named ``anatomy`` in the table.
    shard
        Name such as ``train-00003``, which with the run's ``seed`` determines the random numbers.
    progress
        Called with the number of finished samples and of all samples.
    threads
        Number of simultaneous samples on a CPU; the files do not depend on it.

    Returns
    -------
    pandas.DataFrame
        One row per sample. Column ``redraws`` has the number of unusable draws before the sample, ``integrator`` the
        forward integrator, ``anatomy`` the tissue.
    """
    count, split = settings.samples_in(shard), shard.partition("-")[0]
    preset, voxels = PRESETS[settings.preset], seed_voxels(tissue)
    space = find_growth_model(settings.growth_model).space

    def draw(index: int, attempt: int) -> pd.Series:
        draw_seed = derive_seed(seed, "simulate", shard, index, attempt)
        return draw_parameters(tissue, preset, 1, draw_seed, voxels, space).iloc[0]

    rows = []
    with atomic_path(Path(out_dir) / f"{shard}.nii") as temporary:
        writer = ShardWriter(temporary, tissue.grid, count)
        # Closed explicitly, so that an interruption stops the threads before the file is removed.
        samples = grow_samples(tissue, draw, count, settings.integrator, threads, settings.batch_size)
        try:
            for index, (sample, redraws) in enumerate(samples):
                writer.append(sample.concentration.data)
                position = {"split": split, "shard": shard, "anatomy": anatomy, "index": index, "sample": index}
                rows.append(sample.row | position | {"redraws": redraws})
                progress(index + 1, count)
        finally:
            samples.close()
            writer.close()
        table = pd.DataFrame(rows)
        write_table(Path(out_dir) / f"{shard}.parquet", table)
    return table


@dataclass(frozen=True, eq=False)
class Shard:
    """Memory-mapped 4-D image of concentrations (``{shard}.nii``) with the table of its samples (``{shard}.parquet``).

    ``counts`` are concentrations in units of ``SHARD_SCALE``, shape (x, y, z, samples).
    """

    path: Path
    counts: NDArray[np.uint16]
    grid: Grid
    table: pd.DataFrame

    @property
    def anatomies(self) -> list[str]:
        """Name of each sample's tissue; ``atlas`` in shards without column ``anatomy``."""
        return list(self.table["anatomy"]) if "anatomy" in self.table else [ATLAS] * len(self.table)

    def sample(self, index: int) -> Volume:
        """Return the concentration of one sample in counts of 1/65535."""
        return Volume(self.counts[..., index], self.grid)


def read_shard(path: str | Path) -> Shard:
    """Open a shard; raise InputError if the file is not a shard or does not agree with its table."""
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "file not found", "simulate the shard")
    try:
        image: Any = nib.load(path, mmap="r")
        grid = Grid(image.shape[:3], image.affine)
    except Exception as error:
        raise InputError(path, f"is not a readable shard ({error})", DAMAGED) from error
    if len(image.shape) != 4 or image.get_data_dtype() != np.uint16:
        raise InputError(path, f"is not a shard (shape {image.shape}, {image.get_data_dtype()})", DAMAGED)
    expected, length = 352 + 2 * int(np.prod(image.shape)), path.stat().st_size
    if length != expected:
        raise InputError(path, f"holds {length} bytes, its header states {expected}", DAMAGED)
    if abs(float(image.dataobj.slope) - SHARD_SCALE) > 1e-9:
        raise InputError(path, f"has the scale {image.dataobj.slope:g}, not 1/65535", DAMAGED)
    table_path = path.with_suffix(".parquet")
    table = read_table(table_path)
    columns = [*space_of(table.iloc[0] if len(table) else {}).columns, "index", *COM]
    missing = [name for name in columns if name not in table]
    if missing or len(table) != image.shape[3]:
        problem = f"has {len(table)} rows for {image.shape[3]} samples and lacks the columns {missing}"
        raise InputError(table_path, problem, DAMAGED)
    table = table.sort_values("index").reset_index(drop=True)
    if list(table["index"]) != list(range(len(table))):
        raise InputError(table_path, f"does not list each of its {len(table)} samples once", DAMAGED)
    finite = np.isfinite(table[columns].to_numpy(dtype=np.float64)).all(axis=1)
    if not finite.all():
        raise InputError(table_path, f"has a value that is not finite in sample {finite.argmin()}", DAMAGED)
    return Shard(path, image.dataobj.get_unscaled(), grid, table)


def read_sample(path: str | Path, index: int) -> tuple[Volume, pd.Series]:
    """Read one sample of a shard: its concentration (float32) and its row of the table."""
    shard = read_shard(path)
    if not 0 <= index < len(shard.table):
        raise InputError(path, f"has no sample {index}", f"give 0 to {len(shard.table) - 1}")
    data = np.asarray(shard.counts[..., index], dtype=np.float32) * np.float32(SHARD_SCALE)
    return Volume(np.ascontiguousarray(data), shard.grid), shard.table.iloc[index]


def extract_case(case: str, shard_path: Path, index: int, tissue_dir: Path, out_dir: Path) -> None:
    """Write a sample as a case folder: tissue, ``brain_mask``, ``concentration.nii.gz`` and ``truth.parquet``."""
    concentration, row = read_sample(shard_path, index)
    tissue = Tissue.load(tissue_dir, "probabilities")
    tissue.save(out_dir)
    brain = (tissue.wm + tissue.gm + tissue.csf) >= 0.5
    write_volume(out_dir / "brain_mask.nii.gz", Volume(brain, tissue.grid))
    write_volume(out_dir / "concentration.nii.gz", concentration, CONCENTRATION)
    write_table(out_dir / "truth.parquet", pd.DataFrame([row.to_dict() | {"case": case}]))
