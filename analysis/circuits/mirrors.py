"""What a net knows of addition by commuting alone: test equations split by their mirror.

The mirror of a + b is b + a. A test equation is *mirrored* where its mirror is a training equation;
a + a is not. A net that has learned its training equations by heart, and that addition commutes, is
right on the mirrored ones and guesses on the others. Here are the accuracies on both kinds through
training, and when the net has learned which. The numbers come from a store's readings of the
measures `mirrored_accuracy` and `unmirrored_accuracy`; nothing is replayed.
"""

from collections.abc import Mapping

import pandas as pd

from analysis.statistics import spreads

MIRROR_MEASURES = ("mirrored_accuracy", "unmirrored_accuracy")
LEARNED = 0.98  # accuracy above which a kind of equations counts as learned

# The columns that a summary describes, each with its meaning.
MIRROR_FINDINGS = {
    "mirrored_at_memorizing": "accuracy on mirrored test equations when memorized",
    "unmirrored_at_memorizing": "accuracy on other test equations when memorized",
    "mirrored_epoch": f"mirrored test equations first above {LEARNED} at epoch",
    "unmirrored_then": "accuracy on other test equations at that epoch",
}


def are_mirrors_measured(readings: pd.DataFrame) -> bool:
    """Whether any of some readings has the accuracies by mirror."""
    return bool(readings[list(MIRROR_MEASURES)].notna().any(axis=None))


def mirror_findings(trials: pd.DataFrame, readings: pd.DataFrame) -> pd.DataFrame:
    """A row for each trial: trial_id, and the columns of MIRROR_FINDINGS.

    Args:
        trials: rows of the table `trials`.
        readings: of the trials.
    """
    by_trial = dict(list(readings.groupby("trial_id")))
    rows = [
        {
            "trial_id": row["trial_id"],
            **_facts(by_trial[row["trial_id"]].set_index("epoch"), row["memorized_epoch"]),
        }
        for _, row in trials.iterrows()
    ]
    frame = pd.DataFrame(rows, columns=["trial_id", *MIRROR_FINDINGS])
    return frame.astype({"mirrored_epoch": "Int64"})


def _facts(readings: pd.DataFrame, memorized_epoch: int | None) -> Mapping[str, float | None]:
    """The findings of one trial; None where it never memorized, or never learned the mirrored.

    Args:
        readings: of the trial, by epoch.
        memorized_epoch: of the trial, null where it never memorized.
    """
    mirrored, others = (readings[name] for name in MIRROR_MEASURES)
    learned = readings.index[mirrored > LEARNED]
    memorized = None if pd.isna(memorized_epoch) else memorized_epoch
    first = int(learned[0]) if len(learned) else None
    return {
        "mirrored_at_memorizing": mirrored.get(memorized),
        "unmirrored_at_memorizing": others.get(memorized),
        "mirrored_epoch": first,
        "unmirrored_then": others.get(first),
    }


def mirror_summary(findings: pd.DataFrame) -> pd.DataFrame:
    """For each row of MIRROR_FINDINGS: trials that have it, median, least and most.

    Args:
        findings: as `mirror_findings` gives them.
    """
    return spreads(findings.assign(setting="addition"), MIRROR_FINDINGS)
