"""The house: its floors hold, its picture is true, its names are its own, its rooms are small."""

import ast
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import house
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("study", "analysis")
ENTRY_POINTS = {"app", "main"}  # of each command line

# Spelled otherwise in America, as in the names of columns.
BRITISH = re.compile(
    r"\w*(?:memoris|generalis|initialis|normalis|vectoris|standardis|synchronis|optimis|organis"
    r"|recognis|summaris|localis|labelled|modelled|colour|behaviour|neighbour|favour|honour)\w*"
    r"|\bcentred?\b|\bgrey\b",
    re.IGNORECASE,
)
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


@pytest.mark.parametrize(("name", "rooms", "arrows"), [("study", 17, 80), ("analysis", 12, 40)])
def test_the_house_is_small(name, rooms, arrows):
    seen = house.read_house(name)
    folders = {room for room in seen.rooms if (ROOT / name / room).is_dir()}
    between = [pair for pair in seen.arrows if folders.issuperset(pair)]
    assert len(folders) <= rooms
    assert len(between) <= arrows
    sizes = sorted(count for module, count in seen.lines.items() if not module.endswith("__"))
    assert sizes[len(sizes) // 2] < 150
    assert sizes[-1] <= 350


def test_functions_are_short():
    long = [
        f"{path}:{node.name} {node.end_lineno - node.lineno + 1}"
        for path, module in MODULES.items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= 50
    ]
    assert not long


def test_no_public_name_is_defined_twice():
    defined = defaultdict(list)
    for path, module in MODULES.items():
        for name in names_of(module):
            if not name.startswith("_") and name not in ENTRY_POINTS:
                defined[name].append(str(path))
    twice = {name: paths for name, paths in defined.items() if len(paths) > 1}
    assert not twice


def names_of(module):
    """Names that a module defines at its top; aliases of types count, imports, commands do not."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            if not any(".command(" in ast.unparse(found) for found in node.decorator_list):
                yield node.name
        elif isinstance(node, ast.Assign):
            yield from (found.id for found in node.targets if isinstance(found, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_of_a_package_have_one_name(package):
    named = defaultdict(list)
    for path in MODULES:
        if path.parts[0] == package and not path.stem.startswith("__"):
            named[path.stem].append(str(path))
    assert not {name: paths for name, paths in named.items() if len(paths) > 1}


def test_spelling_is_american():
    kinds = {".py", ".js", ".ts", ".c", ".h", ".md", ".toml", ".html", ".css", ".yaml"}
    places = ("study", "analysis", "tests", "docs", "examples")
    files = [path for place in places for path in (ROOT / place).rglob("*") if path.suffix in kinds]
    own = {Path(__file__), *(ROOT / "tests" / "support" / "axe").iterdir()}
    british = {
        (str(path.relative_to(ROOT)), word)
        for path in [*ROOT.glob("*.md"), *files]
        if path not in own
        for word in BRITISH.findall(path.read_text("utf-8").replace("colorama.initialise", ""))
    }
    assert not british


def test_what_docs_and_docstrings_name_is_there():
    missing = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        text = page.read_text("utf-8")
        links = re.findall(r"\]\(((?!http)[^)#]+)\)", text)
        missing += [(page.name, link) for link in links if not (page.parent / link).exists()]
        paths = re.findall(
            r"\b(?:study|analysis|tests|docs|examples)/[\w/]+\.(?:py|c|js|md)\b", text
        )
        missing += [(page.name, path) for path in paths if not (ROOT / path).exists()]
    for path in MODULES:
        for name in re.findall(
            r"`((?:study|analysis)(?:\.\w+)+)`", (ROOT / path).read_text("utf-8")
        ):
            if name != "study.json" and not is_defined(name.split(".")):
                missing.append((str(path), name))
    assert not missing


def is_defined(parts):
    """Whether a dotted name is a module, or a name that its module's source has."""
    for count in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:count])
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if source.exists():
            rest = parts[count : count + 1]
            return not rest or re.search(rf"\b{rest[0]}\b", source.read_text("utf-8")) is not None
    return False
