"""The README is held to what it says: commands, links, columns, dependencies."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer
import yaml

import analysis.cli
import study.cli
from study.spec.file import resolve
from study.spec.models import Setting
from study.store.schema import READINGS, TRIALS
from study.vocabulary.measures import MEASURES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
CODE = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def commands_of(app):
    return dict(typer.main.get_command(app).commands)


COMMANDS = {"study": commands_of(study.cli.app), "analysis": commands_of(analysis.cli.app)}


def test_every_command_shown_exists_with_its_options():
    shown = re.findall(r"(?:^|[ /`(])(study|analysis) ([a-z]+)\b([^\n`]*)", README, re.MULTILINE)
    known = [(program, name, rest) for program, name, rest in shown if name in COMMANDS[program]]
    assert len(known) > 8
    typed = [
        line.split(" && ")[-1].removeprefix(".venv/bin/")
        for language, block in CODE
        for line in block.splitlines()
        if language in {"", "console"}
    ]
    for line in typed:
        program, _, rest = line.removeprefix("$ ").partition(" ")
        if program in COMMANDS and line.startswith(("$ ", program)):
            assert rest.split()[0] in COMMANDS[program], line
    for program, name, rest in known:
        options = {o for p in COMMANDS[program][name].params for o in p.opts}
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", rest.split(" && ")[0].split("#")[0]):
            assert option in options | {"--help"}, f"{program} {name} {option}"


def test_every_command_is_shown():
    for program, commands in COMMANDS.items():
        for name in commands:
            assert f"{program} {name}" in README


def test_links_resolve():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert len(links) > 10
    for link in links:
        if not link.startswith("http"):
            assert (ROOT / link).exists(), link


@pytest.mark.parametrize(("title", "schema"), [("trials", TRIALS), ("readings", READINGS)])
def test_the_column_table_is_the_schema(title, schema):
    table = README.split(f"Table `{title}`")[1].split("\n\n")[1]
    named = []
    for row in table.splitlines()[2:]:
        named += re.findall(r"`(\w+)`", row.split("|")[1])
    assert named == schema.names


def test_the_table_of_measures_is_the_catalogue():
    table = README.split("| `readings.measures` |")[1].split("\n\n")[0]
    rows = [f"| `{name}` | {row.says} | {row.source} |" for name, row in MEASURES.items()]
    assert table.splitlines()[2:] == rows


def test_the_study_file_shown_is_valid_and_says_every_key():
    [block] = [text for language, text in CODE if language == "toml"]
    written = tomllib.loads(block)
    spec = resolve(written)
    assert spec.settings
    for table, field in Setting.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            for key in kind.model_fields:
                assert re.search(rf"\b{key}\b", block), f"{table}.{key}"


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["test"]
    table = README.split("## Dependencies")[1]
    for requirement in wanted:
        name = re.match(r"[\w-]+", requirement)[0]
        assert f"`{name}`" in table, name


def test_pytest_says_in_one_line_what_it_skips_for_want_of_a_browser():
    there = {name: value for name, value in os.environ.items() if name != "CI"}
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "tests/tables/test_where_js.py"]
    done = subprocess.run(
        command, env={**there, "PATH": ""}, cwd=ROOT, capture_output=True, text=True, check=True
    )
    [line] = [line for line in done.stdout.splitlines() if "chromium" in line]
    assert re.match(r"\d+ tests of the page were skipped: ", line)
    remedy = "apt-get install chromium chromium-driver"
    assert line.endswith(remedy)
    assert remedy in " ".join(README.split())


def test_what_a_citation_says_is_what_the_package_says():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert cited["version"] == study.__version__
    assert cited["license"] == project["license"] == "MIT"
    assert [one["name"] for one in cited["authors"]] == [one["name"] for one in project["authors"]]
    assert project["authors"][0]["name"] in (ROOT / "LICENSE").read_text()
    assert cited["keywords"] == project["keywords"]


def test_the_pythons_named_are_those_that_may_install():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    least, beyond = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    named = [c.split()[-1] for c in project["classifiers"] if "Python :: 3." in c]
    assert named == [f"3.{minor}" for minor in range(int(least), int(beyond))]
    assert f"Python {named[0]} to {named[-1]}" in " ".join(README.split())


def test_python_shown_runs():
    blocks = [text for language, text in CODE if language == "python"]
    assert blocks
    for block in blocks:
        compile(block, "README.md", "exec")
