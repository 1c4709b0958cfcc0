"""Entry point: runs a command and reports errors as one line, or one JSON object, with an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import typer

from gliofit.cli.app import app
from gliofit.cli.result import OutputStreamError, say
from gliofit.core.errors import InputError

# typer may bring its own copy of click, so its exception is reached through what typer itself exports.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; bad input and wrong options give one line on stderr and exit code 2.

    With ``--json`` the line is an object on stdout: ``{"error": {"code", "subject", "problem", "hint"}}``.
    """
    _prepare_process()
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    name = " ".join(["gliofit", *given[:1]])
    try:
        code = app(args=given or ["--help"], prog_name="gliofit", standalone_mode=False)
    except InputError as error:
        code = _report(error, as_json)
    except _UsageError as error:
        path = getattr(getattr(error, "ctx", None), "command_path", "gliofit")
        problem = error.format_message().rstrip(".")  # type: ignore[attr-defined]
        wrong = InputError(path, problem, f"see {path} --help", "wrong-usage")
        code = _report(wrong, as_json, f"{problem}; {wrong.hint}")
    except OutputStreamError as error:
        # Typer ends with 1 if the reader of a pipe exits, as in ``gliofit verify results/demo | head``.
        _write_line(f"standard output: {error.strerror}; free some space; files are complete")
        code = 1
    except OSError as error:
        code = _report(_system_error(error, name), as_json)
    except MemoryError:
        hint = "close other programs, or use a machine with more memory"
        code = _report(InputError(name, "out of memory", hint, "out-of-memory"), as_json)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    _flush_streams()
    raise SystemExit(code if isinstance(code, int) else 0)


def _prepare_process() -> None:
    """Make the process independent of inherited settings."""
    # The descriptor of a closed standard stream would be reused for the next opened file.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Paths may not be valid in the terminal's encoding.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    # The user's profile may name a backend that is not available.
    os.environ["MPLBACKEND"] = "agg"


def _system_error(error: OSError, command: str) -> InputError:
    """Convert an error of the operating system to bad input; the subject is the file, else the command."""
    problem = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return InputError(command, problem, "check disk, memory and limits of this machine", "system-error")
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    return InputError(name, problem, "check path, permissions and free space", "system-error")


def _report(error: InputError, as_json: bool, line: str = "") -> int:
    """Write an error as JSON or text; return the exit code."""
    if as_json:
        parts = {"code": error.code, "subject": error.subject, "problem": error.problem, "hint": error.hint}
        with suppress(OSError):
            say(True, {"error": parts})
            return 2
    _write_line(line or str(error))
    return 2


def _write_line(text: str) -> None:
    # The stream may be closed.
    with suppress(OSError):
        print(f"gliofit: error: {' '.join(text.split())}", file=sys.stderr, flush=True)


def _flush_streams() -> None:
    """Flush the standard streams; drop output that cannot be written."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
