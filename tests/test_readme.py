"""The README is held to what it says: its length, its links, its Python, the packages named."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_it_is_read_aloud_in_ten_minutes():
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 1500  # 150 words a minute


def words_of_the_glossary():
    """The words that docs/glossary.md explains."""
    page = (ROOT / "docs" / "glossary.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE)[2:]
    return [word.strip() for row in rows for word in row.split(",")]


def prose_of(page):
    """A page without code, headings and addresses of links."""
    page = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    page = re.sub(r"^#.*$", "", page, flags=re.MULTILINE)
    page = re.sub(r"\]\((?!docs/glossary\.md)[^)]*\)", "]()", page)
    return re.sub(r"`[^`\n]+`", "`code`", page)


def said_first(prose, word):
    """The words around the first place of a word, and whether it is explained there.

    A word in italics or bold is explained in its sentence, the first of a table's row by the row,
    and a link to the glossary, or to a page of the word's own, explains it elsewhere.
    """
    ending = "s?" if len(word) > 1 else ""  # n and k have no plural
    first = re.search(rf"(?<![\w-]){re.escape(word)}{ending}(?![\w-])", prose, re.IGNORECASE)
    if first is None:
        return None, True
    before, after = prose[: first.start()], prose[first.end() :]
    emphasized = before.endswith("*") and after.startswith("*")
    row = before.endswith("\n| ")
    link = before.endswith("[") and after.startswith(("](docs/glossary.md)", "]()"))
    return before[-40:] + first[0] + after[:40], emphasized or row or link


@pytest.mark.parametrize("word", words_of_the_glossary())
def test_no_word_of_the_glossary_is_used_before_it_is_said(word):
    around, explained = said_first(prose_of(README), word)
    assert explained, around


def test_words_that_come_too_early_are_seen():
    assert said_first(prose_of("# Trials\n`trial` A *trial* is one."), "trial")[1]
    assert not said_first(prose_of("Many trials. A *trial* is one."), "trial")[1]
    assert said_first("See [patience](docs/glossary.md).", "patience")[1]
    assert not said_first(prose_of("See [patience and more](docs/x.md)."), "patience")[1]
    used = [word for word in words_of_the_glossary() if said_first(prose_of(README), word)[0]]
    assert len(used) > 15


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
