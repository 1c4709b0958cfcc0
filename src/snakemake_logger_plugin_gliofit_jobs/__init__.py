"""Writes every job that Snakemake plans or starts into a file, one JSON object a line; for dry runs of programs.

Snakemake finds the module by its name: ``--logger gliofit-jobs --logger-gliofit-jobs-file FILE``.
"""

# Snakemake reads types of settings where they are, so annotations must not be put off here.
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

__all__ = ["LogHandler", "LogHandlerSettings"]

_KEYS = ("rule_name", "wildcards", "threads", "output", "log", "benchmark")


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options that Snakemake gets for this plugin."""

    file: Path | None = field(
        default=None, metadata={"help": "File for the jobs.", "env_var": False, "required": True, "type": Path}
    )


class LogHandler(LogHandlerBase):
    """Takes the facts of every job from the log."""

    settings: LogHandlerSettings

    def __post_init__(self) -> None:
        assert self.settings.file is not None
        self._stream = self.settings.file.open("w")

    writes_to_stream = False
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write a job; other records are ignored."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            json.dump({key: vars(record)[key] for key in _KEYS}, self._stream, default=dict)
            self._stream.write("\n")

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
        super().close()
