"""A study in a browser: one page, in two shapes.

The report is a single HTML file that needs no network, no server and no program to open it but a
browser: state and archive are in it. The live page is the same HTML, script and style, served, and
asks its server. What is drawn comes from `analysis.report.state`; the page itself lies in web/.
"""

import html
import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import vl_convert

from analysis.charts import diagram as charts
from analysis.phases.classify import FLAGS, PATIENCE
from analysis.phases.grid import TITLES, make_grid
from analysis.report.archive import carried, drawn, pack_archive
from analysis.report.sections import BOUNDARY, law_state
from analysis.report.state import CURVES, TABLE_COLUMNS, page_state
from analysis.report.template import filled, web_file
from analysis.tables.frames import load_readings, some_trials
from analysis.tables.output import write_whole
from analysis.tables.where import COLUMNS, KINDS
from study.store.store import Store

SCRIPTS = ("dom", "where", "source", "address", "charts", "diagram", "panel", "trials", "page")

CAPTIONS = {
    "phase": (
        "The most frequent phase of each cell, paler where fewer of its trials share it, and how "
        "many generalised of all. "
        f"Hatched: half of its trials or more were watched for less than {PATIENCE} decay times. "
        "Dashed: no trials."
    ),
    "share": "The share of each cell's trials that generalised, and their number of all.",
    "median": (
        "Kaplan-Meier median epoch of generalising; > is the epoch until which fewer than half had."
    ),
    "boundary": BOUNDARY,
    "circuits": (
        "Effective sparsity: how many neurons, taken by falling norm, predict like the whole net. "
        "The command analysis circuits STORE TRIAL replays a trial and follows its subnetworks."
    ),
}

# Nothing is fetched: a browser that honours this line could not if it tried.
OFFLINE = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
    "img-src data: blob:; style-src 'unsafe-inline'; script-src 'unsafe-inline' 'unsafe-eval'\">"
)


def write_report(
    store_url: str | Path, output: str | Path, x: str | None = None, y: str | None = None
) -> None:
    """Write the report of a study to one HTML file, whole or not at all.

    Args: store_url, path or URL; output, the file; x and y, axes of the diagram to begin with
    (weight decay and dataset size where they vary).
    Raises: UsageError for axes that are not right; StoreError for the store, also where it holds no
    trials yet; StudyError where the file cannot be written.
    """
    trials = some_trials(store_url)
    grid = make_grid(trials)
    manifest = Store.open(store_url).manifest()
    state = page_state(trials, manifest, grid=grid, x=x, y=y)
    state |= {**law_state(trials, x, y), "store": str(store_url)}
    rows = carried(trials, grid)
    readings = load_readings(store_url, drawn(rows))
    page = filled(
        "page.html",
        {
            "name": html.escape(state["name"]),
            "policy": OFFLINE,
            "summary": html.escape(
                ", ".join(f"{fact['label']}: {fact['text']}" for fact in state["facts"])
            ),
            "style": f"<style>{web_file('page.css')}</style>",
            "setup": _script_json(
                {**_setup(readings), "limits": _limits(len(rows), state), "state": state}
            ),
            "archive": pack_archive(rows, readings),
            "scripts": f"<script>{_bundle()}</script>\n<script>{_script()}</script>",
        },
    )
    write_whole(output, page.encode())


def live_files() -> dict[str, tuple[str, bytes]]:
    """The files of the live page: media type and content by name; the page itself is "".

    The page asks for the others at /assets/NAME. It holds nothing of a study.
    """
    page = filled(
        "page.html",
        {
            "name": "study",
            "policy": "",
            "summary": "",
            "style": '<link rel="stylesheet" href="/assets/page.css">',
            "setup": _script_json(_setup()),
            "archive": "",
            "scripts": '<script src="/assets/vega.js"></script>\n'
            '<script src="/assets/page.js"></script>',
        },
    )
    return {
        "": ("text/html; charset=utf-8", page.encode()),
        "page.css": ("text/css; charset=utf-8", web_file("page.css").encode()),
        "page.js": ("text/javascript; charset=utf-8", _script().encode()),
        "vega.js": ("text/javascript; charset=utf-8", _bundle().encode()),
    }


def _setup(readings: pd.DataFrame | None = None) -> dict[str, Any]:
    """Templates of charts, words, colours, columns; charts of measures that `readings` have."""
    taken = None if readings is None else set(readings.columns[readings.notna().any()])
    return {
        "diagrams": {name: charts.diagram(name) for name in charts.COLORINGS},
        "colorings": charts.COLORINGS,
        "captions": CAPTIONS,
        "curves": {
            title: {"columns": columns, "chart": charts.curves(title, columns)}
            for title, columns in CURVES.items()
            if taken is None or taken & set(columns)
        },
        "colors": charts.PHASE_COLORS,
        "flags": list(FLAGS),
        "kinds": {field.name: KINDS[field.type] for field in COLUMNS},
        "table": TABLE_COLUMNS,
        "axes": list(TITLES),
    }


def _limits(rows: int, state: dict[str, Any]) -> str:
    """What the report says it leaves out."""
    if rows == state["trials"]:
        return ""
    return (
        f"The table and the curves below are of {rows:,} of the {state['trials']:,} trials, the "
        "first seeds of each cell; the cells count all."
    )


@cache  # making it takes two seconds
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that only leaves `vegaEmbed` behind."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return _inline(f"(()=>{{\n{script}\n}})()")


def _script() -> str:
    """The page's own files as one script in one scope."""
    parts = "\n".join(web_file(f"{name}.js") for name in SCRIPTS)
    return _inline(f'(() => {{\n"use strict";\n{parts}}})();\n')


def _inline(script: str) -> str:
    return script.replace("</script", "<\\/script")


def _script_json(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
