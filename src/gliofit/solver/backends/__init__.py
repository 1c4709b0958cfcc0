"""Back ends of the accurate integrator: the same steps on different devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.growth.model import Growth
from gliofit.solver.backends.base import GREY_SHARE, AbstractStepper
from gliofit.solver.backends.triton_support import choose_backend
from gliofit.solver.domain import Domain
from gliofit.solver.settings import AccurateSettings

__all__ = ["choose_backend", "make_stepper"]


def make_stepper(
    settings: AccurateSettings,
    domain: Domain,
    seeds: Sequence[NDArray[Any]],
    growths: Sequence[Growth],
    extrapolate_tangents: bool = True,
) -> AbstractStepper:
    """A batch of tumours at their seeds on the back end that the settings name.

    Without ``extrapolate_tangents`` a back end may spare the tangents the coarse step; Triton's never does.
    """
    backend = choose_backend(settings.backend)
    if backend == "numba":
        from gliofit.solver.backends.numba_rows import NumbaStepper

        return NumbaStepper(domain, seeds, growths, settings.active, extrapolate_tangents)
    if backend == "torch":
        from gliofit.solver.backends.torch_dense import TorchStepper

        return TorchStepper(domain, seeds, growths, extrapolate_tangents=extrapolate_tangents)
    if len(seeds[0]) > GREY_SHARE:
        problem = "has no derivative by the grey-matter diffusivity"
        raise InputError("back end triton", problem, "use --backend numba", "backend-tangent")
    from gliofit.solver.backends.triton_dense import TritonStepper

    return TritonStepper(domain, seeds, growths, settings.active)
