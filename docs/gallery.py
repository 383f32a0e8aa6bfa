"""Copies the figures of the study `quick` into docs/gallery, and writes docs/gallery.md.

`python docs/gallery.py`, after `python docs/pictures.py` has trained the study and drawn its
figures. Of each plate of figures.html the page has the title, the caption and the drawings.
"""

import html
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pictures
import vl_convert

PAGE = pictures.DOCS / "gallery.md"
COPIES = pictures.DOCS / "gallery"
MADE = re.compile(r"(<!-- made by docs/gallery.py -->\n).*(<!-- end -->\n)", re.DOTALL)
PLATE = re.compile(
    r'<figure class="plate"><h2>(.*?)</h2><figcaption>(.*?)</figcaption>(.*?)</figure>', re.DOTALL
)
DRAWING = re.compile(r'href="figures_files/([\w-]+)\.svg"')
LARGE = 90_000  # bytes; a larger SVG is copied as PNG


@dataclass(frozen=True)
class Exhibit:
    """A plate of figures.html, as text and names of files."""

    title: str
    caption: str
    drawings: list[str]


def exhibits(page: str) -> list[Exhibit]:
    """The plates of figures.html."""
    return [
        Exhibit(html.unescape(title), html.unescape(caption), DRAWING.findall(rest))
        for title, caption, rest in PLATE.findall(page)
    ]


def copied(drawing: str) -> str:
    """Copy a drawing into docs/gallery; returns the name of the copy."""
    source = pictures.BUILD / "figures_files" / f"{drawing}.svg"
    if drawing == "motion" or source.stat().st_size < LARGE:
        shutil.copy(source, COPIES)
        return source.name
    target = COPIES / f"{drawing}.png"
    target.write_bytes(vl_convert.svg_to_png(source.read_text("utf-8")))
    return target.name


def shown(exhibit: Exhibit) -> str:
    """A plate as Markdown."""
    images = [f"![{exhibit.title}](gallery/{copied(name)})" for name in exhibit.drawings]
    files = ", ".join(f"`figures_files/{name}.svg`" for name in exhibit.drawings)
    text = f"{exhibit.caption} {files}".strip()
    return "\n\n".join([f"## {exhibit.title}", text, *images])


def main() -> int:
    """Copy the drawings and write the page."""
    shutil.rmtree(COPIES, ignore_errors=True)
    COPIES.mkdir()
    found = exhibits((pictures.BUILD / "figures.html").read_text("utf-8"))
    made = "\n" + "\n\n".join(map(shown, found)) + "\n\n"
    page = Path(PAGE).read_text("utf-8")
    PAGE.write_text(MADE.sub(lambda match: match[1] + made + match[2], page), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
