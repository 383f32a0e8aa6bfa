"""The project's charts as Altair objects, for notebooks: a frame of trials in, a chart out.

    trials = analysis.load_trials("runs/quick")
    analysis.phase_diagram(trials)

The charts are those of the page, in its theme, with their rows inside. A chart has Altair's own
methods: `.properties(width=600)`, `.save("diagram.svg")`, `.to_dict()`.
"""

from typing import Any, cast

import altair as alt
import pandas as pd

from analysis.charts import law_charts
from analysis.charts.coloring import COLORINGS
from analysis.charts.curves import curve_template
from analysis.charts.theme import Specification
from analysis.figures.opening_slice import opening_slice
from analysis.figures.strip_figures import strip_drawing
from analysis.figures.study import plane, study_diagram
from analysis.formats import records
from analysis.laws import views
from analysis.laws.fit import fit_law
from analysis.phases.axis_scales import TITLES
from analysis.phases.boundary import boundary
from analysis.phases.cells import cells
from analysis.phases.drawn_axes import FIRST_OF_STRIPS, axes_that_vary
from analysis.phases.grid import Grid, diagram_axes, make_grid
from analysis.phases.quantities import Ramp, ramps, with_quantities
from analysis.report.state import CURVES
from study.errors import UsageError, unknown

MOST_CURVES = 50  # trials in one chart of curves


def phase_diagram(
    trials: pd.DataFrame, x: str | None = None, y: str | None = None, color: str = "phase"
) -> alt.LayerChart:
    """The phase diagram in two axes, with the boundary: half of the trials generalize there.

    Where other axes vary, the diagram is of the slice in which most happens, which its title names.

    Args:
        trials: as `load_trials` gives them, at least one.
        x: the axis across; None: weight decay where it varies.
        y: the axis up; None: dataset size where it varies.
        color: "phase", or what cells may be colored by: "share", "median", "delay" and others.

    Raises: UsageError for a name that is no axis or no color, for a color of which no cell has a
        number, and for no trials.
    """
    if color not in COLORINGS:
        raise unknown("a color", color, COLORINGS)
    _refuse_none(trials)
    shown = opening_slice(trials, x, y)
    rows, ramp = plane(shown.grid, shown.across.name, shown.up.name), _ramp(shown.grid, color)
    chart = study_diagram(color, rows, shown.across, shown.up, shown.boundary, ramp)
    return _titled(_chart(chart), shown.words)


def _ramp(grid: Grid, color: str) -> Ramp | None:
    """The color scale of a quantity; None for phases."""
    found = ramps(with_quantities(grid.cells))
    if color != "phase" and color not in found:
        have = ", ".join(["phase", *found])
        raise UsageError(f"{color!r}: no cell has a number of it. Choose one of {have}.")
    return found.get(color)


def boundary_chart(
    trials: pd.DataFrame, x: str | None = None, y: str | None = None
) -> alt.LayerChart:
    """The shares that generalized, and the line where half do, with its 95% bands.

    Args:
        trials: as `load_trials` gives them, of one slice: no axis but x and y varies.
        x: the axis across; None: weight decay where it varies.
        y: the axis up; None: dataset size where it varies.

    Raises: UsageError where these trials have no boundary in these axes, and why.
    """
    _refuse_none(trials)
    names = diagram_axes(make_grid(trials).rulers, x, y)
    chart = phase_diagram(trials, *names, color="share")
    if not chart.datasets["boundary"]:
        boundary(trials, *names)  # raises, and says why there is none
    return chart


def transition_curves(
    trials: pd.DataFrame, readings: pd.DataFrame, reading: str = "accuracy"
) -> alt.LayerChart:
    """A reading against epoch, a line a trial, with rules where half of the trials had an event.

    Args:
        trials: as `load_trials` gives them, at most 50: the seeds of a cell.
        readings: of these trials, as `load_readings` gives them.
        reading: "accuracy", "loss", "weight norm", or a measure such as "effective sparsity".

    Raises: UsageError for no trials, for too many, and for a reading that was not taken.
    """
    _refuse_none(trials)
    if len(trials) > MOST_CURVES:
        raise UsageError(
            f"{len(trials):,} trials; a chart of curves has at most {MOST_CURVES}. Choose the "
            "trials of one cell."
        )
    if reading not in CURVES:
        raise unknown("a reading", reading, CURVES)
    columns = CURVES[reading]
    seeds = trials[["trial_id", "seed"]].rename(columns={"trial_id": "trial"})
    long = readings.rename(columns={"trial_id": "trial"}).melt(
        ["trial", "epoch"], list(columns), var_name="column"
    )
    long = long.dropna(subset="value").merge(seeds, on="trial")
    if long.empty:
        raise UsageError(f"{reading}: not taken of these trials. Add it to readings.measures.")
    sets = {column: column.partition("_")[0] if len(columns) == 2 else "" for column in columns}
    spec = curve_template(reading, columns)
    rows = long.assign(set=long["column"].map(sets)).drop(columns="column")
    spec["datasets"] = {"curves": records(rows), "events": _events(trials)}
    return _chart(spec)


