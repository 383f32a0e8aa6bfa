"""Prints what a study waits for and what it loses, and ends a study that cannot go on.

Tune itself prints nothing of it. A worker that dies is started again, for ever if every worker
dies, and a pack for which no node has room waits for ever.
"""

import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial

from study.driver.pack_resources import cluster_nodes, waiting_text
from study.driver.reports import PackReport
from study.errors import StoreError
from study.store.retry import SAY_EVERY_SECONDS, WaitNotices
from study.store.store import Store
from study.vocabulary.outcomes import PackStatus

# The study ends when so many workers in a row have died before they began a pack, over at least so
# many seconds, and no pack is running: then no worker will ever begin a pack. The time counts
# because a large machine starts many workers at once, and the first deaths may have freed memory
# for the others.
DEATHS, DEATH_SECONDS = 3, 60.0
# The study ends when so many workers in a row cannot use a store that the driver can use.
STORE_FAILURES = 3
# Seconds without a running pack until a line is printed, and from one line to the next.
ROOM_SECONDS, ROOM_AGAIN_SECONDS = 30.0, 300.0
_LONGEST_REASON = 300  # letters

_COLORS = re.compile(r"\x1b\[[0-9;]*m")
_STORE_ERROR = re.compile(r"^(?:study\.errors\.)?StoreError: (.*)")


class StudyWatch(Callback, Stopper):
    """Prints the losses and waits of a study; `fatal` says why the study cannot go on, or "".

    Args:
        store: of the study.
        say: prints a line for the user.
    """

    def __init__(self, store: Store, say: Callable[[str], None]) -> None:
        self._store, self._say = Store(store.url), say
        self.fatal = ""
        self._running: set[str] = set()
        self._members_open: dict[str, int] = {}
        self._room_due = time.monotonic() + ROOM_SECONDS
        self._deaths: list[float] = []
        self._store_failures = 0
        self._waiting: set[str] = set()
        self._waits = WaitNotices(say)
        self._printed: dict[str, float] = {}  # when a kind of loss was last printed

    def __getstate__(self) -> dict[str, object]:
        # Tune pickles its callbacks for a restore, which never happens here. `say` holds a display,
        # which cannot be pickled.
        return {"fatal": self.fatal}

    def __call__(self, _trial_id: str, _result: Mapping[str, object]) -> bool:
        """No pack is stopped alone."""
        return False

    def stop_all(self) -> bool:
        """Whether the study cannot go on."""
        return bool(self.fatal)

    def on_step_begin(self, iteration: int, trials: list[Trial], **_: object) -> None:
        """Several times a second: say what packs wait for, if none has run for a while."""
        now = time.monotonic()
        if self._running:
            self._room_due = now + ROOM_SECONDS
        elif now >= self._room_due:
            self._room_due = now + ROOM_AGAIN_SECONDS
            pending = [trial for trial in trials if trial.status == "PENDING"]
            if pending and (asked := pending[0].placement_group_factory):
                self._say(waiting_text(asked.required_resources, cluster_nodes()))

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A worker has begun a pack."""
        self._running.add(trial.config["pack_id"])
        self._deaths.clear()

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: Mapping[str, object],
        **_: object,
    ) -> None:
        """A worker reports on its pack."""
        pack_id = trial.config["pack_id"]
        report = PackReport.of(result)
        if report.waiting:
            self._waiting.add(pack_id)
            self._waits.tell(report.waiting)
            return
        self._deaths.clear()
        self._no_longer_waiting(pack_id)
        if report.members_open < self._members_open.get(pack_id, 0):
            self._store_failures = 0  # a row was stored
        self._members_open[pack_id] = report.members_open

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack is done, set aside or stopped."""
        self._running.discard(trial.config["pack_id"])
        self._no_longer_waiting(trial.config["pack_id"])

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack has lost its worker, and waits for another."""
        self._lost(trial)

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack has lost its worker, and waits for another round."""
        self._lost(trial)

    def _lost(self, trial: Trial) -> None:
        """A pack has lost its worker: print why, by what Tune wrote to the trial's error file."""
        pack_id = trial.config["pack_id"]
        begun = pack_id in self._running
        self._running.discard(pack_id)
        self._waiting.discard(pack_id)
        text = Path(trial.error_file).read_text("utf-8", "replace").split("Failure # ")[-1]
        reason = reason_in(text)
        if of_store := _STORE_ERROR.match(reason):
            self._lost_its_store(pack_id, of_store[1])
        elif begun:
            # Ray's text of an exception begins so; the text for a worker that died does not.
            raised = re.match(r".*\nray::", _COLORS.sub("", text))
            what = "failed" if raised else "lost its worker"
            self._say_loss(f"a pack has {what} and is begun again", reason)
        else:
            self._died_before_its_pack(reason)

    def _died_before_its_pack(self, reason: str) -> None:
        """A worker has died before it began a pack: end the study if every worker does."""
        self._deaths.append(time.monotonic())
        self._say_loss("a worker has died before it began a pack", reason)
        lasted = self._deaths[-1] - self._deaths[0]
        if len(self._deaths) >= DEATHS and lasted >= DEATH_SECONDS and not self._running:
            self.fatal = self.fatal or (
                f"{_short(reason)}; {len(self._deaths)} workers in a row have died of it before "
                "they began a pack. Mend that, and run the same command again."
            )

    def _lost_its_store(self, pack_id: str, error: str) -> None:
        """A worker could not use the store: go on if only the worker's machine cannot."""
        self._store_failures += 1
        only_there = "://" in self._store.url and self._store_failures < STORE_FAILURES
        try:
            # The pack is noted as pending, because a pack that stays `running` counts as one whose
            # worker ran out of memory, and is halved after two such losses.
            record = self._store.packs.read(pack_id)
            self._store.packs.write(pack_id, record.changed(status=PackStatus.PENDING))
        except StoreError:
            only_there = False
        if not only_there:
            self.fatal = self.fatal or (
                f"{error}. What is stored is safe, and the same command continues."
            )
        else:
            self._say_loss("a worker cannot use the store, its pack is begun again", error)

    def _no_longer_waiting(self, pack_id: str) -> None:
        if pack_id in self._waiting:
            self._waiting.remove(pack_id)
            if not self._waiting:
                self._waits.over()

    def _say_loss(self, what: str, reason: str) -> None:
        """Print a loss, unless a loss of the same kind was printed in the last half minute."""
        kind = what + re.sub(r"[\d.]+", "", reason)[:60]
        now = time.monotonic()
        if now - self._printed.get(kind, -SAY_EVERY_SECONDS) >= SAY_EVERY_SECONDS:
            self._printed[kind] = now
            self._say(f"{what}: {_short(reason)}")


def reason_in(text: str) -> str:
    """The line of Ray's error text that gives the reason."""
    lines = [line.strip() for line in _COLORS.sub("", text).splitlines() if line.strip()]
    memory_lines = [line for line in lines if "running low on memory" in line]
    return (memory_lines or lines[-1:] or ["no reason is known"])[0].rstrip(".")


def _short(reason: str) -> str:
    if len(reason) <= _LONGEST_REASON:
        return reason
    return f"{reason[:_LONGEST_REASON].rsplit(' ', 1)[0]} ..."
