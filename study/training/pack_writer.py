"""What a running pack leaves in the store beside its checkpoint: its record and its rows."""

import os
import socket
import time
from datetime import UTC, datetime

from study.store.packs import PackRecord
from study.store.store import Store
from study.training.pack_run import Finished, PackRun
from study.trials.pack import Pack
from study.vocabulary.outcomes import PackStatus

# After so many attempts in a row whose process died before its first checkpoint, a pack is halved.
EARLY_DEATHS = 2


class PackWriter:
    """Writes the record and the rows of one attempt at a pack.

    It changes the store, its `record`, its counts, and the rows that wait for the next flush.
    """

    def __init__(self, store: Store, pack: Pack, before: PackRecord) -> None:
        """Begin an attempt.

        Args:
            store: of the study.
            pack: that is trained.
            before: the record that the attempt before has left.
        """
        self._store, self._pack_id = store, pack.pack_id
        self._unwritten: list[Finished] = []  # members that have ended since the last flush
        self._stamp: int | None = None  # in the name of their part, once its writing began
        self._error: str | None = None
        self.trained, self.generalized = 0, 0
        self.fresh = before.fresh
        # A process killed for its memory cannot record why. A lost machine cannot either, but the
        # same pack seldom loses two before its first checkpoint, and halving is never wrong.
        died_early = before.status is PackStatus.RUNNING and not before.saved
        deaths = before.early_deaths + 1 if died_early else 0
        self.record = before.changed(
            members=before.members or pack.to_json(),
            failures=before.failures,
            attempts=before.attempts + 1,
            early_deaths=deaths,
            halved=len(pack.trials) > 1 and (before.halved or deaths >= EARLY_DEATHS),
            fresh=False,
            saved=False,
            node=socket.gethostname(),
            process=os.getpid(),
        )

    def take(self, finished: Finished | None) -> None:
        """Take in the rows of members that have ended, if any have."""
        if finished:
            self._unwritten.append(finished)
            self.trained += len(finished.trials)
            self.generalized += sum(row["generalized_epoch"] is not None for row in finished.trials)

    def note(self, status: PackStatus, members_open: int) -> None:
        """Write the present status of the pack in the record.

        Args:
            status: of the pack; with FAILED the error that was counted last is also written.
            members_open: members that are still to train.
        """
        self.record = self.record.changed(
            status=status,
            open=members_open,
            error=self._error if status is PackStatus.FAILED else None,
            heartbeat=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._store.packs.write(self._pack_id, self.record)

    def count_failure(self, error: Exception) -> None:
        """Remember that this attempt has failed, and why; the next `note` writes it."""
        self.record = self.record.changed(failures=self.record.failures + 1)
        self._error = f"{type(error).__name__}: {error}"

    def halve(self) -> None:
        """Remember that memory is short for the whole pack; the next `note` writes it."""
        self.record = self.record.changed(halved=True)

    def checkpoint(self, run: PackRun) -> None:
        """Write what the next attempt goes on from."""
        self._store.packs.write_checkpoint(self._pack_id, run.checkpoint())
        self.record = self.record.changed(saved=True)
        self.note(PackStatus.RUNNING, run.open)

    def leave(self, run: PackRun) -> None:
        """Write everything that the next attempt needs, because this one stops."""
        if not run.open:
            return self.finish()
        self.flush()
        self.checkpoint(run)
        return self.note(PackStatus.PENDING, run.open)

    def finish(self) -> None:
        """Write the last rows and the end of the pack, and delete its checkpoint."""
        self.flush()
        self._store.packs.drop_checkpoint(self._pack_id)
        self.note(PackStatus.DONE, 0)

    def flush(self) -> None:
        """Write the members that have ended since the last flush, as one part of each table."""
        if not self._unwritten:
            return
        self._stamp = self._stamp or time.time_ns()  # one part, however often its writing is tried
        trials = [row for finished in self._unwritten for row in finished.trials]
        readings = {
            name: [value for finished in self._unwritten for value in finished.readings[name]]
            for name in self._unwritten[0].readings
        }
        self._store.tables.write_rows(self._pack_id, trials, readings, self._stamp)
        self._unwritten, self._stamp = [], None
