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
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import torch

from study.engine.choose import pick_engine
from study.engine.protocol import Engine
from study.errors import StoreError
from study.store.manifest import missing
from study.store.retry import CLOSING_SECONDS, PATIENCE_SECONDS, patiently, retried
from study.store.store import Store
from study.training.pack_run import Finished, PackRun
from study.trials.pack import Pack

CHECKPOINT_SECONDS = 30.0
REPORT_SECONDS = 2.0
EARLY_DEATHS = 2  # in a row, of processes that left no word and no checkpoint

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pack is: its epoch, its open members, and of those trained by this run their count.

    `generalized` counts those among the trained that generalized.
    """

    epoch: int
    open: int
    trained: int
    generalized: int


# A running pack reports how far it is, or the error of its store that it waits out.
Reports = Generator[Progress | StoreError, None, T]


def run_pack(
    pack: Pack, store: Store, engine: Engine | None = None, report_seconds: float = REPORT_SECONDS
) -> Reports[None]:
    """Train a pack into a store, from its checkpoint if it left one.

    Yields progress every `report_seconds`, and once more when nothing is open. Where the store is
    full or out of order it yields that error instead, before each new attempt, and raises it after
    `PATIENCE_SECONDS`. Closing the iterator early leaves a consistent store: finished members
    flushed, the rest checkpointed.
    """
    engine = engine or pick_engine(pack.trials[0])
    keeper = _Keeper(store, pack, (yield from waiting_out(lambda: store.pack(pack.pack_id))))
    if not keeper.halved and not (yield from _train(pack, store, engine, report_seconds, keeper)):
        torch.cuda.empty_cache()
        keeper.halve()
    if keeper.halved:
        yield from _train_halves(pack, store, engine, report_seconds, keeper)


def waiting_out(act: Callable[[], T]) -> Generator[StoreError, None, T]:
    """What an operation on a store returns, tried again while the store is full or out of order."""
    attempts = retried(act, PATIENCE_SECONDS, StoreError)
    return (yield from attempts)  # type: ignore[misc]  # of the kind asked for


def _train(
    pack: Pack, store: Store, engine: Engine, report_seconds: float, keeper: "_Keeper"
) -> Reports[bool]:
    """Train a pack as one; returns False where memory is short for that."""
    lacking = list(pack.trials)
    if not keeper.fresh:
        lacking = yield from waiting_out(lambda: missing(store, pack.trials))
    to_train = {trial.trial_id for trial in lacking}
    members_open = len(to_train)
    yield from waiting_out(lambda: keeper.note("running", members_open))
    saved = yield from waiting_out(lambda: store.checkpoint(pack.pack_id))
    reported = checkpointed = time.monotonic()
    run = None
    try:
        run = _begun(pack, engine, saved, to_train)
        while run.open:
            keeper.take(run.advance())
            now = time.monotonic()
            if now - reported >= report_seconds and run.open:
                yield from waiting_out(keeper.flush)
                if now - checkpointed >= CHECKPOINT_SECONDS:
                    yield from waiting_out(partial(keeper.checkpoint, run))
                    checkpointed = now
                reported = now
                yield keeper.progress(run)
        yield from waiting_out(keeper.finish)
    except GeneratorExit:
        if run is not None:
            patiently(partial(keeper.leave, run), CLOSING_SECONDS, StoreError)
        raise
    except StoreError:
        raise  # the store cannot be told
    except Exception as error:
        if memory_is_short(error) and len(pack.trials) > 1:
            return False
        members_open = run.open if run is not None else members_open
        keeper.count_failure(error)
        yield from waiting_out(lambda: keeper.note("failed", members_open))
        raise
    yield keeper.progress(run)
    return True


def _train_halves(
    pack: Pack, store: Store, engine: Engine, report_seconds: float, keeper: "_Keeper"
) -> Reports[None]:
    """Train a pack as two, each with a state and a checkpoint of its own."""
    trained, generalized, epoch = 0, 0, 0
    middle = len(pack.trials) // 2
    halves = [Pack(pack.trials[:middle]), Pack(pack.trials[middle:])]
    lacking = yield from waiting_out(lambda: [len(missing(store, h.trials)) for h in halves])
    yield from waiting_out(lambda: keeper.note("halved", sum(lacking)))
    yield from waiting_out(lambda: store.drop_checkpoint(pack.pack_id))  # it is of the whole
    for number, half in enumerate(halves):
        if not lacking[number]:
            continue
        later = sum(lacking[number + 1 :])
        progress = Progress(0, lacking[number], 0, 0)
        try:
            with contextlib.closing(run_pack(half, store, engine, report_seconds)) as running:
                for report in running:
                    if isinstance(report, StoreError):
                        yield report
                        continue
                    progress = report
                    if progress.open + later:
                        yield Progress(
                            progress.epoch,
                            progress.open + later,
                            trained + progress.trained,
                            generalized + progress.generalized,
                        )
        except GeneratorExit:
            left = progress.open + later
            patiently(partial(keeper.note, "pending", left), CLOSING_SECONDS, StoreError)
            raise
        except StoreError:
            raise
        except Exception as error:
            keeper.count_failure(error)
            yield from waiting_out(partial(keeper.note, "failed", progress.open + later))
            raise
        trained, generalized = trained + progress.trained, generalized + progress.generalized
        epoch = max(epoch, progress.epoch)
    yield from waiting_out(lambda: keeper.note("done", 0))
    yield Progress(epoch, 0, trained, generalized)


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

    def __init__(self, store: Store, pack: Pack, known: Mapping[str, Any]) -> None:
        self._store, self._pack_id = store, pack.pack_id
        self._pending: list[Finished] = []  # members that have ended since the last flush
        self._stamp: int | None = None  # of their part, from the first attempt to write it
        self._trained, self._generalized = 0, 0
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
        self._error: str | None = None

    def take(self, finished: Finished | None) -> None:
        """Take in members that have ended."""
        if finished:
            self._pending.append(finished)
            self._trained += len(finished.trials)
            self._generalized += sum(
                row["generalized_epoch"] is not None for row in finished.trials
            )

    def progress(self, run: PackRun) -> Progress:
        """How far the pack is."""
        return Progress(run.epoch, run.open, self._trained, self._generalized)

    def note(self, state: str, members_open: int) -> None:
        """Say in packs/<pack>.json how the pack is."""
        beat = datetime.now(UTC).isoformat(timespec="seconds")
        error = self._error if state == "failed" else None
        now = {"state": state, "open": members_open, "error": error, "heartbeat": beat}
        self._state = {**self._state, **now}
        self._store.write_pack(self._pack_id, self._state)

    def count_failure(self, error: Exception) -> None:
        """Remember that this attempt has failed, and why."""
        self._state["failures"] = int(self._state["failures"]) + 1
        self._error = f"{type(error).__name__}: {error}"

    def halve(self) -> None:
        """Say that memory is short for the pack as one."""
        self.halved = self._state["halved"] = True

    def checkpoint(self, run: PackRun) -> None:
        """Leave what the next attempt goes on from."""
        self._store.write_checkpoint(self._pack_id, run.checkpoint())
        self._state["saved"] = True
        self.note("running", run.open)

    def leave(self, run: PackRun) -> None:
        """Put everything in order for whoever goes on."""
        if not run.open:
            return self.finish()
        self.flush()
        self.checkpoint(run)
        return self.note("pending", run.open)

    def finish(self) -> None:
        """Put everything in order for good."""
        self.flush()
        self._store.drop_checkpoint(self._pack_id)
        self.note("done", 0)

    def flush(self) -> None:
        """Write the members that have ended since the last flush, as one part."""
        if not self._pending:
            return
        self._stamp = self._stamp or time.time_ns()  # one part, however often it is tried
        trials = [row for finished in self._pending for row in finished.trials]
        names: Mapping[str, Any] = self._pending[0].readings
        readings = {name: [v for f in self._pending for v in f.readings[name]] for name in names}
        self._store.write_rows(self._pack_id, trials, readings, self._stamp)
        self._pending, self._stamp = [], None
