from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from gliofit.assess.sensitivity import SOLVER, TABLES, examine
from gliofit.assess.sensitivity_figure import draw_sensitivity
from gliofit.assess.settings import SensitivitySettings
from gliofit.core.crop import Crop, CropSettings
from gliofit.core.errors import InputError
from gliofit.core.grid import Grid, Volume
from gliofit.core.io import write_table
from gliofit.core.labels import TissueLabel
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.invert.settings import InvertSettings
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.autograd import grow

CROP = CropSettings(size=24, spacing_mm=4.0)
TRUTH = Theta((6.0, -2.0, 2.0), 6.0, 3.0)
SETTINGS = SensitivitySettings(points=5)
INVERT = InvertSettings(methods={"hybrid": {"inverter": "hybrid", "outer_steps": 4}})


def brain() -> Tissue:
    """A ball of white matter with a grey rim and a ventricle, 4 mm voxels."""
    n, h = 24, 4.0
    affine = np.diag([h, h, h, 1.0])
    affine[:3, 3] = -h * (n - 1) / 2
    grid = Grid((n, n, n), affine)
    position = grid.voxel_to_world(np.stack(np.meshgrid(*(np.arange(n),) * 3, indexing="ij"), -1))
    radius = np.linalg.norm(position, axis=-1)
    ventricle = np.linalg.norm(position - [-10, 8, 0], axis=-1) < 9
    labels = np.full(grid.shape, TissueLabel.BACKGROUND, np.uint8)
    labels[radius < 44] = TissueLabel.GREY_MATTER
    labels[radius < 36] = TissueLabel.WHITE_MATTER
    labels[ventricle] = TissueLabel.CSF
    return Tissue.from_labels(Volume(labels, grid))


class Exact:
    """The solver in the place of a surrogate, with theta measured from the middle of the cube."""

    crop = CROP
    theta_mean = torch.tensor([0.0, 0.0, 0.0, 10.0, 4.0])
    theta_low = torch.tensor([-40.0, -40.0, -40.0, 1.0, 0.5])
    theta_high = torch.tensor([40.0, 40.0, 40.0, 35.0, 10.0])

    def __init__(self, tissue: Tissue, centre_mm) -> None:
        # The cube may reach past the brain's grid, but no further than the grid's own size.
        self.crop_of = Crop.around(tissue.grid, centre_mm, CROP)
        self.tissue, self.centre = tissue, self.crop_of.centre_mm

    def seen(self, theta):
        return theta

    def __call__(self, tissue, theta):
        fields = []
        for one in self.seen(theta):
            world = one + torch.tensor([*self.centre, 0, 0], dtype=one.dtype)
            field = grow(world, self.tissue) * torch.from_numpy(self.tissue.labels >= TissueLabel.GREY_MATTER)
            start = self.crop_of.start
            padded = torch.nn.functional.pad(field, (CROP.size,) * 6)
            low = [s + CROP.size for s in start]
            fields.append(padded[low[0] : low[0] + CROP.size, low[1] : low[1] + CROP.size, low[2] : low[2] + CROP.size])
        return torch.stack(fields)


class Biased(Exact):
    """The solver, which takes mu_D for 20 % more than it is and does not see changes of mu_rho."""

    def seen(self, theta):
        rho = torch.full_like(theta[:, 4:], TRUTH.mu_rho)
        return torch.cat([theta[:, :3], 1.2 * theta[:, 3:4], rho], dim=1)


@pytest.fixture(scope="module")
def case():
    tissue = brain()
    field = AccurateSolver().solve(tissue, TRUTH).concentration * (tissue.labels >= TissueLabel.GREY_MATTER)
    return SimpleNamespace(tissue=tissue, concentration=Volume(field.astype(np.float32), tissue.grid))


@pytest.fixture(scope="module")
def tables(case):
    from gliofit.observation.observation import ConcentrationObservation

    centre = ConcentrationObservation(case.concentration, case.tissue).centre_mm
    surrogates = {"exact": Exact(case.tissue, centre), "biased": Biased(case.tissue, centre)}
    done = []
    found = examine(
        case.concentration, TRUTH, case.tissue, surrogates, SETTINGS, INVERT, AccurateSolver(),
        lambda *at: done.append(at),
    )  # fmt: skip
    assert done == [(i, 8) for i in range(1, 9)]
    return found


