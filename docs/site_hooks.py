"""What MkDocs does for this project beyond its own: the home page, links to sources, the API pages.

README.md is the home page. A link from docs/ to a file outside it becomes a link to a copy of that
file, as text. The API reference is written by `api.py`, and lies under api/. So every link of the
site is one that MkDocs can check.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"(\]\()([^)\s]+)(\))")
API_PAGES = Path(tempfile.mkdtemp(prefix="api-pages-"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the home page, the API pages, and a copy of each file that the pages link to."""
    home = LINK.sub(_seen_from_docs, (ROOT / "README.md").read_text("utf-8"))
    files.append(File.generated(config, "index.md", content=home))
    command = [sys.executable, "-W", "ignore", ROOT / "docs" / "api.py", API_PAGES]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    for path in API_PAGES.rglob("*.*"):
        name = path.relative_to(API_PAGES).as_posix()
        files.append(File.generated(config, f"api/{name}", abs_src_path=str(path)))
    texts = [home, *(path.read_text("utf-8") for path in (ROOT / "docs").glob("*.md"))]
    for source in sorted({source for text in texts for source in _sources(text)}):
        path = ROOT / source
        text = path.read_text("utf-8") if path.is_file() else _listing(path)
        files.append(File.generated(config, f"source/{source}.txt", content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001  MkDocs fixes the arguments
    """Links out of docs/ lead to the copies."""
    return LINK.sub(_to_the_copy, markdown)


def on_post_build(config: MkDocsConfig) -> None:  # noqa: ARG001  MkDocs fixes the arguments
    """Remove the folder in which the API pages were written."""
    shutil.rmtree(API_PAGES)


def _seen_from_docs(link: re.Match[str]) -> str:
    """A link of README.md as it reads in docs/."""
    target = link[2]
    if target.startswith(("http", "#")):
        return link[0]
    inside = target.removeprefix("docs/")
    return f"{link[1]}{inside if inside != target else f'../{target}'}{link[3]}"


def _to_the_copy(link: re.Match[str]) -> str:
    """A link that leaves docs/ leads to the home page or to the copy of its file."""
    path, hash_, part = link[2].partition("#")
    if not path.startswith("../"):
        return link[0]
    target = "index.md" if path == "../README.md" else f"source/{path[3:].rstrip('/')}.txt"
    return f"{link[1]}{target}{hash_}{part}{link[3]}"


def _sources(text: str) -> set[str]:
    """The files outside docs/ that a page of docs/ links to, as paths from the root."""
    links = {link[2].partition("#")[0] for link in LINK.finditer(text)}
    named = {link[3:].rstrip("/") for link in links if link.startswith("../")} - {"README.md"}
    return {name for name in named if (ROOT / name).exists()}


def _listing(folder: Path) -> str:
    """The names of the files in a folder."""
    return "\n".join(sorted(path.name for path in folder.iterdir())) + "\n"
