"""A study in a browser: one page, in two shapes.

The report is a single HTML file that holds all of its data. It needs no network, no server and no
program but a browser. The live page is the same HTML, script and style; it asks its server. What
is drawn comes from `analysis.report.state`; the page itself lies in analysis/web.
"""

import html
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

import pandas as pd

from analysis.charts.cell_signs import CELL_SIGNS
from analysis.charts.coloring import COLORINGS, STAGE_COLORS, TEMPLATES
from analysis.charts.curves import curve_template
from analysis.charts.diagram import LEAST_WITH_CORNERS, diagram_template
from analysis.charts.layout import CELL_PIXELS
from analysis.charts.strip import GAP_PIXELS, STEPS, STRIP_CAPTION, strip_template
from analysis.charts.theme import Specification, specification
from analysis.charts.weight_matrix import learned_weights_chart
from analysis.phases.axis_scales import TITLES
from analysis.phases.classify import FLAGS
from analysis.phases.grid import Grid, make_grid, pending_cells
from analysis.phases.palette import PHASE_COLORS
from analysis.phases.patience import PATIENCES
from analysis.phases.quantities import KINDS_OF_CONFUSION, SELECTS
from analysis.phases.stages import STAGES, stripes_of
from analysis.phases.strip_lines import LEAST_LINES, MOST_LINES
from analysis.report.archive import carried, drawn, pack_archive, patience_archive
from analysis.report.scripts import joined_modules
from analysis.report.sections import BOUNDARY_CAPTION, law_state
from analysis.report.state import (
    ALWAYS_READ,
    CURVES,
    PATIENCE_NAMES,
    TABLE_COLUMNS,
    columnar,
    page_state,
)
from analysis.report.template import filled, packed_text, web_file
from analysis.report.vega import prepare_script, vega_script
from analysis.tables.filter_hints import OUTCOMES
from analysis.tables.frames import load_readings, some_trials
from analysis.tables.output import write_whole
from analysis.tables.plan_progress import plan_beside
from analysis.tables.where import COLUMNS, KINDS
from study.store.store import Store

if TYPE_CHECKING:
    from analysis.circuits.learned import LearnedNet

CAPTIONS = {
    "phase": (
        "The most frequent phase of each cell, paler where fewer of its trials share it, and how "
        "many generalized of all."
    ),
    "confusion": "Confusion is split: "
    + "; ".join(f"{kind}, {rule}" for kind, rule in KINDS_OF_CONFUSION.items())
    + ".",
    "quantity": (
        "Medians over the trials of a cell, of epochs those of Kaplan and Meier; > is the epoch "
        "until which fewer than half had come so far."
    ),
    "boundary": BOUNDARY_CAPTION,
    "strip": STRIP_CAPTION,
    "circuits": (
        "Effective sparsity: how many neurons, taken by falling norm, predict like the whole net. "
        "The command analysis circuits STORE TRIAL replays a trial and follows its subnetworks."
    ),
}

# A browser that obeys this line fetches nothing, whatever the page asks for.
OFFLINE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'\">"
)


class CurveChart(TypedDict):
    """A chart of the panel: the readings that it shows, and its template."""

    columns: tuple[str, ...]
    chart: Specification


class StripSetup(TypedDict):
    """The delay strip.

    Attributes:
        chart: the template.
        lines: the most of the strip, and the least of a row.
        steps: pixels from a line to the next, to choose from.
        gap: pixels between rows.
    """

    chart: Specification
    lines: tuple[int, int]
    steps: tuple[int, ...]
    gap: int


