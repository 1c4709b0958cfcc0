"""The ``gliofit`` command: functions of the workflow for single files.

One file per command. Bad input ends with exit code 2 and one line on stderr with file and hint.
"""

from gliofit.cli.app import app
from gliofit.cli.entry import main

__all__ = ["app", "main"]
