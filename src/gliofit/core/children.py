"""Environment of child processes, which ignore modules in the working folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in this context."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def safe_children() -> AbstractContextManager[None]:
    """Make Python processes started in this context, and their children, ignore modules in the working folder.

    ``python -m`` and ``python -c``, also those of ``multiprocessing``, look for modules there first. A user's file
    such as ``random.py`` would then replace the library's module.
    """
    return environment({"PYTHONSAFEPATH": "1"})
