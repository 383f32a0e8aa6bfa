"""Counts how far a study is from the reports of its packs: in trials, never in packs."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from ray.tune import Callback
from ray.tune.experiment import Trial

from study.driver.reports import PackReport
from study.plan.plan import Plan
from study.terminal.display import StudyProgress

SHOW_SECONDS = 0.5  # between two updates of the display


def sizes_of(plan: Plan) -> dict[str, int]:
    """How many members each pack of a plan has to train."""
    return {
        pack.pack_id: sum(trial.trial_id in plan.missing for trial in pack.trials)
        for pack in plan.packs
    }


class ProgressCallback(Callback):
    """Adds up the reports of all packs and hands the sum to a display, at most twice a second.

    Args:
        plan: of the study; its trials that are stored count as done.
        display: is shown the sum.
        generalized: how many of the trials that are stored have generalized.
    """

    def __init__(
        self, plan: Plan, display: Callable[[StudyProgress], None], generalized: int = 0
    ) -> None:
        self._planned, self._done_before, self._display = plan.planned, plan.done, display
        self._sizes: dict[str, int] = {}
        self.extend(sizes_of(plan))
        # Generalized trials that were stored before this run, or by an attempt before a retry.
        self._generalized_before = generalized
        self._latest: dict[str, PackReport] = {}
        self._running: set[str] = set()
        self._failed: set[str] = set()
        self._began = self._shown = time.monotonic()

    def __getstate__(self) -> dict[str, object]:
        # Tune pickles its callbacks for a restore, which never happens here. The display holds
        # locks, which cannot be pickled.
        return {**self.__dict__, "_display": None}

    def extend(self, sizes: Mapping[str, int]) -> None:
        """Count more packs; `sizes` has the members that each has to train, by the pack's id."""
        self._sizes = {**sizes, **self._sizes}

    def begin_round(self, sizes: Mapping[str, int]) -> None:
        """Count the packs of a new round; the packs of the round before have stopped."""
        self._running.clear()
        self.extend(sizes)

    def on_trial_start(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack begins, or begins again."""
        pack_id = trial.config["pack_id"]
        self._running.add(pack_id)
        if report := self._latest.get(pack_id):
            self._generalized_before += report.members_generalized
            self._latest[pack_id] = replace(report, members_generalized=0)

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: Mapping[str, object],
        **_: object,
    ) -> None:
        """A pack has trained a few seconds more, or waits for its store."""
        report = PackReport.of(result)
        if report.waiting:
            return
        self._latest[trial.config["pack_id"]] = report
        if time.monotonic() - self._shown >= SHOW_SECONDS:
            self.show()

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack has no open member, or is set aside after errors of its own."""
        pack_id = trial.config["pack_id"]
        self._running.discard(pack_id)
        if pack_id in self._latest and self._latest[pack_id].set_aside:
            self._failed.add(pack_id)

    def on_trial_recover(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack has lost its process, and waits for another."""
        self._running.discard(trial.config["pack_id"])

    def on_trial_error(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: object
    ) -> None:
        """A pack has lost its process, and waits for another round."""
        self._running.discard(trial.config["pack_id"])

    def give_up(self, pack_ids: Iterable[str]) -> None:
        """Count packs as failed for good, and show the sum."""
        self._failed.update(pack_ids)
        self.show()

    def show(self) -> None:
        """Hand the sum to the display now."""
        open_members = {
            pack: self._latest[pack].members_open if pack in self._latest else size
            for pack, size in self._sizes.items()
        }
        trained = sum(self._sizes.values()) - sum(open_members.values())
        generalized = sum(report.members_generalized for report in self._latest.values())
        self._show(
            self._planned,
            sum(open_members[pack] for pack in self._running),
            self._done_before + trained,
            self._generalized_before + generalized,
            sum(open_members[pack] for pack in self._failed),
        )

    def end(self, plan: Plan, generalized: int, failed: int) -> None:
        """Show what the store holds at the end of a run: stopped packs no longer report.

        Args:
            plan: of the study, made from the store at the end.
            generalized: how many of the stored trials have generalized.
            failed: how many trials are in packs that were given up.
        """
        self._show(plan.planned, 0, plan.done, generalized, failed, over=True)

    def _show(
        self,
        planned: int,
        running: int,
        done: int,
        generalized: int,
        failed: int,
        *,
        over: bool = False,
    ) -> None:
        self._shown = time.monotonic()
        rate = (done - self._done_before) / max(self._shown - self._began, 1e-9)
        left = (planned - done - failed) / rate if rate else None
        self._display(StudyProgress(planned, running, done, generalized, failed, rate, left, over))
