"""The study file that `study init` writes: small, commented, of every phase within a minute."""

import tomllib
from pathlib import Path

from study.errors import StudyError, UsageError
from study.spec.file import bundled_names, resolve
from study.spec.models import StudySpec
from study.spec.validated import validated

NEW_FILE = """\
# When do small networks grok? Change any value; a key that is left out has its default.
#
#   study plan {name}.toml     what would run, and how long it takes at most
#   study run {name}.toml      trains it, in less than a minute, and writes runs/{name}/report.html
#   study show {name}.toml     every key with the value in force
#
# The same `study run` again trains only what is missing: add values or seeds, and run it again.
# Editors check and complete this file after `study schema > study.schema.json`, with the line
#   #:schema ./study.schema.json
# at its top.

name = "{name}"    # of the folder below runs/ that holds the results
seeds = 3          # networks that are trained at each point; they differ in data and first weights

[axes]             # each is one value, a list, or a range such as {{log = [1e-3, 1.0], points = 5}}
n = 30             # bits of an input
k = 2              # of these, the hidden ones: the label is their parity
width = 100        # neurons
train_size = [100, 200, 400, 800]                # training rows: fewer are memorized sooner
weight_decay = {{log = [1e-3, 1.0], points = 5}}   # the pull towards small weights

[data]
test_rows = 500    # rows that are never trained on

[budget]
steps = 5000       # updates after which a network is given up; a decided one stops sooner
"""


def write_new_file(name: str) -> Path:
    """Write the file of a new study into the working folder; returns its path.

    Args:
        name: of the study; the ending .toml may follow.

    Raises: UsageError where the name cannot be that of a study, a bundled study has the name, or
        the file is there already; StudyError where it cannot be written.
    """
    name = name.removesuffix(".toml")
    example = resolve(tomllib.loads(NEW_FILE.format(name="first")))
    validated(StudySpec, {"name": name, "settings": example.settings})
    if name in bundled_names():
        raise UsageError(
            f"{name}: a bundled study has this name; a study of yours has another. "
            f"Use study init my_{name}."
        )
    path = Path(f"{name}.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(NEW_FILE.format(name=name))
    except FileExistsError:
        raise UsageError(
            f"{path}: a file; study init overwrites nothing. Choose another name, or delete it."
        ) from None
    except OSError as error:
        raise StudyError(
            f"{path}: {error.strerror}; a study file is written into the working folder. "
            "Change to one that can be written."
        ) from None
    return path
