"""The modules of analysis/web, joined into one script.

A report opened from file:// may not load modules, so its script must be one piece. The live page
has the same piece. Each module becomes a function that runs once and
returns its exports, so that modules keep their own names. The order follows from the imports.
Comments that hold types are left out.
"""

import re
from collections.abc import Callable

from analysis.report.template import web_file

_IMPORT = re.compile(r'^import \{([^}]+)\} from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?function|class|const) (\w+)", re.MULTILINE)
# JSDoc on lines of its own.
_TYPES = re.compile(r"^ */\*\*(?:(?!\*/).)*\*/\n", re.MULTILINE | re.DOTALL)
# Forms of import and export that _IMPORT and _EXPORT do not read.
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def joined_modules(entry: str, read: Callable[[str], str] = web_file) -> str:
    """A module and all that it imports, as one script without imports.

    Args:
        entry: the name of the file to start from, such as "page.js".
        read: gives the text of a file by its name.

    Raises: ValueError for a circle of imports, for a name that a module does not export, and for
        a form of import or export that is not read here; FileNotFoundError for a module that is
        not there.
    """
    bodies: dict[str, str] = {}  # by file; a file comes after the files that it imports
    exports: dict[str, list[str]] = {}

    def add(name: str, importers: tuple[str, ...]) -> None:
        if name in importers:
            raise ValueError(f"{' imports '.join((*importers, name))}; a circle.")
        if name in bodies:
            return
        text = _TYPES.sub("", read(name))
        for names, other in _IMPORT.findall(text):
            add(other, (*importers, name))
            for wanted in re.findall(r"\w+", names):
                if wanted not in exports[other]:
                    raise ValueError(f"{name}: {other} does not export {wanted!r}.")
        exports[name] = [exported for _, exported in _EXPORT.findall(text)]
        text = _IMPORT.sub(r'const {\1} = modules["\2"];', text)
        text = _EXPORT.sub(r"\1 \2", text)
        if unread := _OTHER.search(text):
            raise ValueError(f"{name}: {unread[0]!r}; import {{a}} or export a declaration.")
        returned = ", ".join(exports[name])
        bodies[name] = f'modules["{name}"] = (() => {{\n{text}return {{{returned}}};\n}})();\n'

    add(entry, ())
    return f'(() => {{\n"use strict";\nconst modules = {{}};\n{"".join(bodies.values())}}})();\n'