class Setup(TypedDict):
    """What a page is made with, whatever the study. types.d.ts describes it to the scripts.

    Attributes:
        diagrams: the templates of the diagram: by phase, and by a quantity.
        colorings: the colorings by name, with what each shows.
        patiences: a name and a text for each, in the order of a menu.
        captions: by the part of the page.
        curves: the charts of the panel by title.
        signs: what each sign in cells means.
        least_with_signs: pixels of a cell with signs in its corners, at least.
        steps: pixels of a cell, the least and the most.
        colors: of each phase.
        stages: the color and the words of each stage, in their order.
        strip: the delay strip.
        flags: what each means.
        selects: the filter of each kind of trials that a reader can select.
        kinds: of each column that a filter may name, in words.
        outcomes: the phases, and how a trial can have ended.
        table: the columns that the table shows first.
        axes: names of all axes.
        learned_chart: the template of the matrix of a network's weights.
        limits: of a report: what it leaves out, a sentence or "".
        learned: of a report: what networks have learned that it has trained again, by trial_id.
        state: of a report: `PageState` and `LawState` together.
    """

    diagrams: dict[str, Specification]
    colorings: dict[str, str]
    patiences: list[tuple[str, str]]
    captions: dict[str, str]
    curves: dict[str, CurveChart]
    signs: dict[str, str]
    least_with_signs: int
    steps: tuple[int, int]
    colors: dict[str, str]
    stages: dict[str, tuple[str, str]]
    strip: StripSetup
    flags: dict[str, str]
    selects: dict[str, str]
    kinds: dict[str, str]
    outcomes: tuple[str, ...]
    table: tuple[str, ...]
    axes: list[str]
    learned_chart: Specification
    limits: NotRequired[str]
    learned: NotRequired["dict[str, LearnedNet]"]
    state: NotRequired[dict[str, object]]


def write_report(
    store_url: str | Path,
    output: str | Path,
    x: str | None = None,
    y: str | None = None,
    circuits: int = 0,
    tell: Callable[[int, int], None] = lambda _done, _count: None,
) -> None:
    """Write the report of a study to one HTML file, whole or not at all.

    Args:
        store_url: path or URL of the store.
        output: the file.
        x: the axis across to begin with; weight decay where it varies.
        y: the axis up to begin with; dataset size where it varies.
        circuits: how many networks to train again, to show what they have learned.
        tell: is called before each of them with how many are done, and how many there are.

    Raises: UsageError for a name that is no axis, or one that does not vary; StoreError for the
        store, also where it holds no trials yet; StudyError where the file cannot be written.
    """
    trials = some_trials(store_url)
    grid, pending = _laid_out(store_url, trials)
    manifest = Store.open(store_url).manifest()
    state = page_state(trials, manifest, grid=grid, x=x, y=y, pending=pending)
    rows = carried(trials, grid)
    readings = load_readings(store_url, drawn(rows))
    setup = page_setup(readings)
    setup["limits"] = _limits(len(rows), len(trials))
    setup["state"] = {
        **state,
        **law_state(store_url, trials, x, y, grid),
        "store": str(store_url),
        "pending": None if pending is None else columnar(pending),
    }
    if circuits:
        setup["learned"] = _trained_again(store_url, rows, circuits, tell)
    slots = {
        "name": html.escape(state["name"]),
        "policy": OFFLINE,
        "summary": html.escape(" ".join(map(str, state["opening"].values()))),
        "style": f"<style>{web_file('page.css')}</style>",
        "setup": _script_json(setup),
        "archive": pack_archive(
            rows, readings, stripes_of(trials, grid), patience_archive(trials, grid, rows)
        ),
        "scripts": _report_scripts(),
    }
    write_whole(output, filled("page.html", slots).encode())


def _trained_again(
    store_url: str | Path, rows: pd.DataFrame, circuits: int, tell: Callable[[int, int], None]
) -> "dict[str, LearnedNet]":
    from analysis.report.learned_trials import learned_trials  # noqa: PLC0415  loads torch

    return learned_trials(store_url, rows, circuits, tell)


def _report_scripts() -> str:
    """Vega, packed, and the page's own script."""
    vega = f'<script type="text/plain" id="vega">{packed_text(vega_script())}</script>'
    return f"{vega}\n<script>{_page_script()}</script>"


