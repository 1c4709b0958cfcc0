"""Python processes that do not take modules from the working folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["SAFE_PATH_VARIABLE", "safe_children"]

#: Set to anything, it keeps Python from putting the working folder, or the folder of a script, on its module path.
SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"


@contextmanager
def safe_children() -> Iterator[None]:
    """Let Python processes that are started within, and theirs, ignore modules in the working folder.

    ``python -m`` and ``python -c``, also those of ``multiprocessing``, look for modules there first. A file of the
    user's own such as ``random.py`` would then run in place of the library's.
    """
    before = os.environ.get(SAFE_PATH_VARIABLE)
    os.environ[SAFE_PATH_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[SAFE_PATH_VARIABLE]
        else:
            os.environ[SAFE_PATH_VARIABLE] = before
