"""The verdicts of `analysis pairs` on the study `clock`, without its tables of pairs."""

import sys
from pathlib import Path

import analysis
from analysis.questions.pairs import pairs_of
from analysis.text.pairs_text import lines_of_pairs

CLOCK = Path(__file__).parents[1] / "analysis" / "data" / "clock"
WAITING, SOON = "train_size < 150", "train_size == 270"  # fixed in the study's file


def main() -> int:
    """Print the verdicts by event and setting, where nets wait and where they comprehend."""
    trials = analysis.load_trials(CLOCK)
    for where, events in (
        (WAITING, ("memorized", "delay", "generalized")),
        (SOON, ("generalized",)),
    ):
        sys.stdout.write(f"{where}\n")
        for event in events:
            for pairs in pairs_of(trials.query(where), event):
                sys.stdout.writelines(f"  {line}\n" for line in lines_of_pairs(pairs, event)[:3])
    return 0


if __name__ == "__main__":
    sys.exit(main())
