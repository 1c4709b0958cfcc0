"""Back ends of the accurate integrator on different devices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from gliofit.core.errors import InputError
from gliofit.growth.model import Growth
from gliofit.solver.backends.base import GREY_SHARE, AbstractStepper, SequentialStepper, choose_backend
from gliofit.solver.domain import Domain
from gliofit.solver.settings import AccurateSettings

__all__ = ["choose_backend", "make_stepper"]


def make_stepper(
    settings: AccurateSettings,
    domain: Domain,
    seeds: Sequence[NDArray[Any]],
    growths: Sequence[Growth],
    extrapolate_tangents: bool = True,
    with_grey_share: bool = False,
) -> AbstractStepper:
    """Create the stepper of a batch of tumours on the back end of the settings.

    Parameters
    ----------
    settings, domain
        Back end and ``active``; computational domain, whose floating type is that of the fields.
    seeds
        Initial fields per tumour, shape (F, nx, ny, nz) on the padded box; F is 1, or at least 6 with tangents, whose
        first five are those by the first origin, mu_D and mu_rho. Further ones have no sources, but that by the grey
        share.
    growths
        Coefficients of each tumour.
    extrapolate_tangents
        Whether tangents are those of the extrapolated c or of the fine steps (except in ``triton``).
    with_grey_share
        Whether the sixth tangent is that by the grey share.

    Raises
    ------
    InputError
        If the back end is unknown, cannot run, or does not support the tangents.
    """
    backend = choose_backend(settings.backend)
    tumours = zip(seeds, growths, strict=True)
    if backend == "numba":
        from gliofit.solver.backends.numba_rows import NumbaTumour

        return SequentialStepper(
            [NumbaTumour(domain, *t, settings.active, extrapolate_tangents, with_grey_share) for t in tumours]
        )
    if backend == "torch":
        from gliofit.solver.backends.torch_dense import TorchTumour

        return SequentialStepper([TorchTumour(domain, *t, extrapolate_tangents, with_grey_share) for t in tumours])
    if len(seeds[0]) > GREY_SHARE:
        problem = "does not support derivatives by more than five parameters"
        raise InputError("back end triton", problem, "use --backend numba", "backend-tangent")
    from gliofit.solver.backends.triton_dense import TritonStepper

    return TritonStepper(domain, seeds, growths, settings.active)
