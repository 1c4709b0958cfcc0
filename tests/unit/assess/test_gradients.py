from __future__ import annotations

import numpy as np
import pytest
import torch

from gliofit.assess.gradients import LOSS, assess_gradients, surrogate_jacobian
from gliofit.core.grid import Volume
from gliofit.core.tissue import Tissue
from gliofit.growth.fisher_kolmogorov import SPACE
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSolver
from gliofit.solver.autograd import grow
from gliofit.solver.settings import AccurateSettings
from gliofit.train.dataset import ShardDataset

from .conftest import CROP, FakeSurrogate, grow_targets

EXACT = AccurateSettings(tolerance=1e-2, precision="float64")

#: Central differences: mm, mm, mm, mm, and no unit.
STEP = 1e-3


def differenced(tissue: Tissue, data: ShardDataset, case: int, scale=1.0, seen=None) -> FakeSurrogate:
    """The solver with central differences for its derivative, too long by ``scale``: a factor, or one per parameter.

    Appends every theta that it is asked for to ``seen``.
    """
    crop = data.crops[case]
    solver = AccurateSolver(EXACT)
    steps = []

    def schedule(theta):
        """One set of time steps for all points of a difference."""
        for known, found in steps:
            if np.abs(known - theta).max() < 0.05:
                return found
        steps.append((theta, solver.solve(tissue, Theta.from_array(theta)).schedule))
        return steps[-1][1]

    def field(theta):
        theta = theta.double() + torch.tensor([*crop.centre_mm, 0, 0])
        grown = grow(theta, tissue, solver, schedule(theta.numpy())).numpy()
        return crop.volume(Volume(grown, tissue.grid)).data.astype(np.float64)

    class Grown(torch.autograd.Function):
        @staticmethod
        def forward(theta):
            if seen is not None:
                seen.append(theta[0].double().numpy().copy())
            return torch.from_numpy(np.stack([field(row) for row in theta]))

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_forward(inputs[0])

        @staticmethod
        def jvp(ctx, tangent):
            (theta,) = ctx.saved_tensors
            slopes = [
                (field(row + STEP * way) - field(row - STEP * way)) / (2 * STEP)
                for row, way in zip(theta.double(), scale * tangent.double(), strict=True)
            ]
            return torch.from_numpy(np.stack(slopes))

    surrogate = FakeSurrogate(lambda tissue, theta: Grown.apply(theta.double()))
    surrogate.field = field
    return surrogate


@pytest.mark.parametrize(("orientation", "scale"), [((1, 1, 1), 1.0), ((-1, 1, -1), 2.0)])
def test_the_solver_itself_agrees(tmp_path, orientation, scale):
    shard = grow_targets(tmp_path, orientation, 1)
    tissue = Tissue.load(tmp_path / "tissue", "probabilities")
    data = ShardDataset([shard], tissue, CROP)
    surrogate = differenced(tissue, data, 0, scale)
    rows = assess_gradients(surrogate, shard, tmp_path / "tissue", "solver", "atlas", 5, 1, EXACT)
    assert rows["quantity"].tolist() == [*SPACE.names, LOSS]
    assert set(rows["group"]) == {"atlas"}
    assert (rows["cosine"] > 0.999).all()
    assert rows["relative_norm"].to_numpy() == pytest.approx(scale, rel=0.01)


def test_the_gradient_of_the_loss_is_in_normalised_units(shard, tissue_dir, data):
    """Against central differences of the loss itself, with derivatives that are too long by a factor each."""
    tissue = Tissue.load(tissue_dir, "probabilities")
    scale, seen = torch.tensor([1.0, 2.0, 0.5, 0.1, 3.0]), []
    surrogate = differenced(tissue, data, 0, scale, seen)
    row = assess_gradients(surrogate, shard, tissue_dir, "odd", "atlas", 1, 1, EXACT).set_index("quantity").loc["loss"]
    truth, displaced = data.theta[0], seen[-1]
    std = surrogate.theta_std.double().numpy()
    assert np.abs(displaced - truth) == pytest.approx(0.25 * std, rel=1e-4)

    target = surrogate.field(torch.from_numpy(truth))

    def loss(theta):
        return ((surrogate.field(torch.from_numpy(theta)) - target) ** 2).mean()

    ways = np.eye(5) * std * STEP
    exact = np.array([(loss(displaced + way) - loss(displaced - way)) / (2 * STEP) for way in ways])
    own = scale.numpy() * exact
    assert row["relative_norm"] == pytest.approx(np.linalg.norm(own) / np.linalg.norm(exact), rel=0.01)
    assert row["cosine"] == pytest.approx(own @ exact / np.linalg.norm(own) / np.linalg.norm(exact), abs=0.005)
    assert row["cosine"] < 0.98


