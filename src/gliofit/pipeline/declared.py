"""Check that a job reads only files that its rule declares, for tests of the workflow."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gliofit.pipeline.job import Job

#: Environment variable that turns the check on.
VARIABLE = "GLIOFIT_CHECK_INPUTS"

#: Folders of a run whose files belong to jobs without being inputs or outputs.
_UNDECLARED_FOLDERS = {"logs", "benchmarks", "checkpoints"}

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@contextmanager
def only_declared(job: Job) -> Iterator[None]:
    """Raise an error at the end if the body opened an undeclared file of the run for reading.

    Only files that Python opens are seen. Sidecars, and files that the body wrote, are allowed.

    Raises
    ------
    RuntimeError
        With the undeclared files.
    """
    if not os.environ.get(VARIABLE):
        yield
        return
    run = job.run_folder.absolute()
    declared = {Path(file).absolute() for file in (*job.input, *job.output)}
    written: set[Path] = set()
    undeclared: set[Path] = set()
    active = True

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event != "open" or not active or not isinstance(arguments[0], str | bytes | os.PathLike):
            return
        path = Path(os.fsdecode(arguments[0])).absolute()
        if not path.is_relative_to(run):
            return
        parts = path.relative_to(run).parts
        if _UNDECLARED_FOLDERS & set(parts) or any(part.startswith(".") for part in parts):
            return
        mode, flags = arguments[1] or "", arguments[2] or 0
        if set(mode) & set("wax+") or flags & _WRITING:
            written.add(path)
        elif path not in declared | written and path.is_file():
            if path.suffix != ".json" or not path.with_suffix("").is_file():
                undeclared.add(path)

    # Hooks cannot be removed.
    sys.addaudithook(hook)
    try:
        yield
    finally:
        active = False
    if undeclared:
        raise RuntimeError(f"reads undeclared files: {', '.join(sorted(map(str, undeclared)))}")
