"""The rigid and affine step, in a separate process with one thread.

ITK sums the mutual information of its threads in the order in which they finish, so only one thread gives the same
matrix for the same seed. The number of threads of ITK is fixed for a process, and the deformable step, whose result is
independent of it, uses all threads; hence the second process. It takes a few seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from gliofit.core.children import safe_children
from gliofit.core.grid import Grid, Volume
from gliofit.register.ants import Transforms, load_ants, register_affine
from gliofit.register.settings import RegisterSettings


def register_affine_reproducibly(
    fixed: Volume, moving: Volume, out_prefix: Path, settings: RegisterSettings, seed: int
) -> Transforms:
    """Run ``register_affine`` so that equal seeds give equal results.

    Raises
    ------
    RuntimeError
        If the process fails.
    """
    job = Path(f"{out_prefix}job.npz")
    np.savez(
        job,
        fixed=fixed.data.astype(np.float32),
        fixed_affine=fixed.grid.affine,
        moving=moving.data.astype(np.float32),
        moving_affine=moving.grid.affine,
    )
    threads = {"ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", __name__, str(job), str(out_prefix), settings.model_dump_json(), str(seed)]
    with safe_children():
        environment = os.environ | threads
        process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    job.unlink()
    result = Transforms(Path(f"{out_prefix}0GenericAffine.mat"))
    if process.returncode != 0 or not result.affine.is_file():
        lines = (process.stderr or process.stdout).strip().splitlines()
        raise RuntimeError(f"affine registration failed: {lines[-1] if lines else f'exit {process.returncode}'}")
    return result


def _main(job: str, out_prefix: str, settings: str, seed: str) -> None:
    with np.load(job) as arrays:
        fixed, moving = (
            Volume(arrays[name], Grid(arrays[name].shape, arrays[f"{name}_affine"])) for name in ("fixed", "moving")
        )
    load_ants(1)
    register_affine(fixed, moving, Path(out_prefix), RegisterSettings.model_validate_json(settings), int(seed))


if __name__ == "__main__":
    _main(*sys.argv[1:])
