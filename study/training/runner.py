"""One pack through training and store: serial, without Ray; every Ray worker runs this.

Members are written to the store as they end. The rest is checkpointed there every
`CHECKPOINT_SECONDS`, and a pack goes on from its checkpoint bit for bit. A pack for which memory is
short is trained as two halves, one after the other. A half may be halved again.
"""

import contextlib
import time
import zipfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from study.engine.make import pick_engine
from study.engine.protocol import Engine
from study.errors import StoreError
from study.store.retry import CLOSING_SECONDS, RETRY_SECONDS, attempts, retry
from study.store.store import Store
from study.store.stored_rows import missing
from study.training.pack_run import PackRun
from study.training.pack_writer import PackWriter
from study.trials.pack import Pack
from study.vocabulary.outcomes import PackStatus

CHECKPOINT_SECONDS = 30.0
REPORT_SECONDS = 2.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the training of a pack is.

    Attributes:
        epoch: that its members have reached.
        open: members that are still training.
        trained: members that this attempt has trained to their end.
        generalized: how many of those trained have generalized.
    """

    epoch: int
    open: int
    trained: int
    generalized: int


# A running pack reports its progress. While it waits for its store, it reports the store's error.
Reports = Generator[Progress | StoreError, None, _T]


def run_pack(
    pack: Pack, store: Store, engine: Engine | None = None, report_seconds: float = REPORT_SECONDS
) -> Reports[None]:
    """Train a pack into a store, from its checkpoint if it has left one.

    Yields progress, and once more when no member is open. Where the store is full or out of order,
    that error is yielded before each new attempt, and raised after `RETRY_SECONDS`. Closing the
    iterator early leaves a consistent store: finished members written, the rest checkpointed.

    Args:
        pack: to train.
        store: that has the pack's record and checkpoint, and takes its rows.
        engine: by default the fastest one here for the pack.
        report_seconds: between two reports.
    """
    engine = engine or pick_engine(pack.trials[0])
    before = yield from waiting_out(lambda: store.packs.read(pack.pack_id))
    writer = PackWriter(store, pack, before)
    if not writer.record.halved:
        if (yield from _train(pack, store, engine, report_seconds, writer)):
            return
        torch.cuda.empty_cache()
        writer.halve()
    yield from _train_halves(pack, store, engine, report_seconds, writer)


def waiting_out(act: Callable[[], _T]) -> Generator[StoreError, None, _T]:
    """What an operation on a store returns, tried again while the store is full or out of order."""
    tries = attempts(act, RETRY_SECONDS, StoreError)
    return (yield from tries)  # type: ignore[misc]  # `tries` yields errors of the kind asked for


def _train(
    pack: Pack, store: Store, engine: Engine, report_seconds: float, writer: PackWriter
) -> Reports[bool]:
    """Train a pack as one; returns False where memory is short for that."""
    to_train = list(pack.trials)
    if not writer.fresh:
        to_train = yield from waiting_out(lambda: missing(store, pack.trials))
    members_open = len(to_train)
    yield from waiting_out(lambda: writer.note(PackStatus.RUNNING, members_open))
    saved = yield from waiting_out(lambda: store.packs.checkpoint(pack.pack_id))
    run = None
    try:
        run = _begun(pack, engine, saved, {trial.trial_id for trial in to_train})
        yield from _train_to_the_end(run, report_seconds, writer)
    except GeneratorExit:
        if run is not None:
            retry(partial(writer.leave, run), CLOSING_SECONDS, StoreError)
        raise
    except StoreError:
        raise  # the failure cannot be written to a store that fails
    except Exception as error:
        if memory_is_short(error) and len(pack.trials) > 1:
            return False
        members_open = run.open if run is not None else members_open
        writer.count_failure(error)
        yield from waiting_out(lambda: writer.note(PackStatus.FAILED, members_open))
        raise
    yield _progress(run, writer)
    return True


def _train_to_the_end(run: PackRun, report_seconds: float, writer: PackWriter) -> Reports[None]:
    """Train until no member is open; report, write and checkpoint on the way."""
    reported = checkpointed = time.monotonic()
    while run.open:
        writer.take(run.advance())
        now = time.monotonic()
        if now - reported >= report_seconds and run.open:
            yield from waiting_out(writer.flush)
            if now - checkpointed >= CHECKPOINT_SECONDS:
                yield from waiting_out(partial(writer.checkpoint, run))
                checkpointed = now
            reported = now
            yield _progress(run, writer)
    yield from waiting_out(writer.finish)


def _progress(run: PackRun, writer: PackWriter) -> Progress:
    return Progress(run.epoch, run.open, writer.trained, writer.generalized)


def _train_halves(
    pack: Pack, store: Store, engine: Engine, report_seconds: float, writer: PackWriter
) -> Reports[None]:
    """Train a pack as two packs, each with a state and a checkpoint of its own."""
    trained, generalized, epoch = 0, 0, 0
    middle = len(pack.trials) // 2
    halves = [Pack(pack.trials[:middle]), Pack(pack.trials[middle:])]
    lacking = yield from waiting_out(lambda: [len(missing(store, h.trials)) for h in halves])
    yield from waiting_out(lambda: writer.note(PackStatus.HALVED, sum(lacking)))
    # The checkpoint is of the whole pack, which no longer trains.
    yield from waiting_out(lambda: store.packs.drop_checkpoint(pack.pack_id))
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
            note = partial(writer.note, PackStatus.PENDING, progress.open + later)
            retry(note, CLOSING_SECONDS, StoreError)
            raise
        except StoreError:
            raise
        except Exception as error:
            writer.count_failure(error)
            note = partial(writer.note, PackStatus.FAILED, progress.open + later)
            yield from waiting_out(note)
            raise
        trained, generalized = trained + progress.trained, generalized + progress.generalized
        epoch = max(epoch, progress.epoch)
    yield from waiting_out(lambda: writer.note(PackStatus.DONE, 0))
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
    """The run that a checkpoint continues; None where there is none, or it is damaged."""
    if saved is None:
        return None
    run = PackRun(pack, engine)
    try:
        run.restore(saved)
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile):
        return None  # nothing is lost but time: the pack is trained from its start
    return run
