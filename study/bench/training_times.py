"""What training takes with our engines: seconds of one network and one epoch.

Networks are trained from their initial weights to given ends, usually the epochs where their trials
end, because early epochs cost more: every row still has a gradient.
"""

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from study.bench.stopwatch import seconds
from study.engine.fused import FusedState
from study.engine.protocol import Engine
from study.nets import relu
from study.training.pack_run import PackRun
from study.trials.pack import Pack
from study.trials.trial import Point, Trial

_FIRST_EPOCHS = 5


@dataclass(frozen=True, slots=True)
class Training:
    """Networks trained to their ends: seconds of an epoch, and the share of rows learned from.

    `state` is the engine's at the end: of the networks that took longest.
    """

    epoch: float  # seconds, mean over all epochs
    first: float  # seconds, median of the first epochs
    share: float  # of the rows, mean over all epochs
    first_share: float  # of the rows, mean of the first epochs
    state: Any


def _still_training(ends: Sequence[int]) -> Iterator[list[int]]:
    """For each epoch the members, as indices of `ends`, that have not reached their end."""
    for epoch in range(max(ends)):
        yield [member for member, end in enumerate(ends) if end > epoch]


def train(
    engine: Engine,
    trials: Sequence[Trial],
    ends: Sequence[int],
    each: Callable[[Any], object] | None = None,
) -> Training:
    """Train each trial to its own end, without readings.

    Args:
        engine: that trains.
        trials: of one pack.
        ends: epochs of each trial.
        each: called with the state before every epoch, inside the clock.
    """
    state, members = engine.allocate(trials), list(range(len(trials)))
    spent, shares = [], []
    for training in _still_training(ends):
        if len(training) < len(members):
            state = engine.leave(state, [members.index(member) for member in training])
            members = training
        before = state

        def one_epoch(before: Any = before) -> None:
            if each is not None:
                each(before)
            nonlocal state
            state = engine.step(before)

        spent.append((seconds(one_epoch, device=engine.device), len(members)))
        shares.append(learned_share(before, state))
    epochs = sum(count for _, count in spent)
    learned = sum(share * count for share, (_, count) in zip(shares, spent, strict=True))
    return Training(
        epoch=sum(second for second, _ in spent) / epochs,
        first=statistics.median(second / count for second, count in spent[:_FIRST_EPOCHS]),
        share=learned / epochs,
        first_share=statistics.fmean(shares[:_FIRST_EPOCHS]),
        state=state,
    )


@dataclass(frozen=True, slots=True)
class WholeTrials:
    """Networks trained as a study trains them: seconds of an epoch, all else of a trial included.

    `ends` are the epochs that each trial ran, in the pack's order.
    """

    epoch: float  # seconds of all trials over the epochs of all trials
    ends: list[int]


def study_trials(engine: Engine, pack: Pack) -> WholeTrials:
    """Train a pack as a study does, without a store.

    Drawing rows and weights, readings, detection, the log and the rows of the tables count.

    Args:
        engine: that trains.
        pack: of the trials.
    """
    ends: dict[str, int] = {}

    def whole() -> None:
        run = PackRun(pack, engine)
        while run.open:
            finished = run.advance()
            for row in finished.trials if finished else ():
                ends[str(row["trial_id"])] = cast("int", row["epochs_run"])

    spent = seconds(whole, device=engine.device)
    epochs = [ends[trial.trial_id] for trial in pack.trials]
    return WholeTrials(spent / sum(epochs), epochs)


def learned_share(before: Any, after: Any) -> float:
    """Share of the training rows with a slope in the pass between two states, 0 to 1.

    The fused kernel counts these rows. For the torch kernel they are counted as the pass begins.

    Args:
        before: the state before the pass.
        after: the state after the pass.
    """
    if isinstance(after, FusedState):
        return float(after.learned.mean()) / after.train.labels.shape[1]
    rows = before.data.train
    margins = relu.scores(before.nets, relu.hidden(before.nets, rows.inputs)) * rows.labels
    return float((margins < 1).double().mean().item())


def needed_flops(point: Point, share: float) -> float:
    """Arithmetic of an epoch that no implementation can leave out: multiplications and sums.

    X W on every row, and X^T G on the rows with a slope: 2 operations for each weight and row.

    Args:
        point: of the network.
        share: of the rows with a slope, 0 to 1.
    """
    return 2 * int(point.train_size or 0) * (point.bits + 1) * point.whole("width") * (1 + share)
