"""Child processes of Python that ignore modules in the working folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

#: If set, Python does not put the working folder, or the folder of a script, on its module path.
SAFE_PATH_VARIABLE = "PYTHONSAFEPATH"


@contextmanager
def safe_children() -> Iterator[None]:
    """Make Python processes started in this context, and their children, ignore modules in the working folder.

    ``python -m`` and ``python -c``, also those of ``multiprocessing``, look for modules there first. A user's file
    such as ``random.py`` would then replace the library's module.
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
