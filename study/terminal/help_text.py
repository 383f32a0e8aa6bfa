"""The one style of help of both command lines: plain text, commands in sections, no line cut off.

rich would draw boxes, which takes a tenth of a second, in letters that some terminals lack.
"""

from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter


class SectionedGroup(TyperGroup):
    """The commands of a program, each below the heading that it names as `rich_help_panel`."""

    def format_commands(self, ctx: "Context", formatter: "HelpFormatter") -> None:  # noqa: ARG002  typer fixes the arguments
        """Write a section for each heading, with the first sentence of each command's help."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name, command in self.commands.items():
            panel = command.rich_help_panel if isinstance(command, TyperCommand) else None
            first = (command.help or "").partition("\n\n")[0]
            sections.setdefault(panel or "Commands", []).append((name, " ".join(first.split())))
        names = max(map(len, self.commands))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(names), line) for name, line in rows])


def new_program() -> typer.Typer:
    """A command line without commands, in the style that both programs share."""
    return typer.Typer(cls=SectionedGroup, pretty_exceptions_enable=False, rich_markup_mode=None)
