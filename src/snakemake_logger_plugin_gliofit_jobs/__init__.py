"""Logger plugin of Snakemake that writes all planned jobs to a file, one JSON object per line.

Snakemake finds the module by name: ``--logger gliofit-jobs --logger-gliofit-jobs-file FILE``.
"""

# Snakemake inspects the types of the settings, so annotations must not be postponed here.
import json
import logging
from dataclasses import dataclass, field
from pathlib import Path

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

_KEYS = ("rule_name", "wildcards", "threads", "output", "log", "benchmark")


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin."""

    file: Path | None = field(
        default=None, metadata={"help": "Output file.", "env_var": False, "required": True, "type": Path}
    )


class LogHandler(LogHandlerBase):
    """Collect the records of jobs."""

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
