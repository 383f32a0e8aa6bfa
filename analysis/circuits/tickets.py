"""The lottery ticket: a circuit rewound to its initial weights and trained alone.

Data, labels and the order of rows stay the trial's own; only the other neurons are gone.

Source: the authors' code of arXiv 2303.11873; Frankle and Carbin 2018, arXiv 1803.03635.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.circuits.history import Circuits, History
from analysis.circuits.through_training import WHOLE
from study.detect.detector import GrokkingDetector, Watch, transitions
from study.engine.protocol import Engine
from study.training.replay import snapshots
from study.trials.trial import Trial

TICKETS = ("generalizing", "control")  # the winning ticket, and a random one of its size


def tickets(history: History, circuits: Circuits, engine: Engine | None = None) -> pd.DataFrame:
    """When each ticket memorises and generalises, beside the whole net: a row each.

    Columns: ticket, neurons, memorized_epoch, generalized_epoch, epochs_run, final_train_accuracy,
    final_test_accuracy. A ticket is watched as long as its trial was, and read at every epoch; a
    null event is one that it had not had by then.
    """
    row, width = history.row, history.trial.point.width
    whole = {name: row[name] for name in _COLUMNS}
    rows = [{"ticket": WHOLE, "neurons": width, **whole}]
    for name in TICKETS:
        if name in circuits:
            outcome = _train(history.trial, circuits[name], int(row["epochs_run"]), engine)
            rows.append({"ticket": name, "neurons": len(circuits[name]), **outcome})
    frame = pd.DataFrame(rows)
    events = ["memorized_epoch", "generalized_epoch"]
    return frame.astype(dict.fromkeys(events, pd.Int64Dtype()))


_COLUMNS = (
    *("memorized_epoch", "generalized_epoch", "epochs_run"),
    *("final_train_accuracy", "final_test_accuracy"),
)


def _train(
    trial: Trial, neurons: NDArray[np.int64], last: int, engine: Engine | None
) -> dict[str, Any]:
    """Train only these neurons of a trial, to its last epoch or until nothing can change."""
    detect = trial.setting.detect
    detector = GrokkingDetector(detect.memorized, detect.generalized, detect.hold)
    seen = Watch.start([trial.train_size], [trial.test_size])
    for shot in snapshots(trial, range(last + 1), engine, neurons.tolist()):
        reading = shot.reading
        counts = reading.train_correct, reading.test_correct
        seen = detector.update(seen, shot.epoch, *counts, reading.weight_norm, reading.active)
        if detector.ended(seen)[0] in {"collapsed", "diverged"}:
            break
    moved = transitions(seen)
    return {
        **{name: moved[name][0] for name in _COLUMNS[:2]},
        "epochs_run": shot.epoch,
        "final_train_accuracy": float(counts[0][0] / trial.train_size),
        "final_test_accuracy": float(counts[1][0] / trial.test_size),
    }
