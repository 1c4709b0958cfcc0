"""Help that fits a terminal of 80 columns: options and commands in groups, examples at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

__all__ = ["LAST", "HelpCommand", "HelpGroup", "examples_text"]

#: Heading of options that belong to no other group.
OTHERS = "Options"

#: Characters that no first sentence of a command's help exceeds.
_WHOLE = 200

#: Groups of options that many commands have, in the order in which they end the help.
LAST = ("How it is done", "Result", OTHERS)


def examples_text(examples: Iterable[str]) -> str:
    """Examples as a command keeps them: one a line, and a line that goes on after a backslash."""
    return "\n".join(examples)


def _sections(items: Iterable[Any], text: Any) -> dict[str, list[tuple[str, str]]]:
    """Rows of help by the group that they belong to, in order of appearance; those that all commands have last."""
    found: dict[str, list[tuple[str, str]]] = {}
    for item in items:
        row = text(item)
        if row is not None:
            found.setdefault(item.rich_help_panel or OTHERS, []).append(row)
    order = [*(heading for heading in found if heading not in LAST), *(heading for heading in LAST if heading in found)]
    return {heading: found[heading] for heading in order}


class HelpCommand(TyperCommand):
    """A command whose options are listed by group, and whose epilog, the examples, keeps its lines."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options."""
        for heading, rows in _sections(self.get_params(ctx), lambda item: _row(item, ctx)).items():
            with formatter.section(heading):
                formatter.write_dl(rows, col_max=26)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the examples."""
        if self.epilog:
            with formatter.section("Examples"):
                for line in self.epilog.splitlines():
                    formatter.write(f"{'':{formatter.current_indent}}{line}\n")


class HelpGroup(TyperGroup):
    """A group whose commands are listed by what they are about, each with its first sentence."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write commands, then options."""
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        width = max(len(name) for name, _ in commands)
        names = {id(command): name for name, command in commands}

        def row(command: Any) -> tuple[str, str]:
            return f"{names[id(command)]:{width}}", command.get_short_help_str(_WHOLE)

        for heading, rows in _sections([command for _, command in commands], row).items():
            with formatter.section(heading):
                formatter.write_dl(rows)
        # Those of the group itself.
        with formatter.section(OTHERS):
            formatter.write_dl([found for item in self.get_params(ctx) if (found := _row(item, ctx)) is not None])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write what to do next, as it is."""
        if self.epilog:
            formatter.write(f"\n{self.epilog}\n")


def _row(item: Any, ctx: typer.Context) -> tuple[str, str] | None:
    return item.get_help_record(ctx)
