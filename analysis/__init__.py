"""What a study found: store -> frames -> phases -> charts -> one page that works offline.

`frames` reads a store's two tables, `where` understands filters on them; `phases` says what each
trial did and `cells` what the seeds of a point did together, with the statistics of `estimates`;
`boundaries` finds where half of them have an event; `laws` fits equations to the times of events,
censored trials included; `charts` draws the frames and `page` puts the drawings into a single HTML
file. `live` follows a store that grows, and `serve` answers a browser from it. `cli` prints. None
of it needs torch or Ray.

Circuits do need torch: `circuits` replays a trial and finds its subnetworks, `following` and
`tickets` say what became of them, `portrait` shows one trial; `studied` replays many, `paper` makes
the paper's figures of them as numbers, `commuting` that of modular arithmetic from stored readings,
`lines` draws these, `album` is their page, `figures` joins these.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.laws import fit_law
    from analysis.phases.boundary import boundary
    from analysis.phases.cells import cells, summary
    from analysis.phases.classify import classify
    from analysis.report.page import write_report
    from analysis.tables.frames import load_readings, load_trials
    from analysis.tables.where import read_filter

__all__ = [
    "boundary",
    "cells",
    "classify",
    "fit_law",
    "load_readings",
    "load_trials",
    "read_filter",
    "summary",
    "write_report",
]

_HOMES = {
    "boundary": "phases.boundary",
    "cells": "phases.cells",
    "classify": "phases.classify",
    "fit_law": "laws",
    "load_readings": "tables.frames",
    "load_trials": "tables.frames",
    "read_filter": "tables.where",
    "summary": "phases.cells",
    "write_report": "report.page",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: pandas and Altair take a second."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, loaded or not, for whoever lists or completes them."""
    return __all__
