"""The sentences that open a page: what was trained, what came of it, and where nets grokked.

They are written by rules from the trials, their cells and study.json, so that the page says in
words what its diagram shows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypedDict

import pandas as pd

from analysis.formats import JsonRow, listed, values_in_words
from analysis.phases.axis_scales import TITLES, Ruler
from analysis.phases.grid import Grid

_NETS = {"relu": "ReLU nets", "transformer": "transformers", "mlp": "multilayer perceptrons"}
_UNITS = {"relu": "neurons"}  # what width counts, where it has a name
_ENDS = {
    "comprehension": "generalized without a long wait",
    "memorization": "memorized only",
    "confusion": "did neither",
}
_OPTIMIZERS = {"sgd": "SGD", "adamw": "AdamW"}


NOTHING_YET = "No trials yet. The page shows them as they come."


class Opening(TypedDict):
    """The first sentences of a page.

    Attributes:
        trained: the task, the nets, the optimizer, seeds, points and budget.
        found: how many trials came to which end, and when those that grokked did.
        where: the values of the axes at which cells grok; "" without such a cell.
        rule: when a net has memorized and generalized.
    """

    trained: str
    found: str
    where: str
    rule: str


def opening(
    trials: pd.DataFrame,
    grid: Grid,
    phases: Iterable[JsonRow],
    manifest: Mapping[str, object],
    *,
    pending: pd.DataFrame | None = None,
) -> Opening:
    """The first sentences of a page.

    Args:
        trials: as `load_trials` gives them, at least one.
        grid: of these trials.
        phases: a row for each phase, as `summary` gives them.
        manifest: of the store, as JSON.
        pending: the cells with trials to come, as `pending_cells` gives them; None where no plan is
            known. Where there are some the sentences say "so far": trials that are decided early
            come first.
    """
    so_far = pending is not None and len(pending) > 0
    rule = _when_it_counts(manifest)
    if trials.empty:
        return {"trained": "", "found": NOTHING_YET, "where": "", "rule": rule}
    found = _what_was_found({str(row["phase"]): row for row in phases})
    where = _where_it_grokked(grid)
    return {
        "trained": _what_was_trained(trials, _planned(grid, pending), manifest),
        "found": f"So far, {_lowered(found)}" if so_far else found,
        "where": f"So far, {_lowered(where)}" if so_far and where else where,
        "rule": rule,
    }


def _planned(grid: Grid, pending: pd.DataFrame | None) -> Grid:
    """The grid with the trials of each cell that a plan has, those to come included."""
    if pending is None:
        return grid
    axes = [ruler.name for ruler in grid.rulers]
    to_come = pending.rename(columns={"coming": "trials"})[[*axes, "trials"]]
    every = pd.concat([grid.cells[[*axes, "trials"]], to_come])
    return replace(grid, cells=every.groupby(axes)[["trials"]].sum().reset_index())


def _lowered(sentence: str) -> str:
    """A sentence as it goes on after other words."""
    return sentence[:1].lower() + sentence[1:]


def _what_was_trained(trials: pd.DataFrame, grid: Grid, manifest: Mapping[str, object]) -> str:
    """The first sentence: task, nets, optimizer, seeds, points and budget."""
    parts = [
        _task(trials),
        _nets(trials),
        _optimizer(trials, manifest),
        _extent(grid),
        _budget(trials),
    ]
    return ", ".join(part for part in parts if part) + "." + _what_parity_is(trials)


def _what_parity_is(trials: pd.DataFrame) -> str:
    """What nets were to learn, a sentence with a space before it; "" for tasks of other names."""
    if [str(name) for name in trials["task"].unique()] != ["parity"]:
        return ""
    bits, relevant = trials["n"].dropna().unique(), trials["k"].dropna().unique()
    n, k = (
        str(values[0]) if len(values) == 1 else name
        for name, values in (("n", bits), ("k", relevant))
    )
    return (
        f" Parity: is the number of ones among {k} of the {n} input bits odd or even? "
        f"Nets are not told which {k}."
    )


def _task(trials: pd.DataFrame) -> str:
    """The task with its size: "(30, 2)-parity"."""
    names = [str(name) for name in trials["task"].unique()]
    bits, relevant = trials["n"].dropna().unique(), trials["k"].dropna().unique()
    if names == ["parity"] and len(bits) == len(relevant) == 1:
        return f"({bits[0]}, {relevant[0]})-parity"
    if names == ["parity"]:
        return f"parity of {values_in_words(relevant)} of {values_in_words(bits)} bits"
    modulo = trials["modulus"].dropna().unique()
    sized = f" modulo {values_in_words(modulo)}" if len(modulo) else ""
    return listed(names) + sized


def _nets(trials: pd.DataFrame) -> str:
    """The nets with their width: "ReLU nets of 100 neurons"."""
    # The first tables were of ReLU nets and did not say so.
    names = [str(name) for name in trials["net"].astype(object).fillna("relu").unique()]
    width = values_in_words(trials["width"].dropna().unique())
    units = _UNITS.get(names[0]) if len(names) == 1 else None
    sized = f"{width} {units}" if units else f"width {width}"
    return f"{listed([_NETS.get(name, name) for name in names])} of {sized}"


def _optimizer(trials: pd.DataFrame, manifest: Mapping[str, object]) -> str:
    """The optimizers with learning rates and batches: "SGD (learning rate 0.1, batches of 32)"."""
    names = dict.fromkeys(str(train["optimizer"]) for train in tables_of(manifest, "train"))
    rates = values_in_words(trials["learning_rate"].dropna().unique())
    steps = f"learning rate {rates}, batches of {values_in_words(trials['batch_size'].unique())}"
    said = listed([_OPTIMIZERS.get(name, name) for name in names])
    return f"{said} ({steps})" if said else steps


def _extent(grid: Grid) -> str:
    """How much was trained: "5 seeds of 70 points"; the trials, where cells hold several points."""
    trials = grid.cells["trials"]
    if grid.aggregated:
        return _count(int(trials.sum()), "trial")
    low, high = int(trials.min()), int(trials.max())
    seeds = _count(high, "seed") if low == high else f"{low:,} to {_count(high, 'seed')}"
    return f"{seeds} of {_count(len(trials), 'point')}"


def _budget(trials: pd.DataFrame) -> str:
    """The longest that trials were to be trained: "at most 10,000 steps each"."""
    steps = (trials["budget_epochs"] * trials["steps_per_epoch"]).max()
    return "" if pd.isna(steps) else f"at most {_count(int(steps), 'step')} each"


def _what_was_found(phases: Mapping[str, JsonRow]) -> str:
    """The second sentence: the trials of each phase, and when those that grokked did."""
    counts = {name: int(str(row["trials"])) for name, row in phases.items()}
    total = sum(counts.values())
    others = listed([f"{counts[name]:,} {what}" for name, what in _ENDS.items() if counts[name]])
    if not counts["grokking"]:
        return f"None of {_count(total, 'net')} grokked: {others}."
    row = phases["grokking"]
    early, late = (
        float(str(row[f"{event}_median_epoch"])) for event in ("memorized", "generalized")
    )
    waited = f", {late / early:.2g} times as late" if early >= 1 else ""
    return (
        f"{counts['grokking']:,} of {_count(total, 'net')} grokked: they fitted their training "
        f"rows at epoch {early:,.0f} and predicted unseen rows at epoch {late:,.0f} "
        f"(medians){waited}." + (f" Of the others, {others}." if others else "")
    )


def _where_it_grokked(grid: Grid) -> str:
    """The third sentence: the values of each axis at which cells are grokking, if not at all."""
    grokked = grid.cells[grid.cells["phase"] == "grokking"]
    if grokked.empty:
        return ""
    spans = [_span_on(ruler, grid.cells[ruler.name], grokked[ruler.name]) for ruler in grid.rulers]
    said = [span for span in spans if span]
    if not said:
        return "Cells that grok lie at every value of every axis."
    return f"Cells that grok have {listed(said)}."


def _span_on(ruler: Ruler, every: pd.Series, grokked: pd.Series) -> str:
    """The values of one axis at which cells grok; "" where these reach from end to end."""
    title, labels = TITLES[ruler.name], ruler.labels
    low, high = int(grokked.min()), int(grokked.max())
    from_first, to_last = low == every.min(), high == every.max()
    if ruler.scale == "ordinal" or (from_first and to_last):
        return ""
    if low == high:
        return f"{title} {labels[low]}"
    if from_first:
        return f"{title} {labels[high]} or less"
    return (
        f"{title} {labels[low]} or more" if to_last else f"{title} {labels[low]} to {labels[high]}"
    )


def _when_it_counts(manifest: Mapping[str, object]) -> str:
    """The rule of both events, with the thresholds of the study."""
    detect = tables_of(manifest, "detect")
    if not detect:
        return ""
    train, test, hold = (
        values_in_words({table[name] for table in detect})
        for name in ("memorized", "generalized", "hold")
    )
    held = "" if hold == "1" else f" for {hold} readings in a row"
    return (
        f"A net has memorized when its accuracy on training rows is above {train}{held}, and "
        f"generalized when its accuracy on test rows is above {test}{held}."
    )


def tables_of(manifest: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """A table of every setting of the study; none where study.json does not have them."""
    settings = manifest.get("settings")
    found = settings.values() if isinstance(settings, Mapping) else ()
    return [setting[name] for setting in found]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