def test_changes_of_an_exact_surrogate_are_the_solvers(tables):
    changes = tables["changes"].set_index(["model", "parameter", "change"])
    for label in [("mu_d", -0.2), ("mu_d", 0.2), ("mu_rho", -0.2), ("mu_rho", 0.2)]:
        exact, solver = changes.loc[("exact", *label)], changes.loc[(SOLVER, *label)]
        assert solver["size"] > 0.05
        assert exact["size"] == pytest.approx(solver["size"], rel=1e-3)
        assert exact["cosine"] == pytest.approx(1, abs=1e-5)
        assert exact["error"] < 5e-3
        assert solver["cosine"] == pytest.approx(1)
        assert solver["error"] == 0


def test_landscapes_have_their_minimum_where_it_is(tables):
    landscape = tables["landscape"]
    assert (landscape.groupby("model").size() == 25).all()
    assert landscape["mu_d_mm"].agg(["min", "max"]).tolist() == pytest.approx([3, 9])
    lowest = landscape.loc[landscape.groupby("model")["loss"].idxmin()].set_index("model")
    for model in (SOLVER, "exact"):
        assert lowest.loc[model, ["mu_d_mm", "mu_rho"]].tolist() == pytest.approx([6, 3])
        assert lowest.loc[model, "loss"] < 1e-9
    by_model = landscape.pivot(index=["mu_d_mm", "mu_rho"], columns="model", values="loss")
    assert by_model["exact"].to_numpy() == pytest.approx(by_model[SOLVER].to_numpy(), rel=0.02, abs=1e-8)
    # The biased one does not know mu_rho.
    flat = by_model["biased"].groupby("mu_d_mm")
    assert flat.max().to_numpy() == pytest.approx(flat.min().to_numpy())


def test_paths_lie_in_the_plane_and_end_in_the_surrogates_minimum(tables):
    paths = tables["paths"]
    assert set(paths["start"]) == {0, 1, 2, 3}
    first = paths[(paths["model"] == "exact") & (paths["evaluation"] == 1)]
    assert first["mu_d_mm"].to_numpy() == pytest.approx([3.6, 3.6, 8.4, 8.4], rel=0.01)
    assert first["mu_rho"].to_numpy() == pytest.approx([1.8, 4.2, 1.8, 4.2], rel=0.01)
    ends = paths[paths["best"]]
    assert (ends.groupby(["model", "start"]).size() == 1).all()
    assert len(ends) == 8
    exact, biased = ends[ends["model"] == "exact"], ends[ends["model"] == "biased"]
    assert exact["mu_d_mm"].to_numpy() == pytest.approx(TRUTH.mu_d_mm, rel=0.02)
    assert exact["mu_rho"].to_numpy() == pytest.approx(TRUTH.mu_rho, rel=0.02)
    assert biased["mu_d_mm"].to_numpy() == pytest.approx(TRUTH.mu_d_mm / 1.2, rel=0.02)


def test_figure_is_drawn_from_the_tables(tables, tmp_path, drawn):
    for name in TABLES:
        write_table(tmp_path / f"{name}.parquet", tables[name])
    draw_sensitivity(tmp_path, tmp_path / "one", dpi=60)
    # Searches that all failed leave the landscape.
    write_table(tmp_path / "paths.parquet", tables["paths"].head(0))
    draw_sensitivity(tmp_path, tmp_path / "two", dpi=60)
    assert (tmp_path / "one/sensitivity.png").read_bytes() != (tmp_path / "two/sensitivity.png").read_bytes()


@pytest.mark.parametrize("crops", [(), (CROP, CropSettings())])
def test_surrogates_must_share_a_cube(case, crops):
    surrogates = {str(number): SimpleNamespace(crop=crop) for number, crop in enumerate(crops)}
    with pytest.raises(InputError):
        examine(case.concentration, TRUTH, case.tissue, surrogates, SETTINGS, INVERT, AccurateSolver())
