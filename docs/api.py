"""Writes the API reference from the docstrings: `python docs/api.py FOLDER`, then open its index.

Every module of `study` and `analysis` has a page. Both packages load their public names when these
are first used; they are loaded here before pdoc looks for them.
"""

import pkgutil
import sys
from pathlib import Path

import pdoc

import analysis
import study
from study.kernel import library

PACKAGES = (study, analysis)


def main() -> int:
    """Write the reference into the folder that was named."""
    if len(sys.argv) != 2:
        sys.stderr.write("one folder: where to write. Use `python docs/api.py build/api`.\n")
        return 2
    modules = []
    for package in PACKAGES:
        for name in package.__all__:
            setattr(package, name, getattr(package, name))
        # Of a package with __all__ pdoc shows these names alone: what lies beside them is named.
        inner = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
        modules += [package.__name__, *(found.name for found in inner)]
    compiled = library.path()
    if compiled is not None:  # C, which no Python can import
        modules.append(f"!study.kernel.{compiled.name.partition('.')[0]}")
    pdoc.render.configure(docformat="google")
    pdoc.pdoc(*modules, output_directory=Path(sys.argv[1]))
    sys.stdout.write(f"{sys.argv[1]}/index.html\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
