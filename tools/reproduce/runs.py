"""Runs of the reproduction page with their commands."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class KnownRun:
    """Run of a shipped configuration.

    Parameters
    ----------
    name
        Name of the folder in ``results``.
    config
        Configuration, relative to the repository.
    command
        Command.
    """

    name: str
    config: str
    command: str


#: Runs in the order of the page.
KNOWN_RUNS = (
    KnownRun("demo", "config/demo.yaml", "make demo"),
    KnownRun("brats", "config/brats.yaml", "make brats PATIENTS=folder"),
    KnownRun("surrogates", "config/surrogates.yaml", "make surrogates PATIENTS=folder"),
    KnownRun("benchmark", "config/benchmark.yaml", "make benchmark-inversion"),
    KnownRun("robustness", "config/robustness.yaml", "make robustness"),
    KnownRun("surrogates-gpu", "config/surrogates-gpu.yaml", "make train-gpu"),
    KnownRun("paper", "config/paper.yaml", "snakemake --configfile config/paper.yaml"),
)
