"""A study as one HTML file: it needs no network, no server and no program to open it but a browser.

Vega is embedded once. Cells travel as JSON, readings as one compressed table of whole numbers that
the page unpacks; the page itself is report.html, report.css and report.js beside this file.
"""

import base64
import gzip
import html
import json
import re
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import vl_convert

from analysis import charts
from analysis.diagram import TITLES, Diagram, interesting_cell, make_diagram
from analysis.formats import records
from analysis.frames import load_readings, some_trials
from analysis.law_section import law_section, specifications
from analysis.output import write_whole
from analysis.phases import PATIENCE, PHASES, summary
from study.store import Store

ACCURACY_SCALE = (
    10_000  # accuracies travel as whole numbers of this; finer than a test row of 2,048
)
MAX_CURVES_PER_CELL = 24  # more lines are a blot
MAX_CURVES = 4_000  # of the whole page, which should stay small enough to mail

ENDINGS = {
    "decided": "decided",
    "budget": "reached their budget",
    "collapsed": "collapsed",
    "diverged": "diverged",
}


def write_report(
    store_url: str | Path, output: str | Path, x: str | None = None, y: str | None = None
) -> None:
    """Write the report of a study to one HTML file, whole or not at all.

    Args: store_url, path or URL; output, the file; x and y, axes of the diagrams (weight decay and
    dataset size where they vary).
    Raises: UsageError for axes that are not right; StoreError for the store, also where it holds no
    trials yet; StudyError where the file cannot be written.
    """
    trials = some_trials(store_url)
    diagram = make_diagram(trials, x, y)
    drawn = _drawn(diagram)
    readings = load_readings(store_url, drawn)
    laws, figures = law_section(trials)
    page = _fill(
        {
            **_header(Store.open(store_url).manifest(), trials),
            "laws": laws,
            "data": _script_json({**_page_data(diagram), "laws": specifications(figures)}),
            "readings": _pack(drawn, readings),
            "bundle": _bundle(),
            "style": _asset("report.css"),
            "script": _asset("report.js"),
        }
    )
    write_whole(output, page.encode())


@cache  # making it takes two seconds
def _bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that only leaves `vegaEmbed` behind."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return script.replace("</script", "<\\/script")


def _asset(name: str) -> str:
    return (resources.files("analysis") / name).read_text("utf-8")


def _fill(parts: dict[str, str]) -> str:
    """The page with its slots filled, in one pass: what fills a slot is never read as one."""
    return re.sub(r"\{\{(\w+)\}\}", lambda slot: parts[slot[1]], _asset("report.html"))


def _script_json(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")


def _header(manifest: dict[str, Any], trials: pd.DataFrame) -> dict[str, str]:
    """What is said about the study as a whole, as HTML."""
    escape = html.escape
    ended = trials["ended"].value_counts()
    facts = [f"{len(trials):,} trials", *(f"{n:,} {ENDINGS[str(why)]}" for why, n in ended.items())]
    started = str(manifest.get("started", ""))[:16].replace("T", " ")
    if started:
        facts.append(f"started {started} UTC")
    cards = "".join(
        f'<li style="--phase: {charts.PHASE_COLORS[row["phase"]]}">'
        f"<b>{row['trials']:,} <small>{row['share']:.0%}</small></b>"
        f"<span>{row['phase']}</span>"
        f'<small class="soft">{escape(PHASES[row["phase"]].meaning)}</small></li>'
        for row in records(summary(trials))
    )
    versions = ", ".join(f"{name} {v}" for name, v in manifest.get("versions", {}).items())
    command = escape(str(manifest.get("command", "")))
    return {
        "name": escape(str(trials["study"].iloc[0])),
        "facts": escape(" · ".join(facts)),
        "phases": cards,
        "patience": str(PATIENCE),
        "footer": f"<p><code>{command}</code></p><p>{escape(versions)}</p>",
    }


def _page_data(diagram: Diagram) -> dict[str, Any]:
    drawings = {
        "phase-diagram": charts.phase_diagram(diagram),
        "time-map": charts.time_map(diagram),
        "curves": charts.curves(pd.DataFrame(), pd.DataFrame()),
    }
    return {
        "charts": {name: _without_rows(chart) for name, chart in drawings.items()},
        "cells": records(diagram.cells),
        "start": interesting_cell(diagram),
        "x": diagram.x,
        "y": diagram.y,
        "titles": {"x": TITLES[diagram.x], "y": TITLES[diagram.y]},
        "labels": {"x": diagram.labels[diagram.x], "y": diagram.labels[diagram.y]},
        "slices": [
            {"name": axis, "title": TITLES[axis], "labels": diagram.labels[axis]}
            for axis in diagram.slices
        ],
        "colors": charts.PHASE_COLORS,
        "scale": ACCURACY_SCALE,
    }


def _without_rows(chart: alt.LayerChart) -> dict[str, Any]:
    """A chart's specification with named, empty data: the page fills it."""

    def emptied(part: Any) -> Any:
        if isinstance(part, list):
            return [emptied(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "values" in part and "name" in part:
            return {**part, "values": []}
        return {key: emptied(value) for key, value in part.items()}

    specification: dict[str, Any] = emptied(chart.to_dict())
    return specification


def _drawn(diagram: Diagram) -> pd.DataFrame:
    """The trials whose curves the page carries: of every cell the first seeds."""
    members = diagram.members.sort_values(["cell", "seed"], kind="stable")
    cells = members["cell"].nunique()
    limit = max(1, min(MAX_CURVES_PER_CELL, MAX_CURVES // cells))
    return members.groupby("cell").head(limit)


def _pack(drawn: pd.DataFrame, readings: pd.DataFrame) -> str:
    """Columns of the drawn trials and of their readings, one trial after another."""
    number = pd.Series(range(len(drawn)), index=drawn["trial_id"])
    readings = readings.assign(trial=readings["trial_id"].map(number))
    readings = readings.sort_values(["trial", "epoch"], kind="stable")
    counts = readings["trial"].value_counts().reindex(range(len(drawn)), fill_value=0)
    accuracies = {
        name: (readings[f"{name}_accuracy"] * ACCURACY_SCALE).round().astype("Int64")
        for name in ("train", "test")
    }
    columns = {
        "cell": drawn["cell"],
        "seed": drawn["seed"],
        "phase": drawn["phase"],
        "memorized": drawn["memorized_epoch"],
        "generalized": drawn["generalized_epoch"],
        "ended": drawn["ended"],
        "epochs": drawn["epochs_run"],
        "count": counts,
        "epoch": readings["epoch"],
        **accuracies,
    }
    listed = {
        name: column.astype(object).where(column.notna(), None).tolist()
        for name, column in columns.items()
    }
    packed = gzip.compress(json.dumps(listed, separators=(",", ":")).encode(), mtime=0)
    return base64.b64encode(packed).decode()
