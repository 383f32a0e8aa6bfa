"""Every command that README.md and docs/ show exists, and every command and flag is documented."""

import re

import flags
import pytest
import transcripts
import typer

import analysis.cli
import study.cli

ROOT = transcripts.ROOT
PAGES = {path.name: path.read_text("utf-8") for path in transcripts.all_pages()}
COMMANDS = {
    "study": typer.main.get_command(study.cli.app).commands,
    "analysis": typer.main.get_command(analysis.cli.app).commands,
}
SHOWN = re.compile(r"(?:^|[ /`(>])(study|analysis) ([a-z]+)\b([^\n`|>&#]*)", re.MULTILINE)
CODE = re.compile(
    r"^```(?:console)?\n(.*?)^```$|^```\w+\n.*?^```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL
)


def options_of(program, name):
    """The names of all options of a command, the short ones, too."""
    parameters = COMMANDS[program][name].params
    names = {option for one in parameters for option in (*one.opts, *one.secondary_opts)}
    return {option for option in names if option.startswith("-")}


def shown_on(page):
    """The commands that a page shows as code: program, name and the rest of the line."""
    for block, span in CODE.findall(PAGES[page]):
        # A message in a line of prose may have the word "study": a command comes first there.
        lines = block.splitlines() or [span if span.startswith(tuple(COMMANDS)) else ""]
        prompts = [line for line in lines if line.startswith("$ ")]
        for line in prompts or lines:
            yield from SHOWN.findall(line)


@pytest.mark.parametrize("page", PAGES)
def test_every_command_shown_exists_with_its_options(page):
    for program, name, rest in shown_on(page):
        assert name in COMMANDS[program], f"{program} {name}"
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", re.sub(r"'[^']*'|\"[^\"]*\"", "", rest)):
            assert option in options_of(program, name) | {"--help"}, f"{program} {name} {option}"


def test_something_is_shown():
    assert sum(len(list(shown_on(page))) for page in PAGES) > 80


def test_every_command_and_every_flag_is_documented():
    page = PAGES["commands.md"]
    assert page == flags.with_tables(page), "run `just flags`"
    for program, commands in COMMANDS.items():
        for name in commands:
            assert re.search(rf"^\| `{program} {name}\b", page, re.MULTILINE), f"{program} {name}"
            for option in options_of(program, name):
                assert f"`{option}`" in page, option


def test_every_flag_says_what_it_does():
    for line in flags.tables().splitlines():
        assert not line.endswith("|  |"), line
