"""One trial's circuits as an answer: facts, and tables of circuits, neurons and tickets."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pandas as pd

from analysis.circuits.constructions import Likeness
from analysis.circuits.history import History, find_circuits, lacking
from analysis.circuits.replays import ReplayedTrial, TrialFacts, replayed_trial
from analysis.circuits.through_training import WHOLE_NET, likeness, sensitivities, survivors
from analysis.circuits.tickets import tickets


@dataclass(frozen=True, slots=True)
class TrialCircuits:
    """One trial's circuits at the end of training, what they compute, and their tickets."""

    facts: TrialFacts
    moved: Mapping[str, float]  # what differs from the stored readings, as in `Replay.moved`
    construction: Likeness | None  # of the generalizing circuit
    circuits: pd.DataFrame  # a row for each circuit, and for the whole net
    survivors: pd.DataFrame  # the neurons of the generalizing circuit, as `survivors` gives them
    tickets: pd.DataFrame  # as `tickets` gives them
    lacking: Sequence[str]  # why the trial lacks a circuit, as `lacking` gives the sentences

    def facts_json(self) -> dict[str, object]:
        """The facts, `moved` and `construction`, as JSON takes them."""
        construction = None if self.construction is None else self.construction._asdict()
        return {**asdict(self.facts), "moved": dict(self.moved), "construction": construction}

    @property
    def replay_sentence(self) -> str:
        """How the replay compares with the readings stored."""
        if self.facts.exact:
            return "replayed exactly"
        moved = ", ".join(f"{name} by up to {by:.3g}" for name, by in self.moved.items())
        return f"the replay moved: {moved}"


def trial_circuits(history: History) -> tuple[TrialCircuits, ReplayedTrial]:
    """The answer about a trial that has been replayed, and the frames that its charts show.

    The frame `circuits` of the replayed trial has the column sensitivity, too.
    """
    circuits = find_circuits(history)
    replayed = replayed_trial(history, circuits)
    followed = replayed.circuits.merge(sensitivities(history, circuits), on=["epoch", "circuit"])
    last = followed[followed["epoch"] == followed["epoch"].max()].drop(columns="epoch")
    sizes = {name: len(neurons) for name, neurons in circuits.items()}
    sizes[WHOLE_NET] = history.row["width"]
    last.insert(1, "neurons", last["circuit"].map(sizes))
    generalizing = circuits.get("generalizing", np.array([], dtype=np.int64))
    summary = TrialCircuits(
        facts=replayed.facts,
        moved=history.moved,
        construction=likeness(history, generalizing),
        circuits=last.reset_index(drop=True),
        survivors=survivors(history, generalizing),
        tickets=tickets(history, circuits),
        lacking=lacking(history),
    )
    return summary, replace(replayed, circuits=followed)
