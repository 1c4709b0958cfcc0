"""Completion of option values in the shell."""

from __future__ import annotations


def complete_growth_model(incomplete: str) -> list[str]:
    """Return names of growth models."""
    from gliofit.growth.model import growth_model_names

    return [name for name in growth_model_names() if name.startswith(incomplete)]


def complete_method(incomplete: str) -> list[str]:
    """Return names of inversion methods."""
    from gliofit.invert.settings import InvertSettings

    return [name for name in InvertSettings().methods if name.startswith(incomplete)]


def complete_labels(incomplete: str) -> list[str]:
    """Return names of label schemes."""
    from gliofit.core.labels import LABEL_SCHEMES

    return [name for name in LABEL_SCHEMES if name.startswith(incomplete)]


def complete_target(incomplete: str) -> list[str]:
    """Return targets of the workflow."""
    from gliofit.cli.checkout import find_checkout, targets_of

    root = find_checkout()
    return [] if root is None else [name for name in targets_of(root) if name.startswith(incomplete)]
