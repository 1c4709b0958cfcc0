"""The runs that the page on reproduction is about, and what makes each of them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KNOWN_RUNS", "KnownRun"]


@dataclass(frozen=True)
class KnownRun:
    """A run of one of the configurations that come with gliofit.

    Parameters
    ----------
    name
        Its name, that of the folder below ``results``.
    config
        Configuration, below the repository's root.
    command
        What makes it.
    """

    name: str
    config: str
    command: str


#: In the order of the page.
KNOWN_RUNS = (
    KnownRun("demo", "config/demo.yaml", "make demo"),
    KnownRun("brats", "config/brats.yaml", "make brats PATIENTS=folder"),
    KnownRun("surrogates", "config/surrogates.yaml", "make surrogates PATIENTS=folder"),
    KnownRun("benchmark", "config/benchmark.yaml", "make benchmark-inversion"),
    KnownRun("robustness", "config/robustness.yaml", "make robustness"),
    KnownRun("surrogates-gpu", "config/surrogates-gpu.yaml", "make train-gpu"),
    KnownRun("paper", "config/paper.yaml", "snakemake --configfile config/paper.yaml"),
)
