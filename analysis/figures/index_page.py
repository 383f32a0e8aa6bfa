"""The page of all studies in a folder: a thumbnail of each phase diagram, counts, dates, links.

It is one file without a script. A store that cannot be read has a line that says why.
"""

import html
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree as ET

import pandas as pd

from analysis.charts.coloring import KIND_COLORS
from analysis.figures.album import still_page
from analysis.figures.study import plane
from analysis.formats import records
from analysis.phases.axis_scales import TITLES
from analysis.phases.cells import summary
from analysis.phases.grid import diagram_axes, make_grid
from analysis.phases.palette import PHASE_COLORS
from analysis.report.opening import opening
from analysis.tables.frames import load_trials
from analysis.tables.output import write_whole
from study.errors import StudyError
from study.plan.studies import ListedStudy, stores_in
from study.store.address import Address
from study.store.manifest import read_manifest
from study.store.store import Store

THUMBNAIL = (240, 150)  # width and height, in pixels
_PALEST = 0.3  # of a cell: how much of its color it has, where few trials share its phase


@dataclass(frozen=True, slots=True)
class IndexedStudy:
    """One study of the index.

    Attributes:
        listed: its counts and the last change.
        started: when its first command started, as text.
        trained: the sentence of what was trained; "" before the first trial.
        phases: how many trials have each phase.
        thumbnail: its phase diagram as SVG; "" before the first trial.
    """

    listed: ListedStudy
    started: str
    trained: str
    phases: dict[str, int]
    thumbnail: str

    @property
    def stored(self) -> int:
        """How many trials are stored."""
        return sum(self.phases.values())

    @classmethod
    def of(cls, store: Store) -> "IndexedStudy":
        """Read one store; raises StudyError where it cannot be read."""
        listed = ListedStudy.of(store)
        manifest = store.manifest()
        trials = load_trials(store.url)
        started = f"{read_manifest(store).started[:16].replace('T', ' ')} UTC"
        if trials.empty:
            return cls(listed, started, "", {}, "")
        grid, phases = make_grid(trials), summary(trials)
        words = opening(trials, grid, records(phases), manifest)
        counts = dict(zip(phases["phase"], phases["trials"].map(int), strict=True))
        x, y = diagram_axes(grid.rulers, None, None)
        picture = thumbnail(plane(grid, x, y), x, y, listed.study)
        return cls(listed, started, words["trained"], counts, picture)


def write_index(folder: str, output: str | Path | None = None) -> tuple[Path, list[str]]:
    """Write the page of all studies in a folder, the latest change first.

    Args:
        folder: a path or a URL.
        output: the HTML file; None: index.html in the folder, or here for a URL.

    Returns: the file, and a sentence for each store that cannot be read.
    Raises: StoreError where the folder has no store; StudyError where the file cannot be written.
    """
    address = Address.of(folder)
    here = Path(address.shown) if address.local else Path()
    path = here / "index.html" if output is None else Path(output)
    studies, unread = [], []
    for store in stores_in(folder):
        try:
            studies.append(IndexedStudy.of(store))
        except StudyError as error:
            unread.append(str(error))
    studies.sort(key=lambda study: study.listed.changed, reverse=True)
    cards = "".join(_card(study, path) for study in studies)
    content = f'<div class="wall">{cards}</div>' + _unread_html(unread)
    head = f'<p class="soft">{html.escape(_counted(studies, address.shown))}</p>'
    title = f"Studies in {address.shown.rpartition('/')[2] or address.shown}"
    write_whole(path, still_page(title, head, content, ""))
    return path, unread


def thumbnail(rows: pd.DataFrame, x: str, y: str, name: str) -> str:
    """A phase diagram as a small SVG: a square for each cell, in the color of its kind.

    Args:
        rows: as `plane` gives them.
        x: the axis across.
        y: the axis up.
        name: of the study, for readers who do not see it.
    """
    width, height = THUMBNAIL
    rows = rows[rows["trials"] > 0]
    places = rows["position"].str.split(",", expand=True).astype(int)
    # Values that no trial of the slice has take no room.
    columns, lines = (places[side].nunique() for side in (0, 1))
    places = places.apply(lambda axis: axis.rank(method="dense").astype(int) - 1)
    across, down = width / columns, height / lines
    picture = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "role": "img",
            "aria-label": f"{name}: phases, {TITLES[x]} across, {TITLES[y]} up",
        },
    )
    cells = zip(places[0], places[1], rows["kind"], rows["phase_share"], strict=True)
    for i, j, kind, share in cells:
        box = {
            "x": f"{i * across + 0.5:.1f}",
            "y": f"{(lines - 1 - j) * down + 0.5:.1f}",
            "width": f"{max(across - 1, 0.5):.1f}",
            "height": f"{max(down - 1, 0.5):.1f}",
            "rx": "1",
            # page.css changes this color, as it is, on a dark page.
            "fill": KIND_COLORS[kind] if kind == "neither" else _paler(KIND_COLORS[kind], share),
        }
        ET.SubElement(picture, "rect", box)
    return ET.tostring(picture, encoding="unicode")


def _paler(color: str, share: float) -> str:
    """A color on white, as the diagram has it where so many trials of a cell share a phase."""
    much = _PALEST + (1 - _PALEST) * max(share - 0.25, 0) / 0.75
    parts = (int(color[at : at + 2], 16) for at in (1, 3, 5))
    return "#" + "".join(f"{round(255 - much * (255 - part)):02x}" for part in parts)


def _card(study: IndexedStudy, page: Path) -> str:
    """One study as HTML."""
    listed, name = study.listed, html.escape(study.listed.study)
    link = _report_link(listed.store, page)
    head = f'<a href="{html.escape(link)}">{name}</a>' if link else name
    picture = f'<a href="{html.escape(link)}">{study.thumbnail}</a>' if link else study.thumbnail
    to_go = listed.planned - listed.done
    done = f"{study.stored:,} trials" + (f", {to_go:,} to go" if to_go else "")
    phases = "".join(
        f'<li style="--stage: {PHASE_COLORS[phase]}">{count:,} {phase}</li>'
        for phase, count in study.phases.items()
        if count
    )
    dates = f"started {study.started}<br>last change {listed.changed:%Y-%m-%d %H:%M} UTC"
    trained = html.escape(study.trained or "No trial has ended yet.")
    return (
        f'<article class="card"><div class="thumbnail chart">{picture}</div><h2>{head}</h2>'
        f'<p>{trained}</p><ul class="stages">{phases}</ul>'
        f'<p class="soft">{done}</p><p class="soft">{dates}</p>'
        f'<p class="soft"><code>{html.escape(listed.store)}</code></p></article>'
    )


def _report_link(store: str, page: Path) -> str:
    """The address of the report of a store, as the page links to it; "" where there is none."""
    report = Path(store) / "report.html"
    if "://" in store or not report.is_file():
        return ""
    return quote(os.path.relpath(report.resolve(), page.resolve().parent).replace(os.sep, "/"))


def _counted(studies: list[IndexedStudy], folder: str) -> str:
    trials = sum(study.stored for study in studies)
    plural = "study" if len(studies) == 1 else "studies"
    return f"{len(studies):,} {plural} in {folder}, {trials:,} trials; the latest change first."


def _unread_html(unread: list[str]) -> str:
    """The stores that cannot be read, each with its reason."""
    if not unread:
        return ""
    lines = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in unread)
    return f'<section class="card"><h2>Not read</h2><ul class="wrong">{lines}</ul></section>'
