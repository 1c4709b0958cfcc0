"""``gliofit solve``: simulate a tumour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from gliofit.cli import machine, options
from gliofit.cli.options import HOW, RESULT, option
from gliofit.cli.result import print_warnings, say
from gliofit.core.errors import InputError, name_one_of
from gliofit.core.output import check_out_file
from gliofit.core.progress import show_progress

if TYPE_CHECKING:
    from gliofit.growth.space import ParameterSpace
    from gliofit.solver.base import AbstractForwardSolver

EXAMPLES = (
    "gliofit solve --tissue labels.nii.gz --seed 84 141 69 \\\n    --mu-d 12.8 --mu-rho 3.8 --out c.nii.gz",
    "gliofit solve --wm wm.nii.gz --gm gm.nii.gz --seed 84 141 69 \\\n"
    "    --mu-d 12.8 --mu-rho 3.8 --out c.nii.gz --json",
)

_TUMOUR = "Tumour"


Integrator = StrEnum("Integrator", ["ACCURATE", "REFERENCE", "TOOLKIT"])
Backend = StrEnum("Backend", ["AUTO", "NUMBA", "TORCH", "TRITON"])


def solve(
    seed: Annotated[
        tuple[float, float, float], option(_TUMOUR, "Origin I J K in (fractional) voxel indices.", metavar="I J K")
    ],
    diffusion: Annotated[float, option(_TUMOUR, "sqrt(D T) in white matter, in mm (migration).", "--mu-d")],
    growth: Annotated[float, option(_TUMOUR, "sqrt(rho T) (proliferation).", "--mu-rho")],
    out: Annotated[Path, option(RESULT, "Concentration to write (.nii or .nii.gz).")],
    tissue: options.TissueOption = None,
    wm: options.WhiteOption = None,
    gm: options.GreyOption = None,
    growth_model: options.GrowthModelOption = None,
    parameter: Annotated[
        list[str] | None,
        option(
            _TUMOUR,
            "A further parameter of the growth model, such as grey_share=0.2; may be repeated.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    integrator: Annotated[
        Integrator,
        option(
            HOW,
            "accurate: error-controlled. reference: the public toolkit's explicit scheme without its faults. "
            "toolkit: with all of its faults, for comparison with its results.",
        ),
    ] = Integrator.ACCURATE,
    backend: Annotated[
        Backend, option(HOW, "numba: CPU. triton: CUDA. torch: CPU, slow. auto: triton if CUDA is available.")
    ] = Backend.AUTO,
    threads: options.ThreadsOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """Simulate a tumour in a brain and write its concentration."""
    machine.set_threads(threads)
    from gliofit.core.header import CONCENTRATION
    from gliofit.core.io import write_volume
    from gliofit.growth.model import DEFAULT, find_growth_model
    from gliofit.growth.theta import Theta

    if not out.name.endswith((".nii", ".nii.gz")):
        raise InputError(out, "--out is not the name of a NIfTI file", "use the extension .nii or .nii.gz")
    check_out_file(out, (tissue, wm, gm))
    space = find_growth_model(growth_model or DEFAULT).space
    others = {"--mu-d": diffusion, "--mu-rho": growth} | _further(space, parameter or [])
    for (name, value), positive in zip(others.items(), space.log[3:], strict=True):
        if not (math.isfinite(value) and (value > 0 or not positive)):
            raise InputError(name, f"is {value:g}", f"give a {'number above zero' if positive else 'finite number'}")
    if not all(map(math.isfinite, seed)):
        raise InputError("--seed", "is not finite", "give three voxel indices")
    with print_warnings() as warnings, show_progress("gliofit solve") as progress:
        progress("reading")
        solver = _make_solver(integrator, backend)
        brain = options.read_tissue(tissue, wm, gm, warnings=warnings, isotropic=True)
        theta = Theta.from_voxel(seed, *others.values(), grid=brain.grid, space=space)
        solution = solver.solve(brain, theta, progress=progress)
        write_volume(out, solution.volume, CONCENTRATION)
    estimate = solution.error_estimate
    content = {
        "concentration": out, "volume_mm3": solution.volume_mm3, "final_time_days": solution.final_time_days,
        "integrator": integrator.value, "steps": solution.steps, "error_estimate": estimate,
        "growth_model": space.model, "origin_voxel": seed, **space.row(theta.to_array()),
    }  # fmt: skip
    volume = f"{solution.volume_mm3 / 1000:.1f} cc of tumour cells"
    error = "no error estimate" if estimate is None else f"estimated error {100 * estimate:.2g} %"
    line = f"{out}: {volume}; integrator {integrator}, {solution.steps} steps, {error}"
    say(as_json, content, line, warnings=warnings)


def _further(space: ParameterSpace, given: Sequence[str]) -> dict[str, float]:
    """Return values of further parameters by option, with typical values as default; positions must be given."""
    further = space.parameters[5:]
    values = {p.name: p.typical for p in further}
    names = {text.partition("=")[0] for text in given}
    missing = [p.name for p in further if p.axis is not None and p.name not in names]
    if missing:
        example = " ".join(f"--parameter {name}=..." for name in missing)
        raise InputError("--parameter", f"'{space.model}' needs {', '.join(missing)}", f"add {example} (world mm)")
    for text in given:
        name, _, number = text.partition("=")
        if name not in values:
            problem = f"'{space.model}' has no further parameter '{name}'"
            raise InputError("--parameter", problem, name_one_of(name, values))
        try:
            values[name] = float(number)
        except ValueError:
            raise InputError("--parameter", f"'{text}' is not NAME=NUMBER", f"write {name}={values[name]:g}") from None
    return {f"--parameter {name}": value for name, value in values.items()}


def _make_solver(integrator: Integrator, backend: Backend) -> AbstractForwardSolver:
    from gliofit.solver.registry import make_solver
    from gliofit.solver.settings import AccurateSettings, ReferenceSettings, ToolkitSettings

    if integrator is not Integrator.ACCURATE:
        if backend not in (Backend.AUTO, Backend.NUMBA):
            problem = f"the {integrator} integrator runs on the CPU only"
            raise InputError(f"--backend {backend}", problem, "omit --backend, or use --integrator accurate")
        return make_solver(ReferenceSettings() if integrator is Integrator.REFERENCE else ToolkitSettings())
    from gliofit.solver.backends import choose_backend

    # Reject an unavailable back end before reading files.
    return make_solver(AccurateSettings(backend=choose_backend(backend.value)))
