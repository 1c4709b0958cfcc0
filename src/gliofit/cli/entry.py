"""The way in: run a command, and turn every mistake into one line, or one JSON object, and an exit code."""

from __future__ import annotations

import sys

import typer

from gliofit.cli.app import app
from gliofit.cli.result import json_text
from gliofit.errors import InputError

__all__ = ["main"]

# typer may bring its own copy of click, so its exception is reached through what typer itself exports.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; all bad input, also wrong options, is one line on stderr and exit code 2.

    With ``--json`` the line is an object on stdout: ``{"error": {"code", "subject", "problem", "hint"}}``.
    """
    given = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in given
    try:
        code = app(args=given or ["--help"], prog_name="gliofit", standalone_mode=False)
    except InputError as error:
        code = _tell(error, as_json)
    except _UsageError as error:
        wrong = _usage(error)
        code = _tell(wrong, as_json, f"{wrong.problem}; {wrong.hint}")
    except OSError as error:
        if error.filename is None:
            raise
        hint = "check the path, its permissions and the space there"
        code = _tell(InputError(error.filename, error.strerror or "cannot be used", hint), as_json)
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    raise SystemExit(code if isinstance(code, int) else 0)


def _usage(error: Exception) -> InputError:
    """A wrong option or command as bad input."""
    context = getattr(error, "ctx", None)
    path = "gliofit" if context is None else context.command_path
    return InputError(path, error.format_message().rstrip("."), f"see {path} --help")  # type: ignore[attr-defined]


def _tell(error: InputError, as_json: bool, line: str = "") -> int:
    """Write a mistake, in JSON or as a line of its own or its usual words; the exit code."""
    if as_json:
        parts = {"code": error.code, "subject": error.subject, "problem": error.problem, "hint": error.hint}
        typer.echo(json_text({"error": parts}))
    else:
        print(f"gliofit: error: {' '.join((line or str(error)).split())}", file=sys.stderr)
    return 2
