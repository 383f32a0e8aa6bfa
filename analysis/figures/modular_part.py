"""Addition and division modulo a number: figure 4 of the paper, and addition by its mirrors.

The numbers come from `analysis.circuits.modular` and `analysis.circuits.mirrors`, and are drawn
here from the stored readings.
"""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from analysis.charts import epochs as epoch_charts
from analysis.circuits.mirrors import (
    MIRROR_MEASURES,
    are_mirrors_measured,
    mirror_findings,
    mirror_summary,
)
from analysis.circuits.modular import (
    choose_modular,
    modular_curves,
    modular_events,
    modular_findings,
    modular_summary,
)
from analysis.figures.album import Drawing, FigurePart, Plate
from analysis.tables.frames import load_readings


def modular_part(store_url: str | Path, trials: pd.DataFrame) -> FigurePart | None:
    """Figure 4 and the mirrors of addition, or None where the store has no trials for them.

    Args:
        store_url: path or URL of the store.
        trials: rows of its table `trials`.
    """
    by_task, left_out = choose_modular(trials)
    if not by_task:
        return None
    chosen = pd.concat(by_task.values())
    readings = load_readings(store_url, chosen)
    findings = modular_findings(chosen, readings)
    part = FigurePart([_figure_4(by_task, readings)], findings, modular_summary(findings), left_out)
    return _with_mirrors(part, by_task["addition"], readings) if "addition" in by_task else part


def _with_mirrors(part: FigurePart, trials: pd.DataFrame, readings: pd.DataFrame) -> FigurePart:
    """The part, and addition by its mirrors; or a sentence where these were not measured."""
    if not are_mirrors_measured(readings):
        why = f"readings.measures lacks {' and '.join(MIRROR_MEASURES)}"
        left_out = [*part.left_out, f"the mirrors of addition are left out: {why}"]
        return FigurePart(part.plates, part.trials, part.summary, left_out)
    findings = mirror_findings(trials, readings)
    return FigurePart(
        [*part.plates, _mirror_plate(trials, readings)],
        part.trials.merge(findings, on="trial_id", how="left"),
        pd.concat([part.summary, mirror_summary(findings)], ignore_index=True),
        part.left_out,
    )


def _figure_4(by_task: Mapping[str, pd.DataFrame], readings: pd.DataFrame) -> Plate:
    """Figure 4: a panel for each task, with the level that commuting reaches."""
    drawings = []
    for task, trials in by_task.items():
        frame = modular_curves(trials, readings)
        level = float(trials["commuting_share"].mean())
        chart = epoch_charts.seeds(frame, modular_events(trials), f"accuracy, {task}", level)
        drawings.append(Drawing(f"figure-4-{task}", chart, frame))
    point = next(iter(by_task.values())).iloc[0]
    caption = (
        "Across: the share of test equations whose numbers, swapped, are a training equation of "
        f"the same answer. Division does not commute. {_setting(point)}"
    )
    return Plate("Figure 4. Addition and division modulo a prime", caption, drawings)


def _mirror_plate(trials: pd.DataFrame, readings: pd.DataFrame) -> Plate:
    """Test accuracy on equations whose mirror was trained on, on the others, and on all."""
    frame = modular_curves(trials, readings, ("test", "mirrored", "unmirrored"))
    chart = epoch_charts.seeds(frame, modular_events(trials), "accuracy, addition")
    caption = (
        "The mirror of a + b is b + a; a + a has no mirror among the training equations. A net "
        "that knows its training equations, and that addition commutes, is right on the first "
        f"kind and guesses on the second. {_setting(trials.iloc[0])}"
    )
    return Plate(
        "Addition: test equations whose mirror was trained on, and the others",
        caption,
        [Drawing("addition-mirrors", chart, frame)],
    )


def _setting(point: pd.Series) -> str:
    """What the trials of a caption share, as sentences.

    Args:
        point: a row of the table `trials`.
    """
    layers = "" if pd.isna(point["layers"]) else f"layers {point['layers']}, "
    return (
        f"Modulo {point['modulus']}, {point['train_fraction']:.0%} for training; {point['net']}, "
        f"{layers}width {point['width']}, weight decay {point['weight_decay']:g}, "
        f"{point['batch_size']} equations a batch. A line is a seed; dotted, the median events."
    )
