"""The entry point: run a command, and turn every mistake into one line, or one JSON object, and an exit code."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import typer

from gliofit.cli.app import app
from gliofit.cli.result import OutputStreamError, say
from gliofit.core.errors import InputError

__all__ = ["main"]

# typer may bring its own copy of click, so its exception is reached through what typer itself exports.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; all bad input, also wrong options, is one line on stderr and exit code 2.

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
        wrong = _usage(error)
        code = _report(wrong, as_json, f"{wrong.problem}; {wrong.hint}")
    except OutputStreamError as error:
        # A reader that went away, as in ``gliofit verify results/demo | head``, ends the command in typer with 1.
        _write_line(f"standard output: {error.strerror}; make space there, files that were to be written are complete")
        code = 1
    except OSError as error:
        code = _report(_system_error(error, name), as_json)
    except MemoryError:
        hint = "close other programs, or use a machine with more of it"
        code = _report(InputError(name, "there is not enough memory", hint, "out-of-memory"), as_json)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    _flush_streams()
    raise SystemExit(code if isinstance(code, int) else 0)


def _prepare_process() -> None:
    """Make the process independent of a few things that it may inherit."""
    # A standard stream that is closed would give its number to the next file that is opened, and what libraries print
    # would end up in that file.
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    # Paths need not be text in the terminal's encoding, or text at all.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    # A backend that the user's profile names may be one that matplotlib does not have.
    os.environ["MPLBACKEND"] = "agg"


def _usage(error: Exception) -> InputError:
    """A wrong option or command as bad input."""
    context = getattr(error, "ctx", None)
    path = "gliofit" if context is None else context.command_path
    problem = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    return InputError(path, problem, f"see {path} --help", "wrong-usage")


def _system_error(error: OSError, command: str) -> InputError:
    """An error of the operating system as bad input; the command is the subject where no file is named."""
    problem = error.strerror or str(error) or type(error).__name__
    if error.filename is None:
        return InputError(command, problem, "check the disk, the memory and the limits of this machine", "system-error")
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    return InputError(name, problem, "check the path, its permissions and the space there", "system-error")


def _report(error: InputError, as_json: bool, line: str = "") -> int:
    """Write a mistake as JSON, or as a line of its own or its usual words; returns the exit code."""
    if as_json:
        parts = {"code": error.code, "subject": error.subject, "problem": error.problem, "hint": error.hint}
        try:
            say(True, {"error": parts})
            return 2
        except OSError:
            pass
    _write_line(line or str(error))
    return 2


def _write_line(text: str) -> None:
    # Nobody may be there to read it.
    with suppress(OSError):
        print(f"gliofit: error: {' '.join(text.split())}", file=sys.stderr, flush=True)


def _flush_streams() -> None:
    """Empty the buffers of the standard streams; what they do not take is dropped, or Python would try again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stream.fileno())
            os.close(null)
