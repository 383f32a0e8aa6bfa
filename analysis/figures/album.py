"""Plates as one HTML page; each chart as CSV, SVG, PNG and PDF in a folder beside the page.

The page needs no script and no network. Its charts are SVG whose ink is the page's text color, so
that one drawing serves light and dark pages.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    """A chart with the rows that it shows, ready for files."""

    name: str  # the name of its files, without an ending
    chart: Specification
    frame: pd.DataFrame
    title: str = ""  # above the chart, where a plate has several


@dataclass(frozen=True, slots=True)
class Plate:
    """What a reader sees of a figure: title, caption, and drawings or a table."""

    title: str  # text, as is the caption
    caption: str
    drawings: Sequence[Drawing] = ()
    pictures: Mapping[str, str] = field(default_factory=dict)  # SVG by the name of its file
    table: str = ""  # HTML, as `as_html` makes it


@dataclass(frozen=True, slots=True)
class FigurePart:
    """Plates about some trials, and what these plates say.

    Attributes:
        plates: in their order on the page.
        trials: findings, a row for each trial.
        summary: a row for each setting and finding.
        left_out: a sentence for each figure and panel that the store has no trials for.
    """

    plates: Sequence[Plate]
    trials: pd.DataFrame
    summary: pd.DataFrame
    left_out: Sequence[str]


def write_album(
    output: str | Path, title: str, facts: str, plates: Sequence[Plate], footer: str
) -> Path:
    """Write the page, and the files of its charts into the folder beside the page.

    The page is written last, so that the files of its links are there.

    Args:
        output: the HTML file.
        title: of the page, as text, not HTML.
        facts: a line below the title, as text.
        plates: in their order on the page.
        footer: the last line, as text.

    Returns: the folder.
    Raises: StudyError where the page or the folder cannot be written.
    """
    output = Path(output)
    folder = make_folder(output)
    figures = "\n".join(plate_html(plate, folder) for plate in plates)
    head = f'<p class="soft">{html.escape(facts)}</p>'
    write_whole(output, still_page(title, head, figures, html.escape(footer)))
    return folder


def still_page(title: str, head: str, content: str, footer: str) -> bytes:
    """A page that runs nothing and fetches nothing, in the look of the report.

    Args:
        title: as text.
        head: HTML below the title.
        content: HTML.
        footer: HTML of one line; "" for none.
    """
    slots = {
        "title": html.escape(title),
        "head": head,
        "content": content,
        "footer": f"<footer><p><code>{footer}</code></p></footer>" if footer else "",
        "style": web_file("page.css") + web_file("figures.css"),
    }
    return filled("figures.html", slots).encode()


def as_html(frame: pd.DataFrame) -> str:
    """A frame as the HTML table of a plate: three digits after the point, nulls blank."""
    shown = frame.round(3).astype(object)
    return shown.where(frame.notna(), "").to_html(index=False, border=0)


def make_folder(output: str | Path) -> Path:
    """Make the folder beside a page if it is not there: `figures_files` for `figures.html`.

    A caller makes the folder before the files, so that no time is lost where it cannot be written.

    Raises: StudyError where the folder cannot be made, and where the page would be a folder.
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


def plate_html(plate: Plate, folder: Path | None) -> str:
    """Write the files of a plate's drawings, and give the plate as HTML.

    Args:
        plate: a figure.
        folder: for the files; None: there are none.
    """
    panels = "".join(_drawing_html(drawing, folder) for drawing in plate.drawings)
    panels += "".join(_picture_html(*picture, folder) for picture in plate.pictures.items())
    return (
        '<figure class="plate">'
        f"<h2>{html.escape(plate.title)}</h2>"
        f"<figcaption>{html.escape(plate.caption)}</figcaption>"
        f'<div class="panels">{panels}</div><div class="scroll">{plate.table}</div></figure>'
    )


def _drawing_html(drawing: Drawing, folder: Path | None) -> str:
    """Write the files of a drawing, and give the drawing as HTML with links to the files."""
    svg: str = vl_convert.vegalite_to_svg(dict(drawing.chart))
    if folder is None:
        return _panel_html(svg, folder, {}, drawing.title)
    on_white = _grounded(svg)
    contents = {
        "csv": FORMATS["csv"](drawing.frame),
        "svg": on_white.encode(),
        "png": vl_convert.svg_to_png(on_white, scale=PNG_SCALE),
        "pdf": vl_convert.svg_to_pdf(on_white),
    }
    files = {f"{drawing.name}.{ending}": content for ending, content in contents.items()}
    return _panel_html(svg, folder, files, drawing.title)


def _picture_html(name: str, svg: str, folder: Path | None) -> str:
    """Write the file of a picture, and give the picture as HTML with a link to the file."""
    return _panel_html(svg, folder, {f"{name}.svg": _grounded(svg).encode()})


def _panel_html(svg: str, folder: Path | None, files: Mapping[str, bytes], title: str = "") -> str:
    """Write some files, and give a drawing as HTML with links to the files."""
    links = ""
    if folder is not None:
        for name, content in files.items():
            write_whole(folder / name, content)
            ending = name.rpartition(".")[2].upper()
            links += f'<a href="{folder.name}/{name}">{ending}</a>'
    head = f"<h3>{html.escape(title)}</h3>" if title else ""
    foot = f'<p class="files">{links}</p>' if links else ""
    return f'<div class="panel">{head}<div class="chart">{svg}</div>{foot}</div>'


def _grounded(svg: str) -> str:
    """A drawing on white: a file has no page behind its ink."""
    return svg.replace(">", '><rect width="100%" height="100%" fill="white"/>', 1)
