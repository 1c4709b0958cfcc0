"""One fit, the same bytes: with kernels compiled now or loaded from the cache, on one thread or several."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from gliofit.core import threads
from gliofit.core.grid import Grid, Volume
from gliofit.core.threads import kernel_threads
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.invert.settings import InvertSettings
from gliofit.pipeline.fit import fit_files
from gliofit.solver.accurate import AccurateSolver

from .made_up import Scene, save

SCENE = Scene((38, 46, 35), 4.0)
THETA = Theta((38.0, -20.0, 18.0), 8.0, 2.5)
TISSUE = Tissue.from_labels(Volume(SCENE.tissue(), Grid(SCENE.shape, SCENE.affine)))
QUICK = InvertSettings(methods={"gn": {"inverter": "gauss-newton", "levels": [{"spacing_mm": 8, "evaluations": 4}]}})

#: Prints a digest of the field and its tangents.
GROW = """
import sys
from hashlib import sha256
from bad_input.made_up import Scene
from gliofit.core.grid import Grid, Volume
from gliofit.core.threads import kernel_threads
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.solver.accurate import AccurateSettings, AccurateSolver
scene = Scene((20, 24, 18), 8.0)
tissue = Tissue.from_labels(Volume(scene.tissue(), Grid(scene.shape, scene.affine)))
solver, theta = AccurateSolver(AccurateSettings(backend="numba")), Theta((38.0, -20.0, 18.0), 8.0, 2.5)
with kernel_threads(int(sys.argv[1])):
    fields = solver.solve(tissue, theta).concentration, solver.solve_with_tangents(tissue, theta).tangents
print(sha256(b"".join(field.tobytes() for field in fields)).hexdigest())
"""


def test_kernels_that_are_compiled_equal_those_of_the_cache(tmp_path: Path) -> None:
    path = f"{Path(__file__).parents[1]}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": path}
    digests = set()
    for count in (2, 1):
        command = [sys.executable, "-c", GROW, str(count)]
        digests.add(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)
        assert list(tmp_path.rglob("*.nbc"))
    assert len(digests) == 1


@pytest.fixture
def many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels use several threads however few voxels there are."""
    monkeypatch.setattr(threads, "_LEAST_VOXELS", 0)


def test_a_fit_is_the_same_on_any_number_of_threads(tmp_path: Path, many_threads: None) -> None:
    seg, found = save(tmp_path / "seg.nii.gz", SCENE.tumour(), SCENE.affine), []
    for count in (1, 2):
        out = tmp_path / str(count)
        with kernel_threads(count):
            row = fit_files(
                TISSUE, method="gn", out_dir=out, segmentation=seg, label_scheme="brats2021", settings=QUICK
            )
        values = {name: repr(value) for name, value in row.items() if name not in ("wall_seconds", "case")}
        for name in ("concentration.nii.gz", "uncertainty.nii.gz"):
            values[name] = sha256((out / name).read_bytes()).hexdigest()
        found.append(values)
    assert found[0] == found[1]


def test_many_voxels_are_summed_alike_by_threads(many_threads: None) -> None:
    """Error estimates, and with them time steps, do not depend on threads where kernels use several."""
    solutions = []
    for count in (1, 2, 4):
        with kernel_threads(count):
            solutions.append(AccurateSolver().solve(TISSUE, THETA))
    for solution in solutions[1:]:
        assert solution.schedule == solutions[0].schedule
        assert solution.error_estimate == solutions[0].error_estimate
        assert np.array_equal(solution.concentration, solutions[0].concentration)
