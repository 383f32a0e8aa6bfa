"""From transitions to phases: what each trial did, and what the seeds of a cell did together.

The phases, the presets that tell them apart and the flags beside them are the three tables below;
classifier, legends and help read them. A phase follows from when a trial memorised and when it
generalised; how training ended afterwards is a flag. A cell is all trials of one point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.statistics import kaplan_meier_medians, wilson_interval
from study.errors import unknown
from study.vocabulary.axes import AXES


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase as answers: memorised? generalised? and if both, late? None where it may be either.

    A net that generalises without ever memorising first counts as comprehension.
    """

    memorized: bool | None
    generalized: bool
    late: bool
    meaning: str


# Of phases equally frequent in a cell, the first here names it.
PHASES: dict[str, Phase] = {
    "comprehension": Phase(
        memorized=None,
        generalized=True,
        late=False,
        meaning="generalised, not long after memorising",
    ),
    "grokking": Phase(
        memorized=True, generalized=True, late=True, meaning="generalised long after memorising"
    ),
    "memorization": Phase(
        memorized=True, generalized=False, late=False, meaning="memorised, not generalised"
    ),
    "confusion": Phase(memorized=False, generalized=False, late=False, meaning="neither"),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """What counts as an event, and what as late.

    Late is a generalised epoch of at least `ratio` times the memorised one, and a delay between
    them of at least `delay_epochs` and `delay_steps`.
    """

    memorized: str
    generalized: str
    ratio: float
    delay_epochs: int
    delay_steps: int
    meaning: str


PRESETS: dict[str, Preset] = {
    "default": Preset(
        "memorized_epoch", "generalized_epoch", 2, 5, 0,
        "thresholds of the study; late: twice the epoch and 5 epochs",
    ),
    "liu": Preset(
        "memorized_epoch_90", "generalized_epoch_90", 1, 0, 1000,
        "accuracies of 0.90; late: 1,000 steps (Liu et al., arXiv 2205.10343)",
    ),
}  # fmt: skip

PATIENCE = 5  # decay times that a trial is watched before "not yet" may be read as "not"
FOREVER = 2**62  # an epoch after every other
PARTIAL = 0.75  # test accuracy halfway between a coin's and a perfect one

FLAGS: dict[str, str] = {
    "semi_grokking": (
        f"memorised and, watched for {PATIENCE} decay times, still between {PARTIAL} and the "
        "threshold on test rows: partial generalisation, after Varma et al., arXiv 2309.02390"
    ),
    "ungrokked": (
        "generalised, and lost it again while training went on (arXiv 2309.02390); judged at "
        "stored readings only, so late or unseen where these are far apart"
    ),
    "collapsed": "the weights decayed to nothing",
    "diverged": "the loss was no longer a number",
    "short_watched": (
        f"not generalised, and watched for less than {PATIENCE} decay times of "
        "1 / (learning_rate * weight_decay) steps"
    ),
}


def find_preset(name: str) -> Preset:
    """A preset by name; raises UsageError where there is none."""
    if name not in PRESETS:
        raise unknown("a preset", name, PRESETS)
    return PRESETS[name]


def classify(trials: pd.DataFrame, preset: str = "default") -> pd.DataFrame:
    """The trials with a `phase` and one boolean column a flag.

    Without weight decay there is no decay time, and no budget that could clear the flag: such
    trials are never short-watched. Semi-grokking is read from the last test accuracy, since a
    trial's row does not say when a partial rise began.

    Args: trials as `load_trials` gives them; preset, a name in `PRESETS`.
    Raises: UsageError for an unknown preset.
    """
    rule = find_preset(preset)
    memorized, generalized = trials[rule.memorized], trials[rule.generalized]
    delay = generalized - memorized
    late = (
        (generalized >= rule.ratio * memorized)
        & (delay >= rule.delay_epochs)
        & (delay * trials["steps_per_epoch"] >= rule.delay_steps)
    )
    answers = {
        "memorized": memorized.notna().to_numpy(bool),
        "generalized": generalized.notna().to_numpy(bool),
        "late": late.to_numpy(bool, na_value=False),
    }
    phase = np.empty(len(trials), np.intp)
    for code, definition in enumerate(PHASES.values()):
        wanted = {name: getattr(definition, name) for name in answers}
        fits = [answers[name] == value for name, value in wanted.items() if value is not None]
        phase[np.logical_and.reduce(fits)] = code

    ended, accuracy = trials["ended"], trials["final_test_accuracy"]
    steps = (trials["epochs_run"] * trials["steps_per_epoch"]).to_numpy(float)
    rate = (trials["learning_rate"] * trials["weight_decay"]).to_numpy(float)
    stopped_early = ended.isin(["collapsed", "diverged"]).to_numpy(bool)
    undecided = ~answers["generalized"] & ~stopped_early
    short = undecided & (steps * rate < PATIENCE) & (rate > 0)
    flags = {
        "semi_grokking": undecided & answers["memorized"] & ~short & (accuracy >= PARTIAL),
        "ungrokked": trials["ungrokked_epoch"].notna(),
        "collapsed": ended == "collapsed",
        "diverged": ended == "diverged",
        "short_watched": short,
    }
    return trials.assign(
        phase=_named(phase),
        **{name: np.asarray(flags[name], bool) for name in FLAGS},
    )


def cells(
    trials: pd.DataFrame, by: Sequence[str] = ("setting", *AXES), preset: str = "default"
) -> pd.DataFrame:
    """One row a cell, in the order of its keys: counts, the phase, and when it generalised.

    Columns: those of `by` (null is a value: online rows have no train_size); `trials`; the count
    of each phase and of each flag; `phase`, the most frequent one, and its `phase_share`;
    `generalized`, how many did, with the Wilson interval `generalized_low`..`generalized_high` of
    that share; `memorized_median_epoch` and `generalized_median_epoch`, Kaplan-Meier, null where
    half is not reached; `watched_epochs`, the longest; `short_watched_share`; and `hatched`, true
    where at least half of the cell is short-watched, so that its phase may be impatience.

    Trials that collapsed or diverged stay at risk for ever in the medians, since they will never
    generalise: half of a cell's trials have to, not half of those that live.

    Raises: UsageError for an unknown preset; KeyError for a column of `by` that is missing.
    """
    labelled = classify(trials, preset)
    keys = list(by)
    group = labelled.groupby(keys, dropna=False, sort=True).ngroup().to_numpy().astype(np.intp)
    first = np.unique(group, return_index=True)[1]
    points: pd.DataFrame = labelled[keys].take(first).reset_index(drop=True)
    return points.join(_tally(labelled, group, preset))


def summary(trials: pd.DataFrame, preset: str = "default") -> pd.DataFrame:
    """One row a phase: trials, share of all, and the median epochs of its two events."""
    labelled = classify(trials, preset)
    phase = labelled["phase"].cat.codes.to_numpy().astype(np.intp)
    table = pd.DataFrame({"phase": list(PHASES)})
    table["trials"] = np.bincount(phase, minlength=len(PHASES))
    table["share"] = table["trials"] / max(len(trials), 1)
    return table.join(_medians(labelled, phase, len(PHASES), preset))


def _tally(labelled: pd.DataFrame, group: NDArray[np.intp], preset: str) -> pd.DataFrame:
    """The computed columns of `cells`; group (N,) numbers each trial's cell."""
    sizes = np.bincount(group)
    count = len(sizes)
    codes = labelled["phase"].cat.codes.to_numpy()
    counts = np.bincount(group * len(PHASES) + codes, minlength=count * len(PHASES))
    counts = counts.reshape(count, len(PHASES))
    flags = {
        name: np.bincount(group, labelled[name], minlength=count).astype(np.int64) for name in FLAGS
    }
    happened = labelled[find_preset(preset).generalized].notna()
    generalized = np.bincount(group, happened, minlength=count).astype(np.int64)
    low, high = wilson_interval(generalized, sizes)
    watched = np.zeros(count, np.int64)
    np.maximum.at(watched, group, labelled["epochs_run"].to_numpy(np.int64))
    tally = pd.DataFrame(
        {
            "trials": sizes,
            **{name: counts[:, code] for code, name in enumerate(PHASES)},
            "phase": _named(counts.argmax(axis=1)),
            "phase_share": counts.max(axis=1, initial=0) / sizes,
            "generalized": generalized,
            "generalized_low": low,
            "generalized_high": high,
            **flags,
            "short_watched_share": flags["short_watched"] / sizes,
            "hatched": 2 * flags["short_watched"] >= sizes,
            "watched_epochs": watched,
        }
    )
    return tally.join(_medians(labelled, group, count, preset))


def _named(codes: NDArray[np.intp]) -> "pd.Categorical[str]":
    return pd.Categorical.from_codes(codes, pd.Index(list(PHASES)))


def _medians(
    labelled: pd.DataFrame, group: NDArray[np.intp], count: int, preset: str
) -> pd.DataFrame:
    """Kaplan-Meier median epochs of both events.

    An event found at sparse readings counts at the reading that showed it.
    """
    rule = find_preset(preset)
    events = {"memorized": rule.memorized, "generalized": rule.generalized}
    # Where a preset has events of its own, the row does not say where an unfinished run began.
    own = {name: column == f"{name}_epoch" for name, column in events.items()}
    watched = {
        name: labelled[f"{name}_after_epoch" if own[name] else "epochs_run"] for name in events
    }
    never = labelled["ended"].isin(["collapsed", "diverged"])
    return pd.DataFrame(
        {
            f"{name}_median_epoch": kaplan_meier_medians(
                group, labelled[column], watched[name].mask(never, FOREVER), count
            )
            for name, column in events.items()
        }
    )
