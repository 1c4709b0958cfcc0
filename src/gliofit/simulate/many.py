"""Simulation of many samples on the cores of a CPU or in batches on CUDA, with the same order and the same draws."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeGuard

import pandas as pd

from gliofit.core.errors import InputError, SeedOutsideTissueError
from gliofit.core.threads import kernel_threads, kernels_are_thread_safe
from gliofit.core.tissue import Tissue
from gliofit.simulate.grow import Sample, describe_sample, grow_sample, planned_theta
from gliofit.solver.accurate import AccurateSolver, initial_fields
from gliofit.solver.backends import choose_backend
from gliofit.solver.domain import domain_of
from gliofit.solver.settings import AccurateSettings, IntegratorSettings

#: A function of sample and attempt that returns a row of ``draw_parameters``.
Draw = Callable[[int, int], pd.Series]

#: Attempts at one sample. Unusable draws are rare, so more of them indicate an error of the input.
_ATTEMPTS = 100


def grows_in_batches(integrator: IntegratorSettings) -> TypeGuard[AccurateSettings]:
    """Return whether samples are simulated in batches on CUDA."""
    return isinstance(integrator, AccurateSettings) and choose_backend(integrator.backend) == "triton"


def grow_samples(
    tissue: Tissue, draw: Draw, count: int, integrator: IntegratorSettings, threads: int = 1, batch_size: int = 32
) -> Generator[tuple[Sample, int]]:
    """Draw and simulate samples 0 to ``count - 1``.

    Parameters
    ----------
    draw
        Draws a tumour; a draw without sample (``describe_sample``) is repeated with the next attempt.
    integrator
        Forward integrator; its back end decides between cores and batches.
    threads, batch_size
        Number of simultaneous samples on a CPU and on CUDA.

    Yields
    ------
    sample : Sample
        Samples in order.
    attempt : int
        Number of unusable draws before the sample.

    Raises
    ------
    InputError
        If 100 draws give no sample.
    """
    if grows_in_batches(integrator):
        yield from grow_in_batches(tissue, draw, count, integrator, batch_size)
    else:
        yield from grow_on_cores(tissue, draw, count, integrator, threads)


def grow_on_cores(
    tissue: Tissue, draw: Draw, count: int, integrator: IntegratorSettings, threads: int
) -> Generator[tuple[Sample, int]]:
    """Grow samples as ``grow_samples``, each on one core.

    Threads suffice, because the kernels release Python's lock and share the tissue.
    """

    def grow(index: int) -> tuple[Sample, int]:
        with kernel_threads(1):
            for attempt in range(_ATTEMPTS):
                sample = grow_sample(tissue, draw(index, attempt), integrator)
                if sample is not None:
                    return sample, attempt
        raise _no_sample()

    if count:
        # Numba sets its threading layer when the first kernel runs.
        yield grow(0)
    if threads == 1 or count < 3 or not kernels_are_thread_safe():
        yield from map(grow, range(1, count))
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="simulate")
    try:
        waiting: deque[Future[tuple[Sample, int]]] = deque()
        for index in range(1, count):
            waiting.append(pool.submit(grow, index))
            # Samples wait for slower previous ones; the limit saves memory.
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def grow_in_batches(
    tissue: Tissue, draw: Draw, count: int, integrator: AccurateSettings, batch_size: int
) -> Generator[tuple[Sample, int]]:
    """Grow samples as ``grow_samples``, ``batch_size`` at a time by ``AccurateSolver.solve_batch``."""
    solver = AccurateSolver(integrator)
    for first in range(0, count, batch_size):
        samples: dict[int, tuple[Sample, int]] = {}
        attempts = dict.fromkeys(range(first, min(count, first + batch_size)), 0)
        while attempts:
            batch = {}
            for index in attempts:
                batch[index], attempts[index] = _draw_in_tissue(tissue, draw, index, attempts[index], integrator)
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
                    samples[index] = sample, attempts.pop(index)
        yield from (samples[index] for index in sorted(samples))


def _draw_in_tissue(
    tissue: Tissue, draw: Draw, index: int, attempt: int, integrator: AccurateSettings
) -> tuple[pd.Series, int]:
    """Return the first draw from ``attempt`` on with tissue in its seed, because one without fails the whole batch."""
    for number in range(attempt, _ATTEMPTS):
        drawn = draw(index, number)
        with suppress(SeedOutsideTissueError):
            initial_fields(domain_of(tissue, integrator.precision), planned_theta(drawn))
            return drawn, number
    raise _no_sample()


def _no_sample() -> InputError:
    return InputError(
        "simulate", f"{_ATTEMPTS} draws gave no growing tumour in tissue", "check the tissue maps and the preset"
    )
