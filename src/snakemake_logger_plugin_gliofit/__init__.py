"""Logger plugin of Snakemake: one status line, and failures with their reason.

Selected by ``profiles/default``. Dry runs, ``--verbose`` and ``--logger-gliofit-full`` print Snakemake's usual output,
which is always in ``.snakemake/log``.
"""

# Snakemake inspects the types of the settings, so that annotations must not be postponed here.
import logging
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from gliofit.core.progress import ProgressLine

#: Seconds between plain lines.
_PLAIN_SECONDS = 30.0

#: Number of last lines of a failed job's log to show without an error message.
_TAIL = 12

#: Messages without an event that are shown during a run.
_SHOWN = ("Trying to restart", "Will exit", "Terminating", "Cancelling", "Shutting", "Complete log")

#: Generic errors about failed jobs, which are reported with their reason already.
_REPORTED = ("CalledProcessError", "RuleException")
_REPORTED_TEXTS = ("Exiting because a job execution failed", "At least one job did not complete successfully")


#: Events about jobs.
_COUNTED = {
    getattr(LogEvent, name)
    for name in ("JOB_STARTED", "JOB_INFO", "JOB_FINISHED", "JOB_ERROR", "GROUP_ERROR", "PROGRESS")
}


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options of the plugin."""

    full: bool = field(
        default=False,
        metadata={"help": "Print Snakemake's usual output.", "env_var": False},
    )


class LogHandler(LogHandlerBase):
    """Print a status line. Snakemake sends records one at a time."""

    settings: LogHandlerSettings | None
    writes_to_stream = True
    writes_to_file = False
    # The plain handler filters by itself; the status line needs all jobs.
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def __post_init__(self) -> None:
        common = self.common_settings
        quiet = set(common.quiet or ())
        self._stream = sys.stdout if common.stdout else sys.stderr
        self._plain = ColorizingTextHandler(
            nocolor=common.nocolor,
            stream=self._stream,
            formatter=DefaultFormatter(quiet, common.show_failed_logs),
            filter=DefaultFilter(quiet, common.debug_dag, common.verbose, common.dryrun, common.printshellcmds),
        )
        self._full = common.dryrun or common.verbose or common.debug_dag or bool(self.settings and self.settings.full)
        self._silent, self._quiet = Quietness.ALL in quiet, bool(quiet & {Quietness.ALL, Quietness.PROGRESS})
        self._line: ProgressLine | None = None
        self._done = self._total = 0
        self._running: dict[int, str] = {}
        self._failed: dict[int, str] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, or count its job."""
        event: LogEvent | None = getattr(record, "event", None)
        if self._full or self._line is None:
            # Handlers called directly do not filter.
            if self._plain.filter(record):
                self._plain.emit(record)
            if not self._full and event == LogEvent.RUN_INFO:
                self._total = record.stats["total"]  # type: ignore[attr-defined]
                self._line = ProgressLine("snakemake", self._stream, 1.0, _PLAIN_SECONDS)
        elif event in _COUNTED:
            self._count(event, record)
        elif self._is_news(record, event):
            self._say(record.getMessage())

    def close(self) -> None:
        """Print the end of the run."""
        if self._line is not None:
            self._line.stop()
            if not self._quiet:
                failed = f", {len(self._failed)} failed" if self._failed else ""
                self._say("\n  ".join([f"{self._done} of {self._total} jobs done{failed}", *self._failed.values()]))
            self._line = None
        super().close()

    def _count(self, event: LogEvent | None, record: Any) -> None:
        if event == LogEvent.JOB_STARTED:
            # Jobs on a cluster have only numbers.
            self._running |= {number: f"job {number}" for number in record.jobs if number not in self._running}
        elif event == LogEvent.JOB_INFO:
            self._running[record.jobid] = " ".join([record.rule_name, *map(str, record.wildcards.values())])
            self._failed.pop(record.jobid, None)
        elif event == LogEvent.JOB_FINISHED:
            self._running.pop(record.job_id, None)
        elif event == LogEvent.PROGRESS:
            self._done, self._total = record.done, record.total
        else:
            for job in record.job_error_info if event == LogEvent.GROUP_ERROR else [vars(record)]:
                self._report_failure(job)
        # Skip the moment between the end of a job and the start of the next one.
        between = event in (LogEvent.JOB_FINISHED, LogEvent.PROGRESS) and self._done < self._total
        if self._line is not None and not self._quiet and not between:
            # The longest running job first.
            first = f" ({next(iter(self._running.values()))}, ...)" if self._running else ""
            failed = f"{len(self._failed)} failed, " if self._failed else ""
            self._line.report("jobs", self._done, self._total, f"{failed}{len(self._running)} running{first}")

    def _report_failure(self, job: dict[str, Any]) -> None:
        """Print failed jobs with the reason, once per attempt (Snakemake repeats them at the end)."""
        name = self._running.pop(job["jobid"], None)
        if name is None:
            return
        name = name if name.startswith(job["rule_name"]) else f"{job['rule_name']}, {name}"
        self._failed[job["jobid"]] = f"{name}: {', '.join(job['log']) or 'no log'}"
        # Message of the cluster, for example that the job was cancelled.
        lines = [f"FAILED {name}", *([f"  {' '.join(job['rule_msg'].split())}"] if job["rule_msg"] else [])]
        for log in job["log"]:
            lines += [f"  log: {log}", *_reason(Path(log))]
        self._say("\n".join(lines))

    def _say(self, message: str) -> None:
        if self._line is not None and not self._silent:
            self._line.say(message)

    @staticmethod
    def _is_news(record: logging.LogRecord, event: LogEvent | None) -> bool:
        message = record.getMessage()
        if record.levelno < logging.WARNING:
            return event is None and message.startswith(_SHOWN)
        reported = any(text in message for text in _REPORTED_TEXTS)
        return not reported and getattr(record, "exception", "") not in _REPORTED


def _reason(log: Path) -> list[str]:
    """Return the lines of a failed job's log with errors, or else the last lines."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ["  (no such file)"]
    return [line for line in lines if line.startswith("gliofit: ")] or lines[-_TAIL:] or ["  (empty)"]
