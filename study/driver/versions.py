"""What runs here: the versions that a laptop and its cluster must share.

`python -m study.driver.versions` prints the versions as JSON. `study submit` runs this command on
the cluster before anything else.
"""

import functools
import hashlib
import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from study import __version__


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python, Ray, torch and study, and a hash of study's source.

    Python's version ends at its minor release. torch's is without its build (+cpu, +cu130), which
    differs between a laptop and a GPU node by design.
    """
    return {
        "study": __version__,
        "study's source": _source(),
        "python": ".".join(platform.python_version_tuple()[:2]),
        "ray": version("ray"),
        "torch": version("torch").partition("+")[0],
    }


def skew(there: Mapping[str, str], here: Mapping[str, str]) -> str:
    """The versions that differ, as the words of a sentence; "" if none does.

    Args:
        there: versions of another machine.
        here: versions of this machine.
    """
    return ", ".join(
        f"{name} is {there.get(name)} there and {ours} here"
        for name, ours in here.items()
        if there.get(name) != ours
    )


def _source() -> str:
    """A hash of modules, kernel and bundled studies: two checkouts may both be 0.1.0."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(p for kind in ("py", "c", "h", "toml") for p in root.rglob(f"*.{kind}")):
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(versions()) + "\n")
