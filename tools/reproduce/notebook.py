"""Execution of notebooks of the documentation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: Time limit of a cell in seconds.
_TIMEOUT = 1800


def execute_notebook(path: Path, parameters: Mapping[str, Any] | None = None) -> Any:
    """Run all cells of a notebook in its folder with this Python.

    Parameters
    ----------
    path
        The notebook.
    parameters
        Values that replace those of the cell with the tag ``parameters``, by name.

    Returns
    -------
    The notebook (``nbformat.NotebookNode``) with output, without times. The file is unchanged.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source += "".join(f"\n{name} = {value!r}" for name, value in (parameters or {}).items())
    NotebookClient(
        notebook,
        timeout=_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    ).execute(env=os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"})
    # Remove the name of the interpreter.
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
         "language_info": {"name": "python"}}
    )  # fmt: skip
    return notebook
