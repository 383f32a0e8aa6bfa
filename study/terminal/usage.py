"""Command lines in words: a sentence for what is wrong with one, and how to type another.

typer's own messages quote pydantic ("Input should be ..."), leave out what was typed, and end in
different signs. The sentences here name the value and the rule, and say which help to read.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from study.errors import choices

if TYPE_CHECKING:
    import typer


def usage_sentence(error: "typer.BadParameter") -> str:
    """The sentence for an error that typer has raised while it read options and arguments."""
    message = " ".join(error.format_message().split())
    if named := re.fullmatch(r"Invalid value for '?(?P<name>[^:]*?)'?: (?P<rule>.*)", message):
        message = _value_sentence(named["name"], named["rule"], error.__cause__)
    elif near := re.fullmatch(r"(?P<what>.*) \(Possible options: (?P<names>.*)\)", message):
        message = f"{near['what']}. Did you mean {near['names'].replace(', ', ' or ')}?"
    where = error.ctx.command_path if error.ctx else _command_typed()
    stop = "" if message.endswith("?") else "."
    return f"{message.rstrip('.')}{stop} See {where} --help.".replace("  ", " ")


def _command_typed() -> str:
    """The program and the command of this command line, for an error that does not know them."""
    return " ".join([program_typed(), *sys.argv[1:2]])


def program_typed() -> str:
    """The program of this command line: study, or python -m study."""
    path = Path(sys.argv[0])
    return f"python -m {path.parent.name}" if path.name == "__main__.py" else path.name


def _value_sentence(name: str, rule: str, cause: BaseException | None) -> str:
    """The sentence for a value that cannot be used: name, value, rule."""
    from pydantic import ValidationError  # noqa: PLC0415  slow to load; typer has loaded it

    given = repr(cause.errors()[0]["input"]) if isinstance(cause, ValidationError) else ""
    rule = rule.removeprefix("Value error, ").partition(", unable to parse")[0].rstrip(".")
    if listed := re.fullmatch(r"'(?P<given>.*)' is not one of (?P<names>'.*')", rule):
        names = re.findall(r"'([^']*)'", listed["names"])
        return f"{name} {listed['given']!r}; {choices('it', listed['given'], names)}"
    rule = re.sub("^Input should be", "it should be", rule)
    return f"{name} {given}; {rule}" if given else f"{name}: {rule}"


def as_typed(program: str) -> str:
    """How to type one of our programs: its name, or its path if it is not on PATH."""
    if shutil.which(program):
        return program
    return shlex.quote(str(Path(sys.argv[0]).with_name(program)))
