"""The pages with tables are held to the code: columns, measures, keys, dependencies."""

import re
import tomllib

import pytest
import transcripts

from study.spec.file import resolve
from study.spec.models import Setting
from study.store.schema import READINGS, TRIALS
from study.vocabulary.measures import MEASURES

ROOT = transcripts.ROOT


def page(name):
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize(("title", "schema"), [("trials", TRIALS), ("readings", READINGS)])
def test_the_column_table_is_the_schema(title, schema):
    table = page("tables.md").split(f"Table `{title}`")[1].split("\n\n")[1]
    named = []
    for row in table.splitlines()[2:]:
        named += re.findall(r"`(\w+)`", row.split("|")[1])
    assert named == schema.names


def test_the_table_of_measures_is_the_catalogue():
    table = page("tables.md").split("| `readings.measures` |")[1].split("\n\n")[0]
    rows = [f"| `{name}` | {row.says} | {row.source} |" for name, row in MEASURES.items()]
    assert table.rstrip().splitlines()[2:] == rows


def test_the_study_file_shown_is_valid_and_says_every_key():
    [block] = [
        one.text for one in transcripts.blocks_of(page("study-file.md")) if one.language == "toml"
    ]
    assert resolve(tomllib.loads(block)).settings
    for table, field in Setting.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            for key in kind.model_fields:
                assert re.search(rf"\b{key}\b", block), f"{table}.{key}"


def test_every_study_file_shown_is_valid():
    shown = [
        block.text
        for path in transcripts.all_pages()
        for block in transcripts.blocks_of(path.read_text("utf-8"))
        if block.language == "toml" and block.text.startswith("name = ")
    ]
    assert len(shown) > 1
    for text in shown:
        assert resolve(tomllib.loads(text)).settings


def test_python_shown_compiles():
    blocks = [
        (path.name, block.text)
        for path in transcripts.all_pages()
        for block in transcripts.blocks_of(path.read_text("utf-8"))
        if block.language == "python"
    ]
    assert blocks
    for name, text in blocks:
        compile(text, name, "exec")


def names_of_dependencies():
    """The packages that the project or one of its extras asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = project["dependencies"], *project["optional-dependencies"].values()
    return [re.match(r"[\w-]+", one)[0] for requirements in asked for one in requirements]


def test_every_dependency_has_its_reason():
    table = page("development.md").split("## Dependencies")[1]
    for name in names_of_dependencies():
        assert f"`{name}`" in table, name


def test_the_constraints_pin_every_dependency():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines}
    assert {name.lower() for name in names_of_dependencies()} <= pinned
