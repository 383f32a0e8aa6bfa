"""One pack through training and store: serial, no Ray; what every Ray worker runs.

Members are flushed to the store as they end, the rest is checkpointed there every
`CHECKPOINT_SECONDS`, and a pack goes on from its checkpoint bit for bit.
"""

import os
import socket
import time
import zipfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch

from study.engine import Engine, ReluEngine
from study.fused import FusedEngine, Library
from study.modules import ModuleEngine
from study.plan import missing
from study.problems import NETS
from study.store import Store
from study.training import Finished, PackRun
from study.trials import Pack, Trial

CHECKPOINT_SECONDS = 30.0
REPORT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pack is: its epoch, its members still open, and those that this run has trained."""

    epoch: int
    open: int
    trained: int
    grokked: int


def pick_engine(trial: Trial) -> Engine:
    """The fastest engine here for a trial: the fused kernel on a CPU, torch's everywhere else.

    A net with a home is a module, and any module's engine trains it.
    """
    device = trial.setting.resources.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if NETS[trial.setting.net].home is not None:
        return ModuleEngine(device)
    if device == "cpu" and FusedEngine.trains(trial) and Library.load() is not None:
        return FusedEngine()
    return ReluEngine(device)


def run_pack(
    pack: Pack, store: Store, engine: Engine | None = None, report_seconds: float = REPORT_SECONDS
) -> Generator[Progress]:
    """Train a pack into a store, from its checkpoint if it left one.

    Yields progress every `report_seconds`, and once more when nothing is open. Closing the
    iterator early leaves a consistent store: finished members flushed, the rest checkpointed.
    """
    engine = engine or pick_engine(pack.trials[0])
    keeper = _Keeper(store, pack)
    to_train = {trial.trial_id for trial in missing(store, pack.trials)}
    run = _resumed(pack, engine, store.checkpoint(pack.pack_id))
    if run is None or not to_train <= {trial.trial_id for trial in run.members}:
        run = PackRun(pack, engine)
    run.drop(trial.trial_id for trial in pack.trials if trial.trial_id not in to_train)
    trained, grokked = 0, 0
    reported = checkpointed = time.monotonic()
    pending: list[Finished] = []
    keeper.note("running", run.open)
    try:
        while run.open:
            finished = run.advance()
            if finished:
                pending.append(finished)
                trained += len(finished.trials)
                grokked += sum(row["generalized_epoch"] is not None for row in finished.trials)
            now = time.monotonic()
            if now - reported >= report_seconds and run.open:
                keeper.flush(pending)
                if now - checkpointed >= CHECKPOINT_SECONDS:
                    store.write_checkpoint(pack.pack_id, run.checkpoint())
                    keeper.note("running", run.open)
                    checkpointed = now
                reported = now
                yield Progress(run.epoch, run.open, trained, grokked)
    except GeneratorExit:
        keeper.flush(pending)
        store.write_checkpoint(pack.pack_id, run.checkpoint())
        keeper.note("pending", run.open)
        raise
    except Exception as error:
        keeper.note("failed", run.open, error=f"{type(error).__name__}: {error}")
        raise
    keeper.flush(pending)
    store.drop_checkpoint(pack.pack_id)
    keeper.note("done", 0)
    yield Progress(run.epoch, 0, trained, grokked)


def _resumed(pack: Pack, engine: Engine, saved: bytes | None) -> PackRun | None:
    """The run that a checkpoint saw; None where there is none, or it is damaged."""
    if saved is None:
        return None
    run = PackRun(pack, engine)
    try:
        run.restore(saved)
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile):
        return None  # nothing is lost but time: the pack is trained from its start
    return run


class _Keeper:
    """What a running pack leaves in the store beside its checkpoint: its state and its rows."""

    def __init__(self, store: Store, pack: Pack) -> None:
        self._store, self._pack_id = store, pack.pack_id
        known = store.pack(pack.pack_id)
        self._state = {
            "members": pack.to_json(),
            **known,
            "attempts": int(known.get("attempts", 0)) + 1,
            "node": socket.gethostname(),
            "process": os.getpid(),
        }

    def note(self, state: str, members_open: int, error: str | None = None) -> None:
        """Say in packs/<pack>.json how the pack is."""
        beat = datetime.now(UTC).isoformat(timespec="seconds")
        now = {"state": state, "open": members_open, "error": error, "heartbeat": beat}
        self._state = {**self._state, **now}
        self._store.write_pack(self._pack_id, self._state)

    def flush(self, pending: list[Finished]) -> None:
        """Write the members that have ended since the last flush, as one part."""
        if not pending:
            return
        trials = [row for finished in pending for row in finished.trials]
        names: Mapping[str, Any] = pending[0].readings
        readings = {name: [v for f in pending for v in f.readings[name]] for name in names}
        self._store.write_rows(self._pack_id, trials, readings)
        pending.clear()
