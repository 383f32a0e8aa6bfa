"""One trial's circuits as lines for people."""

from analysis.circuits.trial_circuits import TrialCircuits
from analysis.formats import as_table


def circuit_lines(trial: TrialCircuits) -> list[str]:
    """A heading, sentences about the circuits, and the tables that have rows."""
    facts = trial.facts
    memorized, generalized = facts.memorized_epoch, facts.generalized_epoch
    parts = [] if memorized is None else [f"memorized at epoch {memorized}"]
    parts += [] if generalized is None else [f"generalized at epoch {generalized}"]
    lines = [f"trial {facts.trial_id}: {', '.join([*parts, trial.replay_sentence])}"]
    lines += trial.lacking
    if facts.overlap is not None:
        lines.append(
            f"overlap (Jaccard) of memorizing and generalizing circuit: {facts.overlap:.3f}; "
            f"{facts.contained:.0%} of the generalizing neurons are memorizing neurons, too"
        )
    if facts.kinds is not None:
        lines.append(f"the generalizing circuit has neurons of {facts.kinds} kinds")
    if trial.construction is not None:
        near = trial.construction
        lines.append(
            f"the construction nearest to it is that of {near.construction}: {near.distance:.2f} "
            f"apart in weights, {near.behavior:.2f} in what neurons add (0: the same, 1.41: "
            "nothing in common)"
        )
    tables = {
        "circuits": trial.circuits,
        "survivors": trial.survivors,
        "tickets": trial.tickets,
    }
    for title, frame in tables.items():
        if len(frame):
            lines += ["", f"{title}:", as_table(frame.round(3))]
    return lines
