"""The house: its floors hold, its picture is true, its names are its own, its rooms are small."""

import ast
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import house
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("study", "analysis")
MODULES = {
    path.relative_to(ROOT): ast.parse(path.read_text("utf-8"))
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def linted(folder):
    """What lint-imports says of a copy of the house."""
    lint = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", lint, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def contracts(said):
    """The contracts that are broken, by what their names begin with."""
    return {line.split(":")[0].split(" ")[0] for line in said.splitlines() if "BROKEN" in line}


@pytest.fixture
def copy(tmp_path):
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_what_lies_in_a_wrong_place_is_refused(copy):
    assert linted(copy)[0] == 0
    (copy / "study" / "vocabulary" / "climbing.py").write_text("import study.store.store\n")
    (copy / "analysis" / "tables" / "drawn.py").write_text("import analysis.charts.theme\n")
    (copy / "study" / "plan" / "rayed.py").write_text("import ray\n")
    (copy / "study" / "spec" / "arrowed.py").write_text("import pyarrow\n")
    (copy / "analysis" / "laws" / "torched.py").write_text("import torch\n")
    (copy / "study" / "search" / "reader.py").write_text("import analysis.statistics\n")
    (copy / "study" / "trials" / "one.py").write_text("import study.trials.other\n")
    (copy / "study" / "trials" / "other.py").write_text("import study.trials.one\n")
    code, said = linted(copy)
    assert code == 1
    for culprit in ("climbing", "drawn", "rayed", "arrowed", "torched", "reader", ".other -> .one"):
        assert culprit in said, culprit
    assert contracts(said) >= {"study", "analysis", "Ray", "Arrow", "torch", "no"}


def test_a_new_folder_without_a_floor_is_refused(copy):
    for package in PACKAGES:
        (copy / package / "attic").mkdir()
        (copy / package / "attic" / "__init__.py").write_text('"""An attic."""\n')
    code, said = linted(copy)
    assert code == 1
    assert "- study.attic" in said or "attic" in said
    assert contracts(said) == {"study", "analysis"}


def test_the_rules_of_imports_fit_a_page():
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    rules = text.split("[tool.importlinter]")[1].split("\n[")[0].strip().splitlines()
    assert len(rules) < 30


def test_the_picture_is_the_house_as_it_stands():
    houses = [house.read_house(name) for name in house.HOUSES]
    assert house.PICTURE.read_text("utf-8") == house.drawn(houses), "run `just draw`"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_of_a_package_have_one_name(package):
    named = defaultdict(list)
    for path in MODULES:
        if path.parts[0] == package and not path.stem.startswith("__"):
            named[path.stem].append(str(path))
    assert not {name: paths for name, paths in named.items() if len(paths) > 1}
