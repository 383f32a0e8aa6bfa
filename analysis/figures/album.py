"""Figures as one HTML page of drawings; each chart as CSV, SVG, PNG and PDF in a folder beside it.

The page needs no script and no network: its charts are SVG whose ink is the page's text colour, so
that one drawing serves light and dark rooms.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import vl_convert

from analysis.charts.theme import Specification
from analysis.report.template import filled, web_file
from analysis.tables.exports import FORMATS
from analysis.tables.output import write_whole
from study.errors import StudyError

PNG_SCALE = 2  # pixels of a PNG for each pixel of the page


@dataclass(frozen=True, slots=True)
class Drawing:
    """A chart, the frame it shows, and its name in files."""

    name: str
    chart: Specification
    frame: pd.DataFrame


@dataclass(frozen=True, slots=True)
class Plate:
    """A figure of one or more drawings, or a table: title and caption as text, table as HTML."""

    title: str
    caption: str
    drawings: Sequence[Drawing] = ()
    table: str = ""


def write_album(
    output: str | Path, title: str, facts: str, plates: Sequence[Plate], footer: str
) -> Path:
    """Write the page, and the files of its charts into the folder beside it; returns the folder.

    Raises StudyError where either cannot be written. The page comes last: its links lead somewhere.
    """
    output = Path(output)
    folder = make_folder(output)
    shown = "\n".join(_plate(plate, folder) for plate in plates)
    escape = html.escape
    slots = {
        "title": escape(title),
        "facts": escape(facts),
        "figures": shown,
        "footer": f"<p><code>{escape(footer)}</code></p>",
        "style": web_file("page.css") + web_file("figures.css"),
    }
    write_whole(output, filled("figures.html", slots).encode())
    return folder


def as_html(frame: pd.DataFrame) -> str:
    """A frame as a table for a plate: numbers to three digits after the point, nulls blank."""
    shown = frame.round(3).astype(object)
    return shown.where(frame.notna(), "").to_html(index=False, border=0)


def make_folder(output: str | Path) -> Path:
    """Make the folder beside a page, `figures_files` for `figures.html`, if it is not there.

    Raises StudyError where it cannot be, before any time is spent on what would go there.
    """
    output = Path(output)
    folder = output.with_name(f"{output.stem}_files")
    try:
        if output.is_dir():
            raise IsADirectoryError(21, "Is a folder")
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StudyError(
            f"{output}: {error.strerror or error}; output is a file in a folder that can be "
            "written. Choose another with -o."
        ) from None
    return folder


def _plate(plate: Plate, folder: Path) -> str:
    panels = "".join(_panel(drawing, folder) for drawing in plate.drawings)
    escape = html.escape
    return (
        '<figure class="plate">'
        f"<h2>{escape(plate.title)}</h2><figcaption>{escape(plate.caption)}</figcaption>"
        f'<div class="panels">{panels}</div><div class="scroll">{plate.table}</div></figure>'
    )


def _panel(drawing: Drawing, folder: Path) -> str:
    """Write a drawing's files; its place on the page."""
    svg: str = vl_convert.vegalite_to_svg(dict(drawing.chart))
    paper = svg.replace(">", '><rect width="100%" height="100%" fill="white"/>', 1)
    contents = {
        "csv": FORMATS["csv"](drawing.frame),
        "svg": paper.encode(),  # a file has no page to stand on
        "png": vl_convert.svg_to_png(paper, scale=PNG_SCALE),
        "pdf": vl_convert.svg_to_pdf(paper),
    }
    links = []
    for ending, content in contents.items():
        name = f"{drawing.name}.{ending}"
        write_whole(folder / name, content)
        links.append(f'<a href="{folder.name}/{name}">{ending.upper()}</a>')
    return (
        f'<div class="panel"><div class="chart">{svg}</div>'
        f'<p class="files">{"".join(links)}</p></div>'
    )