def _laid_out(store_url: str | Path, trials: pd.DataFrame) -> tuple[Grid, pd.DataFrame | None]:
    """The grid of a study, and the cells with trials to come; None where none are known of."""
    plan = plan_beside(Store.open(store_url), trials)
    if plan is None:
        return make_grid(trials), None
    grid = make_grid(trials, planned=plan.points)
    return grid, pending_cells(grid, plan.points, plan.coming, plan.in_training)


def prepare_report() -> None:
    """Make what reports have in common, before there is a study to report on.

    For a thread beside other work: `write_report` then takes half the time.
    """
    prepare_script()
    _diagrams()
    for title in ALWAYS_READ:
        _curve(title)
    _strip()
    _learned_chart()


def live_files() -> dict[str, tuple[str, bytes]]:
    """The files of the live page: media type and content by name; the page itself is "".

    The page asks for the others at assets/NAME, relative to its own address: a proxy may show the
    page below any path. It holds nothing of a study.
    """
    slots = {
        "name": "study",
        "policy": "",
        "summary": "",
        "style": '<link rel="stylesheet" href="assets/page.css">',
        "setup": _script_json(page_setup()),
        "archive": "",
        "scripts": '<script src="assets/vega.js"></script>\n<script src="assets/page.js"></script>',
    }
    return {
        "": ("text/html; charset=utf-8", filled("page.html", slots).encode()),
        "page.css": ("text/css; charset=utf-8", web_file("page.css").encode()),
        "page.js": ("text/javascript; charset=utf-8", _page_script().encode()),
        "vega.js": ("text/javascript; charset=utf-8", _inline(vega_script()).encode()),
    }


def page_setup(readings: pd.DataFrame | None = None) -> Setup:
    """Templates of charts, words, colors and columns.

    Args:
        readings: where given, only the measures that they have get a chart.
    """
    measured = None if readings is None else set(readings.columns[readings.notna().any()])
    return {
        "diagrams": _diagrams(),
        "colorings": COLORINGS,
        "patiences": [
            (PATIENCE_NAMES[None], "as watched"),
            *((PATIENCE_NAMES[p], f"{p} decay times") for p in reversed(PATIENCES)),
        ],
        "captions": CAPTIONS,
        "curves": {
            title: _curve(title)
            for title, columns in CURVES.items()
            if measured is None or measured & set(columns)
        },
        "signs": CELL_SIGNS,
        "least_with_signs": LEAST_WITH_CORNERS,
        "steps": CELL_PIXELS,
        "colors": PHASE_COLORS,
        "stages": {name: (STAGE_COLORS[name], words) for name, words in STAGES.items()},
        "strip": {
            "chart": _strip(),
            "lines": (MOST_LINES, LEAST_LINES),
            "steps": STEPS,
            "gap": GAP_PIXELS,
        },
        "learned_chart": _learned_chart(),
        "flags": FLAGS,
        "selects": SELECTS,
        "kinds": {field.name: KINDS[field.type] for field in COLUMNS},
        "outcomes": OUTCOMES,
        "table": TABLE_COLUMNS,
        "axes": list(TITLES),
    }


def _limits(rows: int, trials: int) -> str:
    """What a report leaves out, as a sentence; "" where its table has all trials."""
    if rows == trials:
        return ""
    return (
        f"The table and the curves below are of {rows:,} of the {trials:,} trials, the "
        "first seeds of each cell; the cells count all."
    )


@cache
def _diagrams() -> dict[str, Specification]:
    """The templates of the diagram by coloring."""
    return {name: diagram_template(name) for name in TEMPLATES}


@cache
def _curve(title: str) -> CurveChart:
    columns = CURVES[title]
    return {"columns": columns, "chart": curve_template(title, columns)}


@cache
def _strip() -> Specification:
    return strip_template()


@cache
def _learned_chart() -> Specification:
    return specification(learned_weights_chart())


def _page_script() -> str:
    """The page's own modules as one script."""
    return _inline(joined_modules("page.js"))


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script")


def _script_json(setup: Setup) -> str:
    return json.dumps(setup, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
