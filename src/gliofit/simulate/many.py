"""Many samples: on all cores of a CPU, or on CUDA in batches. Either way the same ones, in the same order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor

import pandas as pd

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.threads import kernel_threads
from gliofit.core.tissue import Tissue
from gliofit.growth.theta import Theta
from gliofit.simulate.grow import Sample, describe_sample, grow_sample, planned_theta
from gliofit.solver.accurate import AccurateSolver, initial_fields
from gliofit.solver.backends import choose_backend
from gliofit.solver.domain import domain_of
from gliofit.solver.settings import AccurateSettings, IntegratorSettings
from gliofit.solver.threads import kernels_are_thread_safe

__all__ = ["Draw", "grow_in_batches", "grow_on_cores", "grow_samples"]

#: A function of sample and attempt that draws a tumour: a row of ``draw_parameters``.
Draw = Callable[[int, int], pd.Series]

#: Attempts at one sample. Draws that make no sample are rare, so this many mean that something is wrong.
_ATTEMPTS = 100


def grow_samples(
    tissue: Tissue,
    draw: Draw,
    count: int,
    integrator: IntegratorSettings,
    threads: int = 1,
    batch_size: int = 32,
) -> Generator[tuple[Sample, int]]:
    """Draw and grow samples 0 to ``count - 1``.

    Parameters
    ----------
    tissue
        Brain to grow in.
    draw
        Draws a tumour; a draw that makes no sample (``describe_sample``) is repeated with the next attempt.
    count
        Number of samples.
    integrator
        Forward integrator; its back end decides between cores and batches.
    threads
        Samples to grow at a time on a CPU.
    batch_size
        Samples to grow at a time on CUDA.

    Yields
    ------
    Each sample, in order, with the number of draws before the one that made it.

    Raises
    ------
    InputError
        If 100 draws make no sample.
    """
    if isinstance(integrator, AccurateSettings) and choose_backend(integrator.backend) == "triton":
        yield from grow_in_batches(tissue, draw, count, integrator, batch_size)
    else:
        yield from grow_on_cores(tissue, draw, count, integrator, threads)


def grow_on_cores(
    tissue: Tissue, draw: Draw, count: int, integrator: IntegratorSettings, threads: int
) -> Generator[tuple[Sample, int]]:
    """As ``grow_samples``, each sample on one core.

    In threads, because the kernels release Python's lock and share the tissue; each kernel runs on one thread.
    """

    def grow(index: int) -> tuple[Sample, int]:
        with kernel_threads(1):
            for attempt in range(_ATTEMPTS):
                sample = grow_sample(tissue, draw(index, attempt), integrator)
                if sample is not None:
                    return sample, attempt
        raise _hopeless()

    if count:
        # Alone, because numba knows its threading layer only once a kernel has run.
        yield grow(0)
    if threads == 1 or count < 3 or not kernels_are_thread_safe():
        yield from map(grow, range(1, count))
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="simulate")
    try:
        waiting: deque[Future[tuple[Sample, int]]] = deque()
        for index in range(1, count):
            waiting.append(pool.submit(grow, index))
            # Samples wait here for slower ones before them; a bound on how many saves memory.
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def grow_in_batches(
    tissue: Tissue, draw: Draw, count: int, integrator: AccurateSettings, batch_size: int
) -> Generator[tuple[Sample, int]]:
    """As ``grow_samples``, ``batch_size`` samples at a time through ``AccurateSolver.solve_batch``."""
    solver = AccurateSolver(integrator)
    for first in range(0, count, batch_size):
        found: dict[int, tuple[Sample, int]] = {}
        attempts = dict.fromkeys(range(first, min(count, first + batch_size)), 0)
        while attempts:
            batch = {}
            for index in attempts:
                batch[index], attempts[index] = _next_inside(tissue, draw, index, attempts[index], integrator)
            solutions = solver.solve_batch(
                tissue,
                [planned_theta(drawn) for drawn in batch.values()],
                stopping_volumes_mm3=[float(drawn["stopping_volume_mm3"]) for drawn in batch.values()],
            )
            for (index, drawn), solution in zip(batch.items(), solutions, strict=True):
                sample = describe_sample(tissue, drawn, solution, integrator.name)
                if sample is None:
                    attempts[index] += 1
                else:
                    found[index] = sample, attempts.pop(index)
        yield from (found[index] for index in sorted(found))


def _next_inside(
    tissue: Tissue, draw: Draw, index: int, attempt: int, integrator: AccurateSettings
) -> tuple[pd.Series, int]:
    """First draw from ``attempt`` on whose seed holds tissue: one without would spoil its whole batch."""
    for number in range(attempt, _ATTEMPTS):
        drawn = draw(index, number)
        if _holds_tissue(tissue, planned_theta(drawn), integrator):
            return drawn, number
    raise _hopeless()


def _holds_tissue(tissue: Tissue, theta: Theta, integrator: AccurateSettings) -> bool:
    try:
        initial_fields(domain_of(tissue, integrator.precision), theta, False)
    except SeedOutsideTissueError:
        return False
    return True


def _hopeless() -> InputError:
    return InputError(
        "simulate", f"{_ATTEMPTS} draws found no seed in tissue that grows", "check the tissue maps and the preset"
    )
