from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gliofit.assess.forward import assess_forward
from gliofit.core.grid import Grid
from gliofit.core.io import write_table
from gliofit.core.tissue import Tissue
from gliofit.simulate.shard import ShardWriter, read_shard

from .conftest import CASES, FakeSurrogate, knows, make_tissue

CUBE_MM3 = 64.0**3
VOLUME_MM3 = 240.0 * 240.0 * 155.0


def test_the_truth_has_no_error(shard, tissue_dir, data):
    rows = assess_forward(knows(data), shard, tissue_dir, "perfect", "atlas")
    assert len(rows) == CASES
    assert rows["case"].tolist() == list(range(CASES))
    assert set(rows["model"]) == {"perfect"}
    assert set(rows["group"]) == {"atlas"}
    assert (rows[["mse_cube", "mse_volume", "mae_cube", "relative_volume_error"]] == 0).all(axis=None)
    assert rows["ncc_cube"].to_numpy() == pytest.approx(1)
    assert (rows["dice_033"] == 1).all()
    assert (rows["seconds"] > 0).all()

    table = read_shard(shard).table
    assert rows["mu_rho"].to_numpy() == pytest.approx(table["mu_rho"].to_numpy())
    assert rows["front_width_mm"].to_numpy() == pytest.approx((table["mu_d_mm"] / table["mu_rho"]).to_numpy())
    # The stored tumour lacks what lay outside grey and white matter, of which the ellipsoid has none.
    assert rows["volume_mm3"].to_numpy() == pytest.approx(table["volume_mm3"].to_numpy(), rel=1e-3)
    assert rows["cube_volume_mm3"].to_numpy() == pytest.approx(
        (rows["volume_mm3"] * (1 - rows["outside_cube"])).to_numpy(), rel=1e-3
    )
    offset = table[["origin_x_mm", "origin_y_mm", "origin_z_mm"]].to_numpy() - [c.centre_mm for c in data.crops]
    assert rows["origin_distance_mm"].to_numpy() == pytest.approx(np.linalg.norm(offset, axis=1))


def test_a_constant_too_much(shard, tissue_dir, data):
    rows = assess_forward(knows(data, lambda field: field + 0.1), shard, tissue_dir, "more", "warped-00003")
    assert set(rows["group"]) == {"warped"}
    assert rows["mse_cube"].to_numpy() == pytest.approx(0.01, rel=1e-5)
    assert rows["mae_cube"].to_numpy() == pytest.approx(0.1, rel=1e-5)
    assert rows["mse_volume"].to_numpy() == pytest.approx(0.01 * CUBE_MM3 / VOLUME_MM3, rel=1e-5)
    assert rows["ncc_cube"].to_numpy() == pytest.approx(1)
    more = rows["predicted_volume_mm3"] - rows["cube_volume_mm3"]
    assert more.to_numpy() == pytest.approx(0.1 * CUBE_MM3, rel=1e-4)
    assert rows["relative_volume_error"].to_numpy() == pytest.approx((more / rows["cube_volume_mm3"]).to_numpy())


def test_a_shifted_prediction(shard, tissue_dir, data):
    rows = assess_forward(knows(data, lambda field: field.roll(1, 0)), shard, tissue_dir, "shifted", "atlas")
    for case, row in rows.iterrows():
        target = data.batch([case]).concentration[0].double().numpy()
        shifted = np.roll(target, 1, axis=0)
        assert row["mse_cube"] == pytest.approx(((shifted - target) ** 2).mean(), rel=1e-5)
        both = ((shifted >= 0.33) & (target >= 0.33)).sum()
        assert row["dice_033"] == pytest.approx(both / (target >= 0.33).sum())
        assert row["relative_volume_error"] == pytest.approx(0, abs=1e-6)
    assert (rows["mse_cube"] > 1e-4).all()


def test_cells_outside_the_cube(tmp_path):
    """A bar along the whole of the first axis, of which the cube holds 16 of 22 voxels."""
    tissue = make_tissue()
    grid: Grid = tissue.grid
    full = Tissue(np.ones(grid.shape), np.zeros(grid.shape), np.zeros(grid.shape), grid)
    full.save(tmp_path / "tissue")
    bar = np.zeros(grid.shape, np.float32)
    bar[:, 12, 10] = 1
    writer = ShardWriter(tmp_path / "test-00000.nii", grid, 1)
    writer.append(bar)
    writer.close()
    x, y, z = grid.voxel_to_world(np.array([10.5, 12, 10]))
    where = {
        f"{what}_{axis}_mm": value for what in ("origin", "com") for axis, value in zip("xyz", (x, y, z), strict=True)
    }
    write_table(tmp_path / "test-00000.parquet", pd.DataFrame([{"index": 0, "mu_d_mm": 6.0, "mu_rho": 3.0, **where}]))
    empty = FakeSurrogate(lambda tissue, theta: 0 * tissue[:, 0])
    row = assess_forward(empty, tmp_path / "test-00000.nii", tmp_path / "tissue", "empty", "atlas").iloc[0]
    assert row["outside_cube"] == pytest.approx(6 / 22)
    assert row["volume_mm3"] == pytest.approx(22 * 64)
    # Cubes are held in counts of 1/65535.
    assert row["cube_volume_mm3"] == pytest.approx(16 * 64, rel=1e-4)
    assert row["relative_volume_error"] == -1
    # 8 voxels of the cube hold two voxels of the bar out of eight.
    assert row["mse_cube"] == pytest.approx(8 * 0.25**2 / 8**3, rel=1e-4)
    assert np.isnan(row["dice_033"])
