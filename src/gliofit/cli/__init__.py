"""The ``gliofit`` command: the same functions as the workflow, on single files.

A file per command. Bad input ends with exit code 2 and one line on stderr that names the file and the hint.
"""

from gliofit.cli.app import app
from gliofit.cli.entry import main

__all__ = ["app", "main"]
