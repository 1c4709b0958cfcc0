from __future__ import annotations

import numpy as np
import pytest
import torch

from gliofit.assess.gradients import LOSS, assess_gradients
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
