"""Writes the tables of flags in docs/commands.md from the help of the commands: `just flags`.

The text between the two comments of that page is made here, and a test compares it.
"""

import re
import sys
from pathlib import Path

import typer

import analysis.cli
import study.cli

PAGE = Path(__file__).parent / "commands.md"
MADE = re.compile(r"(<!-- made by docs/flags.py -->\n).*(<!-- end -->\n)", re.DOTALL)
PROGRAMS = {"study": study.cli.app, "analysis": analysis.cli.app}


def usage(name: str, command: typer.core.TyperCommand) -> str:
    """A command with its arguments."""
    arguments = [
        one.metavar or one.name.upper()
        for one in command.params
        if isinstance(one, typer.core.TyperArgument)
    ]
    return " ".join([name, *arguments])


def row(option: typer.core.TyperOption) -> str:
    """A line of the table: the names of a flag, and what its help says."""
    names = " ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    said = " ".join((option.help or "").split()).replace("|", "\\|").replace("<", "&lt;")
    default = f" Default: `{option.default}`." if _is_told(option) else ""
    return f"| {names} | {said}{default} |"


def _is_told(option: typer.core.TyperOption) -> bool:
    """Whether a default says something: not that a flag is off, or that nothing was given."""
    return bool(option.default) and not option.is_flag and not callable(option.default)


def tables() -> str:
    """A heading, a sentence and a table of flags for each command of both programs."""
    parts = []
    for program, app in PROGRAMS.items():
        for name, command in typer.main.get_command(app).commands.items():
            said = " ".join((command.help or "").split())
            flags = [row(one) for one in command.params if isinstance(one, typer.core.TyperOption)]
            table = ["", "| flag | |", "| --- | --- |", *flags] if flags else []
            parts.append(
                "\n".join([f"### {usage(f'{program} {name}', command)}", "", said, *table])
            )
    return "\n" + "\n\n".join(parts) + "\n\n"


def with_tables(page: str) -> str:
    """The page with its tables as the commands have them now."""
    return MADE.sub(lambda found: found[1] + tables() + found[2], page)


def main() -> int:
    """Write the tables into the page."""
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