def delay_strip(trials: pd.DataFrame, axis: str | None = None) -> alt.LayerChart:
    """Trials as lines from memorizing to generalizing, in a row for each value of an axis.

    A trial that has not generalized is an arrow to where its training ended; a trial that
    generalized no later than it memorized is a dot. Rows of many trials are a seeded sample.

    Args:
        trials: as `load_trials` gives them.
        axis: of the rows; None: weight decay where it varies, or else dataset size, or else the
            axis with most values.

    Raises: UsageError for a name that is no axis that varies, for no trials, and where no trial
        memorized or generalized.
    """
    _refuse_none(trials)
    varying = axes_that_vary(trials)
    first = next((name for name in FIRST_OF_STRIPS if name in varying), None)
    axis = _varying(trials, axis or first)
    if trials[["memorized_epoch", "generalized_epoch"]].isna().all(axis=None):
        raise UsageError(
            f"none of {len(trials):,} trials memorized or generalized; a strip needs one. Loosen "
            "the filter, or train for longer."
        )
    return _chart(strip_drawing(trials, axis)[0])


def survival(
    trials: pd.DataFrame, by: str | None = None, event: str = "generalized"
) -> alt.LayerChart:
    """The share of trials without an event yet against steps: Kaplan-Meier curves along an axis.

    Args:
        trials: as `load_trials` gives them; of several slices, the one with the most events.
        by: the axis whose values have a curve each, at most five; None: the one with most values.
        event: "generalized", "memorized" or "delay".

    Raises: UsageError for a name that is no axis that varies, or no event, and for no trials.
    """
    _refuse_none(trials)
    by = _varying(trials, by)
    curves = views.survival_steps(views.slice_of(trials, event, by), event, by)
    return law_charts.survival_chart(curves, by)


def law_chart(
    trials: pd.DataFrame, law: str = "power", x: str | None = None, event: str = "generalized"
) -> alt.LayerChart:
    """A law fitted to trials, with its 95% band, against the medians of cells.

    Args:
        trials: as `load_trials` gives them; censored ones count.
        law: a name in `analysis.laws.LAWS`.
        x: the axis across; None: the one with most values. The next has a color a value.
        event: "generalized", "memorized" or "delay".

    Raises: UsageError where the law cannot be fitted to these trials.
    """
    _refuse_none(trials)
    x = _varying(trials, x)
    fit = fit_law(trials, law, event)
    if not fit.converged:
        raise UsageError(f"{law}: did not converge on these trials. Use another law.")
    series = next((axis for axis in views.longest_axes(trials) if axis not in {x, None}), None)
    lines, medians = views.law_curves(fit, trials, x, series)
    return law_charts.law_lines_chart(lines, medians, x, TITLES[series] if series else "")


def _refuse_none(trials: pd.DataFrame) -> None:
    if trials.empty:
        raise UsageError("0 trials; a chart needs some. Loosen the filter.")


def _varying(trials: pd.DataFrame, axis: str | None) -> str:
    """The axis, which must vary; the one with most values where none is named."""
    if axis is None:
        return views.longest_axes(trials)[0]
    if axis not in axes_that_vary(trials):
        raise unknown("an axis that varies here", axis, axes_that_vary(trials))
    return axis


def _events(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The median epochs of both events over some trials, in words."""
    [row] = cells(trials.assign(_cell=0), ["_cell"]).to_dict("records")
    medians = {event: row[f"{event}_median_epoch"] for event in ("memorized", "generalized")}
    return [
        {"epoch": float(epoch), "event": f"half {event}: {epoch:,.0f}"}
        for event, epoch in medians.items()
        if pd.notna(epoch)
    ]


def _titled(chart: alt.LayerChart, title: str) -> alt.LayerChart:
    if title:
        chart.title = alt.Title(title, anchor="start", fontSize=12)
    return chart


def _chart(spec: Specification) -> alt.LayerChart:
    """A specification as an Altair object, unchecked: checking each row takes seconds."""
    return alt.LayerChart.from_dict(cast("dict[str, Any]", spec), validate=False)
