"""Command lines in words: what is wrong with one, in a sentence; how to type the next one.

typer's own messages quote pydantic ("Input should be ..."), leave out what was typed, and end in
different signs. The sentences here name the value and the rule, and end in where to look.
"""

import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

from study.errors import choices


def usage_sentence(error: Any) -> str:
    """The sentence for an error that typer raised while it read options and arguments."""
    message = " ".join(error.format_message().split())
    if named := re.fullmatch(r"Invalid value for '?(?P<name>[^:]*?)'?: (?P<rule>.*)", message):
        message = _value_sentence(named["name"], named["rule"], error.__cause__)
    elif near := re.fullmatch(r"(?P<what>.*) \(Possible options: (?P<names>.*)\)", message):
        message = f"{near['what']}. Did you mean {near['names'].replace(', ', ' or ')}?"
    where = error.ctx.command_path if error.ctx else ""
    stop = "" if message.endswith("?") else "."
    return f"{message.rstrip('.')}{stop} See {where} --help.".replace("  ", " ")


def _value_sentence(name: str, rule: str, cause: BaseException | None) -> str:
    """The sentence for a value that cannot be used: name, value, rule."""
    from pydantic import ValidationError  # noqa: PLC0415  slow to load, and typer has it by now

    given = repr(cause.errors()[0]["input"]) if isinstance(cause, ValidationError) else ""
    rule = rule.removeprefix("Value error, ").partition(", unable to parse")[0].rstrip(".")
    if listed := re.fullmatch(r"'(?P<given>.*)' is not one of (?P<names>'.*')", rule):
        names = re.findall(r"'([^']*)'", listed["names"])
        return f"{name} {listed['given']!r}; {choices('it', listed['given'], names)}"
    rule = re.sub("^Input should be", "it should be", rule)
    return f"{name} {given}; {rule}" if given else f"{name}: {rule}"


def as_typed(program: str) -> str:
    """How to type a command of ours: its name, or its path where no environment is active."""
    if shutil.which(program):
        return program
    return shlex.quote(str(Path(sys.argv[0]).with_name(program)))
