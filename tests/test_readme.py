"""The README is held to what it says: its length, its links, its Python, the packages named."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

import study

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_it_is_read_aloud_in_ten_minutes():
    assert len(README.splitlines()) <= 150
    assert len(README.split()) <= 1500  # 150 words a minute


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
