"""The compiled library: its sources, its checks at loading, and its behavior under sanitizers."""

import subprocess
from pathlib import Path

import pytest
from compiled import KERNEL

from study.errors import StudyError
from study.kernel import library

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "study" / "kernel"
STRICT = ["-Wall", "-Wextra", "-Werror"]


class Stale:
    """A library compiled from older sources: no groups to ask for, or others."""

    def __init__(self, group):
        if group is not None:
            self.relu_group = lambda: group


@pytest.mark.parametrize("group", [None, 8])
def test_a_library_of_other_sources_is_refused(group):
    with pytest.raises(StudyError, match="another version of the program"):
        library.checked_library(Stale(group))


def test_c_and_python_group_neurons_alike():
    assert library.checked_library(KERNEL.code).relu_group() == library.GROUP


def test_every_source_of_the_library_is_compiled_or_depended_on():
    listed = (ROOT / "setup.py").read_text()
    names = [path.name for path in SOURCES.iterdir() if path.suffix in {".c", ".h"}]
    assert len(names) == 7
    assert [name for name in names if f'"study/kernel/{name}"' not in listed] == []


@pytest.mark.slow
def test_sanitizers_find_nothing_at_odd_shapes(tmp_path):
    binary = tmp_path / "fuzz"
    flags = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", *STRICT]
    subprocess.run(
        ["cc", *flags, "-o", binary, ROOT / "tests" / "support" / "relu_step_fuzz.c", "-lm"],
        check=True,
    )
    subprocess.run([binary, "300"], check=True)
