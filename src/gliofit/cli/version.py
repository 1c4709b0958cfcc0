"""``gliofit --version``: version and commit, for bug reports."""

from __future__ import annotations

import platform

from gliofit import __version__
from gliofit.pipeline.revision import UNKNOWN, find_revision


def version_text() -> str:
    """Return the versions of gliofit (with commit, if in a clone) and Python."""
    revision = find_revision()
    commit = revision.removesuffix("-dirty")
    parts = [] if revision == UNKNOWN else [f"commit {commit}{' with changes' if commit != revision else ''}"]
    return f"gliofit {__version__} ({', '.join([*parts, f'Python {platform.python_version()}'])})"
