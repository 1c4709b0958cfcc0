"""``gliofit --version``: which gliofit this is, for reports of problems."""

from __future__ import annotations

import platform

from gliofit import __version__
from gliofit.pipeline.revision import UNKNOWN, find_revision

__all__ = ["version_text"]


def version_text() -> str:
    """Version of gliofit, the commit where it is installed from a clone, and the version of Python."""
    revision = find_revision()
    commit = revision.removesuffix("-dirty")
    parts = [] if revision == UNKNOWN else [f"commit {commit}{' with changes' if commit != revision else ''}"]
    return f"gliofit {__version__} ({', '.join([*parts, f'Python {platform.python_version()}'])})"
