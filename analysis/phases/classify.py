"""From transitions to phases: what each trial did.

A phase follows from when a trial memorized and when it generalized. How training ended afterwards
is a flag. The phases, the presets that tell them apart, and the flags are the three tables below;
classifier, legends and the page's cards read the tables.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.phases.watching import watched_for, watched_for_less
from study.errors import UsageError, unknown
from study.vocabulary.columns import CROSSINGS, after_column
from study.vocabulary.outcomes import BROKEN, Ended


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase as three answers about a trial; `phase_rules` says it in words.

    A net that generalizes without memorizing first counts as comprehension.

    Attributes:
        memorized: whether the trial memorized; None: either.
        generalized: whether the trial generalized.
        late: whether a trial that memorized and generalized did so late, as `Preset` says.
    """

    memorized: bool | None
    generalized: bool
    late: bool


# Where several phases are the most frequent in a cell, the first of them here names the cell.
PHASES: dict[str, Phase] = {
    "comprehension": Phase(memorized=None, generalized=True, late=False),
    "grokking": Phase(memorized=True, generalized=True, late=True),
    "memorization": Phase(memorized=True, generalized=False, late=False),
    "confusion": Phase(memorized=False, generalized=False, late=False),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """Which columns hold the events, and when generalizing counts as late.

    A trial generalized late if all three hold: its epoch is at least `ratio` times the epoch of
    memorizing, and the delay is at least `delay_epochs` and at least `delay_steps`.

    Attributes:
        memorized: the column with the epoch of memorizing.
        generalized: the column with the epoch of generalizing.
        ratio, delay_epochs, delay_steps: as above.
    """

    memorized: str
    generalized: str
    ratio: float
    delay_epochs: int
    delay_steps: int


PRESETS: dict[str, Preset] = {
    "default": Preset("memorized_epoch", "generalized_epoch", 2, 5, 0),
    # Accuracies of 0.90, and 1,000 steps: Liu et al., arXiv 2205.10343.
    "liu": Preset("memorized_epoch_90", "generalized_epoch_90", 1, 0, 1000),
    # The rule of the default preset at the first readings above a level, however briefly.
    **{
        f"at_{level}": Preset(f"memorized_epoch_{level}", f"generalized_epoch_{level}", 2, 5, 0)
        for level in CROSSINGS
    },
}

# The columns that phases by the default preset are made of, and the medians of its events.
PHASE_COLUMNS = (
    "weight_decay", "learning_rate", "steps_per_epoch", "epochs_run", "ended", "memorized_epoch",
    "memorized_after_epoch", "generalized_epoch", "generalized_after_epoch", "ungrokked_epoch",
    "final_test_accuracy",
)  # fmt: skip

# A trial that was watched for less may still generalize. In analysis/data/scaling, of the trials
# that had only memorized, 31% generalized between 5 and 15 decay times, and 3% between 20 and 60:
# docs/phases.md.
LEAST_DECAY_TIMES = 20
PARTIAL = 0.75  # a test accuracy halfway between that of a coin and 1

FLAGS: dict[str, str] = {
    "semi_grokking": (
        f"memorized and, watched for {LEAST_DECAY_TIMES} decay times, still between {PARTIAL} and "
        "the threshold on test rows: partial generalization, after Varma et al., arXiv 2309.02390"
    ),
    "ungrokked": "generalized, and lost it again while training went on (arXiv 2309.02390)",
    "collapsed": Ended.COLLAPSED.sentence,
    "diverged": Ended.DIVERGED.sentence,
    "short_watched": (
        f"not generalized, and watched for less than {LEAST_DECAY_TIMES} decay times of "
        "1 / (learning_rate * weight_decay) steps"
    ),
}


def find_preset(name: str) -> Preset:
    """A preset by name; raises UsageError for an unknown one."""
    if name not in PRESETS:
        raise unknown("a preset", name, PRESETS)
    return PRESETS[name]


def preset_at(threshold: float) -> str:
    """The preset for an accuracy whose first crossings are stored.

    Args:
        threshold: of both events, from 0 to 1.

    Raises: UsageError for an accuracy whose crossings are not stored.
    """
    for level in CROSSINGS:
        if abs(100 * threshold - level) < 1e-9:
            return f"at_{level}"
    stored = ", ".join(f"{level / 100:g}" for level in CROSSINGS)
    raise UsageError(
        f"{threshold:g}; a store holds when accuracies first passed {stored}. Use one of these, or "
        "give a new study detect.memorized and detect.generalized."
    )


def phase_rules(name: str = "default") -> dict[str, str]:
    """The rule of each phase in words, with the numbers of a preset.

    Args:
        name: in `PRESETS`.
    Raises: UsageError for an unknown preset.
    """
    preset = find_preset(name)
    waits = [f"{preset.ratio:g} times that epoch"] if preset.ratio > 1 else []
    waits += [f"{preset.delay_epochs:,} epochs after"] if preset.delay_epochs else []
    waits += [f"{preset.delay_steps:,} steps after"] if preset.delay_steps else []
    return {
        "comprehension": "generalized sooner than a net that groks",
        "grokking": "generalized long after memorizing: no sooner than " + " and ".join(waits),
        "memorization": "memorized, and had not generalized when training ended",
        "confusion": "neither memorized nor generalized",
    }


def columns_of_preset(name: str) -> tuple[str, ...]:
    """The columns that phases by a preset are made of, and the medians of its events.

    Args:
        name: of the preset.

    Raises: UsageError for an unknown preset.
    """
    rule = find_preset(name)
    events = (rule.memorized, rule.generalized)
    return tuple(dict.fromkeys((*PHASE_COLUMNS, *events, *map(after_column, events))))


def classify(
    trials: pd.DataFrame, preset: str = "default", patience: float | None = None
) -> pd.DataFrame:
    """The trials with a column `phase`, one for each flag, and `delay`, from event to event.

    A trial without weight decay has no decay time, and no budget would be long enough. Such a trial
    is never short-watched. Semi-grokking is read from the last test accuracy, since a
    trial's row does not say when a partial rise began.

    Args:
        trials: as `load_trials` gives them.
        preset: a name in `PRESETS`.
        patience: in decay times: classify each trial as if it had been watched for no longer, as
            `watched_for` gives it. Short-watched is then what was watched for less than this
            patience. Whether a trial that was cut is semi-grokking is not known: it has no flag.
            None: trials as they were watched.

    Raises: UsageError for an unknown preset.
    """
    rule = find_preset(preset)
    if patience is not None:
        trials = watched_for(trials, patience)
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
    least = LEAST_DECAY_TIMES if patience is None else patience
    flags = _flags(trials, answers["memorized"], answers["generalized"], least)
    return trials.assign(phase=phases_by_code(phase), delay=delay, **flags)


def _flags(
    trials: pd.DataFrame,
    memorized: NDArray[np.bool_],
    generalized: NDArray[np.bool_],
    least: float,
) -> dict[str, NDArray[np.bool_]]:
    """The column of each flag, [trials].

    Args:
        trials: as `load_trials` gives them.
        memorized: whether each trial memorized, [trials].
        generalized: whether each trial generalized, [trials].
        least: decay times; what was watched for less is short-watched.
    """
    ended, accuracy = trials["ended"], trials["final_test_accuracy"]
    undecided = ~generalized & ~ended.isin(list(BROKEN)).to_numpy(bool)
    watched_long = ~watched_for_less(trials, LEAST_DECAY_TIMES)
    flags = {
        "semi_grokking": undecided & memorized & watched_long & (accuracy >= PARTIAL),
        "ungrokked": trials["ungrokked_epoch"].notna(),
        "collapsed": ended == Ended.COLLAPSED,
        "diverged": ended == Ended.DIVERGED,
        "short_watched": undecided & watched_for_less(trials, least),
    }
    return {name: np.asarray(flags[name], bool) for name in FLAGS}


def phases_by_code(codes: NDArray[np.intp]) -> "pd.Categorical[str]":
    """The names of phases, given as indices into `PHASES`, as a categorical column."""
    return pd.Categorical.from_codes(codes, pd.Index(list(PHASES)))
