"""What Snakemake prints of a run of gliofit: one line of what is done, running and left, and failures at once.

Snakemake finds the module by its name; ``profiles/default`` chooses it. Before a run begins, in dry runs, and with
``--verbose`` or ``--logger-gliofit-full`` everything is printed as Snakemake does. Its own log in ``.snakemake/log``
always holds everything.
"""

# Snakemake reads types of settings where they are, so annotations must not be put off here.
import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter
from snakemake.settings.enums import Quietness
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

from gliofit.core.progress import StatusLine
from snakemake_logger_plugin_gliofit.tally import Running, Tally

__all__ = ["LogHandler", "LogHandlerSettings"]

#: Seconds between lines where there is no terminal, and before the first one where there is.
_PLAIN_SECONDS, _FIRST_SECONDS = 30.0, 1.0

#: Lines of a failed job's log that are shown where it names no bad input.
_TAIL = 12

_RED_FAILED = "\033[31mFAILED\033[0m"

#: What a run says without a name for it and people should read.
_WORTH_READING = ("Trying to restart", "Will exit", "Terminating", "Cancelling", "Shutting", "Complete log")

#: What Snakemake says of itself before every run.
_CIRCUMSTANCES = ("Using shell", "Conda environments: ignored", "Assuming unrestricted", "Using workflow specific")

#: Errors that say no more than that a job failed, which has been told.
_TOLD = ("CalledProcessError", "RuleException")
_TOLD_IN_WORDS = ("Exiting because a job execution failed", "At least one job did not complete successfully")


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Options that Snakemake gets for this plugin."""

    full: bool = field(
        default=False,
        metadata={
            "help": "Print everything as Snakemake does by itself, in place of the line of what is done and left.",
            "env_var": False,
            "required": False,
        },
    )


class LogHandler(LogHandlerBase):
    """Prints for people. Records arrive one after the other, in a thread of Snakemake's."""

    settings: LogHandlerSettings | None

    def __post_init__(self) -> None:
        common = self.common_settings
        self._quiet = set(common.quiet or ())
        self._stream = sys.stdout if common.stdout else sys.stderr
        self._plain = ColorizingTextHandler(
            nocolor=common.nocolor,
            stream=self._stream,
            formatter=DefaultFormatter(self._quiet, common.show_failed_logs),
            filter=DefaultFilter(self._quiet, common.debug_dag, common.verbose, common.dryrun, common.printshellcmds),
        )
        self._full = common.dryrun or common.verbose or common.debug_dag or bool(self.settings and self.settings.full)
        self._silent = Quietness.ALL in self._quiet
        self._tally: Tally | None = None
        self._line: StatusLine | None = None
        self._remote = False
        self._lock = threading.Lock()
        self._takers: dict[LogEvent, Callable[[Any], None]] = {
            LogEvent.JOB_STARTED: self._started,
            LogEvent.JOB_INFO: self._job,
            LogEvent.JOB_FINISHED: self._finished,
            LogEvent.JOB_ERROR: self._failed,
            LogEvent.GROUP_ERROR: self._group_failed,
            LogEvent.PROGRESS: self._progressed,
        }

    writes_to_stream = True
    writes_to_file = False
    # The plain handler filters for itself, and the rest must see every job.
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record, or take note of it."""
        event = getattr(record, "event", None)
        if event == LogEvent.RESOURCES_INFO and hasattr(record, "nodes"):
            self._remote = True
        if self._full or self._tally is None:
            # Handlers that are called by hand filter by hand.
            if self._plain.filter(record) and (self._full or not self._is_circumstance(record, event)):
                self._plain.emit(record)
            if not self._full and event == LogEvent.RUN_INFO:
                self._begin(record.stats)  # type: ignore[attr-defined]
        elif event in self._takers:
            with self._lock:
                self._takers[event](record)
        elif self._is_news(record, event):
            self._say(record.getMessage())

    def close(self) -> None:
        """Say how the run ended."""
        if self._line is not None:
            self._line.stop()
            self._line = None
        if self._tally is not None:
            if not self._is_quiet:
                self._say(self._tally.summary())
            self._tally = None
        super().close()

    @property
    def _is_quiet(self) -> bool:
        return self._silent or Quietness.PROGRESS in self._quiet

    def _begin(self, stats: dict[str, int]) -> None:
        self._tally = Tally({rule: count for rule, count in stats.items() if rule != "total"}, self._remote)
        if not self._is_quiet:
            first = _FIRST_SECONDS if self._stream.isatty() else _PLAIN_SECONDS
            self._line = StatusLine(self._text, self._stream, first, _PLAIN_SECONDS)

    def _text(self) -> str:
        with self._lock:
            return "" if self._tally is None else self._tally.text()

    def _say(self, message: str) -> None:
        if self._silent:
            return
        if self._line is not None:
            self._line.say(message)
        else:
            print(message, file=self._stream, flush=True)

    @staticmethod
    def _is_circumstance(record: logging.LogRecord, event: LogEvent | None) -> bool:
        if event in (LogEvent.WORKFLOW_STARTED, LogEvent.RESOURCES_INFO):
            return True
        return event is None and record.getMessage().startswith(_CIRCUMSTANCES)

    @staticmethod
    def _is_news(record: logging.LogRecord, event: LogEvent | None) -> bool:
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            return getattr(record, "exception", "") not in _TOLD and not any(
                words in message for words in _TOLD_IN_WORDS
            )
        return event is None and message.startswith(_WORTH_READING)

    def _started(self, record: Any) -> None:
        """Jobs handed to a cluster: Snakemake tells no more of them than their numbers."""
        assert self._tally is not None
        for number in record.jobs if self._remote else ():
            self._tally.begin(number, Running("", f"job {number}"))

    def _job(self, record: Any) -> None:
        assert self._tally is not None
        words = " ".join([record.rule_name, *map(str, record.wildcards.values())])
        self._tally.begin(record.jobid, Running(record.rule_name, words, record.threads))

    def _finished(self, record: Any) -> None:
        assert self._tally is not None
        self._tally.finish(record.job_id)

    def _progressed(self, record: Any) -> None:
        assert self._tally is not None
        self._tally.count(record.done, record.total)

    def _failed(self, record: Any) -> None:
        self._tell_failure(vars(record))

    def _group_failed(self, record: Any) -> None:
        for job in record.job_error_info:
            self._tell_failure(job)

    def _tell_failure(self, job: dict[str, Any]) -> None:
        """Say which job failed and why, once for every attempt: Snakemake repeats it at the end."""
        assert self._tally is not None
        failed = self._tally.fail(job["jobid"], job["rule_name"], list(job["log"]))
        if failed is None:
            return
        lines = [f"{'FAILED' if self._plain.nocolor else _RED_FAILED} {failed.words}"]
        # Clusters say here what became of the job, such as that it was cancelled.
        lines += [f"  {' '.join(job['rule_msg'].split())}"] if job["rule_msg"] else []
        for log in job["log"]:
            lines += [f"  log: {log}", *_reason(Path(log))]
        self._say("\n".join(lines))


def _reason(log: Path) -> list[str]:
    """Why a job failed: the lines in which it named bad input, or else the end of its log."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ["  (there is no such log)"]
    named = [line for line in lines if line.startswith("gliofit: ")]
    return named or lines[-_TAIL:] or ["  (the log is empty)"]
