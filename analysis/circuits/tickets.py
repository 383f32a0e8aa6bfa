"""The lottery ticket: a circuit rewound to its initial weights and trained alone.

Data, labels and the order of rows are those of the trial. The other neurons are removed.

Source: the authors' code of arXiv 2303.11873; Frankle and Carbin 2018, arXiv 1803.03635.
"""

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.circuits.history import Circuits, History
from analysis.circuits.through_training import WHOLE_NET
from study.detect.detector import GrokkingDetector
from study.detect.watch import Watch, transitions
from study.engine.protocol import Engine
from study.training.snapshots import snapshots
from study.vocabulary.outcomes import BROKEN

TICKETS = ("generalizing", "control")  # the winning ticket, and a random ticket of its size


@dataclass(frozen=True, slots=True)
class TicketRun:
    """How the training of a ticket went: a row of `tickets`."""

    ticket: str
    neurons: int
    memorized_epoch: int | None
    generalized_epoch: int | None
    epochs_run: int
    final_train_accuracy: float
    final_test_accuracy: float


def tickets(history: History, circuits: Circuits, engine: Engine | None = None) -> pd.DataFrame:
    """When each ticket memorizes and generalizes, beside the whole net: a row each.

    A ticket is watched as long as its trial was, and read at every epoch. An event is null where
    the ticket did not have the event by the last epoch.

    Args:
        history: of the trial.
        circuits: of the trial, as `find_circuits` gives them.
        engine: that trains the tickets; None: the engine that would train the trial.

    Returns: the columns of `TicketRun`.
    """
    row = history.row
    whole = TicketRun(
        WHOLE_NET,
        history.trial.point.width,
        row["memorized_epoch"],
        row["generalized_epoch"],
        row["epochs_run"],
        row["final_train_accuracy"],
        row["final_test_accuracy"],
    )
    runs = [_train(history, name, circuits[name], engine) for name in TICKETS if name in circuits]
    frame = pd.DataFrame([asdict(run) for run in (whole, *runs)])
    events = ["memorized_epoch", "generalized_epoch"]
    return frame.astype(dict.fromkeys(events, pd.Int64Dtype()))


def _train(
    history: History, name: str, neurons: NDArray[np.int64], engine: Engine | None
) -> TicketRun:
    """Train only these neurons, to the trial's last epoch or until nothing can change.

    Args:
        history: of the trial whose weights, data and budget the ticket has.
        name: of the ticket.
        neurons: that are trained, [neurons].
        engine: that trains; None: the engine that would train the trial.
    """
    trial = history.trial
    detect = trial.setting.detect
    detector = GrokkingDetector(detect.memorized, detect.generalized, detect.hold)
    watch = Watch.start([trial.train_size], [trial.test_size])
    epochs = range(history.row["epochs_run"] + 1)
    for shot in snapshots(trial, epochs, engine, neurons.tolist()):
        reading = shot.reading
        train_correct, test_correct = reading.train_correct, reading.test_correct
        watch = detector.update(
            watch, shot.epoch, train_correct, test_correct, reading.weight_norm, reading.active
        )
        if detector.ended(watch)[0] in BROKEN:
            break
    events = transitions(watch)
    return TicketRun(
        name,
        len(neurons),
        events["memorized_epoch"][0],
        events["generalized_epoch"][0],
        shot.epoch,
        float(train_correct[0] / trial.train_size),
        float(test_correct[0] / trial.test_size),
    )
