"""One pack through training and store: serial, no Ray; what every Ray worker runs.

Members are flushed to the store as they end, the rest is checkpointed there every
`CHECKPOINT_SECONDS`, and a pack goes on from its checkpoint bit for bit. A pack for which memory is
short is trained as two halves, one after the other, and they as theirs.
"""

import contextlib
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
from study.errors import StoreError
from study.fused import FusedEngine, Library
from study.modules import ModuleEngine
from study.plan import missing
from study.problems import NETS
from study.store import Store
from study.training import Finished, PackRun
from study.trials import Pack, Trial

CHECKPOINT_SECONDS = 30.0
REPORT_SECONDS = 2.0
EARLY_DEATHS = 2  # in a row, of processes that left no word and no checkpoint


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
    if not keeper.halved and not (yield from _train(pack, store, engine, report_seconds, keeper)):
        torch.cuda.empty_cache()
        keeper.halve()
    if keeper.halved:
        yield from _train_halves(pack, store, engine, report_seconds, keeper)


def _train(
    pack: Pack, store: Store, engine: Engine, report_seconds: float, keeper: "_Keeper"
) -> Generator[Progress, None, bool]:
    """Train a pack as one; returns False where memory is short for that."""
    lacking = pack.trials if keeper.fresh else missing(store, pack.trials)
    to_train = {trial.trial_id for trial in lacking}
    members_open = len(to_train)
    keeper.note("running", members_open)
    trained, grokked = 0, 0
    reported = checkpointed = time.monotonic()
    pending: list[Finished] = []
    run = None
    try:
        run = _begun(pack, engine, store.checkpoint(pack.pack_id), to_train)
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
                    keeper.checkpoint(run)
                    keeper.note("running", run.open)
                    checkpointed = now
                reported = now
                yield Progress(run.epoch, run.open, trained, grokked)
    except GeneratorExit:
        if run is not None:
            keeper.flush(pending)
            keeper.checkpoint(run)
            keeper.note("pending", run.open)
        raise
    except StoreError:
        raise  # the store cannot be told
    except Exception as error:
        if memory_is_short(error) and len(pack.trials) > 1:
            return False
        keeper.note_failure(run.open if run is not None else members_open, error)
        raise
    keeper.flush(pending)
    store.drop_checkpoint(pack.pack_id)
    keeper.note("done", 0)
    yield Progress(run.epoch, 0, trained, grokked)
    return True


def _train_halves(
    pack: Pack, store: Store, engine: Engine, report_seconds: float, keeper: "_Keeper"
) -> Generator[Progress]:
    """Train a pack as two, each with a state and a checkpoint of its own."""
    trained, grokked, epoch = 0, 0, 0
    middle = len(pack.trials) // 2
    halves = [Pack(pack.trials[:middle]), Pack(pack.trials[middle:])]
    lacking = [len(missing(store, half.trials)) for half in halves]
    keeper.note("halved", sum(lacking))
    store.drop_checkpoint(pack.pack_id)  # it is of the whole
    for number, half in enumerate(halves):
        if not lacking[number]:
            continue
        later = sum(lacking[number + 1 :])
        progress = Progress(0, lacking[number], 0, 0)
        try:
            with contextlib.closing(run_pack(half, store, engine, report_seconds)) as running:
                for progress in running:
                    if progress.open + later:
                        yield Progress(
                            progress.epoch,
                            progress.open + later,
                            trained + progress.trained,
                            grokked + progress.grokked,
                        )
        except GeneratorExit:
            keeper.note("pending", progress.open + later)
            raise
        except StoreError:
            raise
        except Exception as error:
            keeper.note_failure(progress.open + later, error)
            raise
        trained, grokked = trained + progress.trained, grokked + progress.grokked
        epoch = max(epoch, progress.epoch)
    keeper.note("done", 0)
    yield Progress(epoch, 0, trained, grokked)


def memory_is_short(error: Exception) -> bool:
    """Whether an error says that a pack does not fit the memory, of the host or of a device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = ("not enough memory", "out of memory", "can't allocate memory")
    return isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)


def _begun(pack: Pack, engine: Engine, saved: bytes | None, to_train: set[str]) -> PackRun:
    """The run of these members, from a checkpoint if it has them all."""
    run = _resumed(pack, engine, saved)
    if run is None or not to_train <= {trial.trial_id for trial in run.members}:
        run = PackRun(pack, engine)
    run.drop(trial.trial_id for trial in pack.trials if trial.trial_id not in to_train)
    return run


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
    """What a running pack leaves in the store beside its checkpoint: its state and its rows.

    `halved`: whether memory is short for the pack as one. `fresh`: whether this is the first
    attempt since a plan that knew of no member's row.
    """

    def __init__(self, store: Store, pack: Pack) -> None:
        self._store, self._pack_id = store, pack.pack_id
        known = store.pack(pack.pack_id)
        self.fresh = bool(known.get("fresh"))
        # Whoever kills a process for its memory leaves it no last word. A lost machine neither, but
        # the same pack seldom loses two before its first checkpoint; and halves are never wrong.
        died_early = known.get("state") == "running" and not known.get("saved", True)
        deaths = (int(known.get("early_deaths", 0)) + 1) if died_early else 0
        self.halved = len(pack.trials) > 1 and (
            known.get("halved", False) or deaths >= EARLY_DEATHS
        )
        self._state = {
            "members": pack.to_json(),
            "failures": 0,
            **known,
            "attempts": int(known.get("attempts", 0)) + 1,
            "early_deaths": deaths,
            "halved": self.halved,
            "fresh": False,
            "saved": False,  # a checkpoint, by this attempt
            "node": socket.gethostname(),
            "process": os.getpid(),
        }

    def note(self, state: str, members_open: int, error: str | None = None) -> None:
        """Say in packs/<pack>.json how the pack is."""
        beat = datetime.now(UTC).isoformat(timespec="seconds")
        now = {"state": state, "open": members_open, "error": error, "heartbeat": beat}
        self._state = {**self._state, **now}
        self._store.write_pack(self._pack_id, self._state)

    def note_failure(self, members_open: int, error: Exception) -> None:
        """Say that this attempt has failed, and why."""
        self._state["failures"] = int(self._state["failures"]) + 1
        self.note("failed", members_open, f"{type(error).__name__}: {error}")

    def halve(self) -> None:
        """Say that memory is short for the pack as one."""
        self.halved = self._state["halved"] = True

    def checkpoint(self, run: PackRun) -> None:
        """Leave what the next attempt goes on from."""
        self._store.write_checkpoint(self._pack_id, run.checkpoint())
        self._state["saved"] = True

    def flush(self, pending: list[Finished]) -> None:
        """Write the members that have ended since the last flush, as one part."""
        if not pending:
            return
        trials = [row for finished in pending for row in finished.trials]
        names: Mapping[str, Any] = pending[0].readings
        readings = {name: [v for f in pending for v in f.readings[name]] for name in names}
        self._store.write_rows(self._pack_id, trials, readings)
        pending.clear()
