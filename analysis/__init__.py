"""What a study showed: its store as frames, phases, laws, circuits, charts, and pages.

The folders, from the store up:

- `tables` reads the two tables of a store as frames, and understands filters on their rows.
- `phases` says what each trial did, what the seeds of a point did together, and where half of the
  networks have an event. Its numbers come from `statistics`.
- `laws` fits equations to the times of events, censored trials included.
- `questions` has the analyses of the studies that ask one: waits on one curve, pairs, forecasts.
- `circuits` replays trials and follows their subnetworks.
- `charts` draws frames. It never computes.
- `report` puts the charts into one HTML file; `figures` writes them as files; `text` says the
  answers in lines for people; `live` follows a store that grows, and answers a browser.
- `cli` is the command.

`circuits` needs torch. So do `figures` and `text.circuit_text`, which import `circuits`. Nothing
here needs Ray.

The names below are loaded when they are first used.
"""

from typing import TYPE_CHECKING

from study.lazy import lazily

if TYPE_CHECKING:
    from analysis.figures.notebook_charts import (
        boundary_chart,
        delay_strip,
        law_chart,
        phase_diagram,
        survival,
        transition_curves,
    )
    from analysis.laws import fit_law
    from analysis.phases.boundary import boundary
    from analysis.phases.cells import cells, summary
    from analysis.phases.classify import classify
    from analysis.report.page import write_report
    from analysis.tables.frames import load_readings, load_trials
    from analysis.tables.where import read_filter

__all__ = [
    "boundary",
    "boundary_chart",
    "cells",
    "classify",
    "delay_strip",
    "fit_law",
    "law_chart",
    "load_readings",
    "load_trials",
    "phase_diagram",
    "read_filter",
    "summary",
    "survival",
    "transition_curves",
    "write_report",
]

__getattr__, __dir__ = lazily(
    __name__,
    {
        "boundary": "phases.boundary",
        "boundary_chart": "figures.notebook_charts",
        "cells": "phases.cells",
        "classify": "phases.classify",
        "delay_strip": "figures.notebook_charts",
        "fit_law": "laws",
        "law_chart": "figures.notebook_charts",
        "load_readings": "tables.frames",
        "load_trials": "tables.frames",
        "phase_diagram": "figures.notebook_charts",
        "read_filter": "tables.where",
        "summary": "phases.cells",
        "survival": "figures.notebook_charts",
        "transition_curves": "figures.notebook_charts",
        "write_report": "report.page",
    },
)