def test_a_mirrored_origin_is_found(tmp_path, shard, tissue_dir, data):
    """A derivative of the wrong sign and one of zero."""
    tissue = Tissue.load(tissue_dir, "probabilities")
    good = differenced(tissue, data, 0)
    sign = torch.tensor([-1.0, 1.0, 1.0, 1.0, 0.0])
    centre = data.batch([0]).theta.double()

    def mirrored(own, theta):
        return good.function(own, centre + sign.double() * (theta - centre))

    rows = assess_gradients(FakeSurrogate(mirrored), shard, tissue_dir, "mirrored", "atlas", 1, 1, EXACT)
    cosine, norm = (rows.set_index("quantity")[name] for name in ("cosine", "relative_norm"))
    assert cosine["origin_x"] < -0.999
    assert cosine["origin_y"] > 0.999
    assert norm["mu_rho"] == 0
    assert np.isnan(cosine["mu_rho"])
    assert norm["mu_d"] == pytest.approx(1, rel=0.01)


def test_signs_of_the_displacement_are_reproducible(shard, tissue_dir):
    surrogate = FakeSurrogate(lambda tissue, theta: theta.sum(dim=1)[:, None, None, None] * tissue[:, 0] * 0.01)
    first, again, other = (
        assess_gradients(surrogate, shard, tissue_dir, "line", "atlas", 2, seed, EXACT) for seed in (1, 1, 3)
    )
    np.testing.assert_array_equal(first["cosine"], again["cosine"])
    loss = first["quantity"] == "loss"
    assert (first.loc[loss, "cosine"] != other.loc[loss, "cosine"]).any()
    np.testing.assert_array_equal(first.loc[~loss, "cosine"], other.loc[~loss, "cosine"])


def test_without_a_point_in_tissue_the_loss_is_missing(shard, tissue_dir):
    surrogate = FakeSurrogate(lambda tissue, theta: theta.sum(dim=1)[:, None, None, None] * tissue[:, 0])
    surrogate.theta_std = torch.tensor([2000.0, 6.0, 6.0, 4.0, 1.0])
    rows = assess_gradients(surrogate, shard, tissue_dir, "far", "atlas", 1, 1, EXACT).set_index("quantity")
    assert rows.loc["loss", ["cosine", "relative_norm"]].isna().all()
    assert rows.drop("loss")["relative_norm"].gt(0).all()


def test_no_cases_give_a_table_with_columns(shard, tissue_dir, data):
    rows = assess_gradients(FakeSurrogate(None), shard, tissue_dir, "none", "atlas", 0, 1, EXACT)
    assert rows.empty
    assert {"model", "group", "quantity", "cosine", "relative_norm"} <= set(rows)


def test_jacobian_of_a_known_function():
    weights = torch.linspace(-1, 1, 5)
    place = torch.linspace(0, 1, CROP.size**3).reshape(1, *(CROP.size,) * 3)

    def function(tissue, theta):
        return torch.sin((theta * weights).sum(dim=1))[:, None, None, None] * place

    theta = torch.tensor([1.0, -2.0, 0.5, 6.0, 3.0])
    field, tangents = surrogate_jacobian(FakeSurrogate(function), torch.zeros(1, 3, 8, 8, 8), theta)
    inner = (theta * weights).sum()
    torch.testing.assert_close(field, torch.sin(inner) * place[0])
    torch.testing.assert_close(tangents, torch.cos(inner) * weights[:, None, None, None] * place)
