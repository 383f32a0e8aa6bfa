"""One pack as a Ray Tune trainable. Its memory is the store: any worker can go on with the pack."""

import contextlib
import dataclasses
import socket
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ray.tune import Trainable

from study.driver.reports import PackReport
from study.driver.versions import skew, versions
from study.errors import StoreError
from study.store.store import Store

if TYPE_CHECKING:
    from study.training.runner import Reports

# Attempts of one pack that end in an error of its own: a fourth attempt would end no better.
MAX_FAILURES = 3
_T = TypeVar("_T")


class PackTrainable(Trainable):
    """Trains the pack `config["pack_id"]` of the store at `config["store"]`.

    A step is a few seconds of training, or of waiting for the store. Each step returns the fields
    of a PackReport. Tune's own checkpoints are not used: a pack resumes from the store, whichever
    worker runs it next.

    A pack that has failed MAX_FAILURES times is set aside and not trained. Tune's own count does
    not serve for that: it counts lost workers and machines, which are not the pack's fault. Where
    `config["versions"]`, the driver's, differ from the versions here, nothing is trained and every
    report names the difference.
    """

    def setup(self, config: Mapping[str, Any]) -> None:
        """Take a pack; the first step begins it, or goes on from the store's checkpoint."""
        self._latest = PackReport()
        self._reports = self._work(config["store"], config["pack_id"], config["versions"])

    def step(self) -> dict[str, object]:
        """Train for a few seconds; returns a report."""
        return next(self._reports).to_result()

    def reset_config(self, new_config: Mapping[str, Any]) -> bool:
        """Take the next pack in the same process: no new worker, no second import of torch."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Leave a consistent store: finished members flushed, the rest checkpointed."""
        self._reports.close()

    def _work(
        self, store_url: str, pack_id: str, driver_versions: Mapping[str, str]
    ) -> Generator[PackReport]:
        """All reports on a pack, from its beginning."""
        if differs := skew(versions(), driver_versions):
            while True:  # until the driver ends the study
                yield dataclasses.replace(self._latest, skew=f"{socket.gethostname()}: {differs}")
        from study.training import runner  # noqa: PLC0415  imports torch; the driver needs none

        store = yield from self._reported(runner.waiting_out(lambda: Store.open(store_url)))
        record = yield from self._reported(runner.waiting_out(lambda: store.packs.read(pack_id)))
        if record.failures >= MAX_FAILURES:
            members_open = record.members_open
            yield dataclasses.replace(self._latest, members_open=members_open, set_aside=True)
            return
        yield from self._reported(runner.run_pack(store.packs.pack(pack_id, record), store))

    def _reported(self, reports: "Reports[_T]") -> Generator[PackReport, None, _T]:
        """The reports on some work as PackReports; returns what the work returns."""
        with contextlib.closing(reports):
            while True:
                try:
                    report = next(reports)
                except StopIteration as end:
                    return cast("_T", end.value)
                if isinstance(report, StoreError):
                    yield dataclasses.replace(self._latest, waiting=str(report))
                    continue
                self._latest = PackReport(
                    members_open=report.open,
                    members_trained=report.trained,
                    members_generalized=report.generalized,
                    epoch=report.epoch,
                )
                yield self._latest
