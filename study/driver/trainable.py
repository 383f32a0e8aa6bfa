"""One pack as a Ray Tune trainable. All of its memory is the store, so any actor can go on."""

import contextlib
import socket
from collections.abc import Generator, Mapping
from typing import Any, TypeVar

from ray.tune import Trainable

from study.driver.versions import skew, versions
from study.errors import StoreError
from study.store.store import Store
from study.training.runner import Reports, run_pack, waiting_out
from study.trials.pack import Pack

MAX_FAILURES = 3  # of one pack, with an error of its own: a fourth attempt would end no better
T = TypeVar("T")


class PackTrainable(Trainable):
    """Trains the pack that `config["pack_id"]` names in the store at `config["store"]`.

    A step is a few seconds of training, or of waiting for the store; `waiting` then says for what.
    Tune's own checkpoints are not used: a pack resumes from the store, whoever runs it next. A pack
    that has failed too often ends without training, and says so: Tune's own count is of lost
    processes and machines, which are nobody's fault. Where the driver's `config["versions"]` are
    not those here, nothing is trained, and `skew` says why.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin, or go on from where an earlier attempt got to, with the first step."""
        self._latest = {
            "members_open": 1,  # until it is known
            "members_trained": 0,
            "members_generalized": 0,
            "epoch": 0,
            "set_aside": False,
            "skew": "",
            "waiting": "",
        }
        self._reports = self._work(config)

    def step(self) -> dict[str, Any]:
        """Train a few seconds; report how many members are open, trained and generalized."""
        return next(self._reports)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process: no new actor, no import of torch."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Leave a consistent store: finished members flushed, the rest checkpointed."""
        self._reports.close()

    def _work(self, config: Mapping[str, Any]) -> Generator[dict[str, Any]]:
        """All reports on a pack, from its beginning."""
        if differs := skew(versions(), config["versions"]):
            while True:  # until the study has ended
                yield {**self._latest, "skew": f"{socket.gethostname()}: {differs}"}
        store = yield from self._told(waiting_out(lambda: Store.open(config["store"])))
        known = yield from self._told(waiting_out(lambda: store.pack(config["pack_id"])))
        if int(known.get("failures", 0)) >= MAX_FAILURES:
            members_open = int(known.get("open", len(known["members"]["members"])))
            nothing_done = {"members_open": members_open, "set_aside": True, "done": True}
            yield {**self._latest, **nothing_done}
            return
        yield from self._told(run_pack(Pack.from_json(known["members"]), store))

    def _told(self, reports: Reports[T]) -> Generator[dict[str, Any], None, T]:
        """What Tune is told of some work; returns what the work returns."""
        with contextlib.closing(reports):
            while True:
                try:
                    report = next(reports)
                except StopIteration as end:
                    return end.value  # type: ignore[no-any-return]  # as in `patiently`
                if isinstance(report, StoreError):
                    yield {**self._latest, "waiting": str(report)}
                    continue
                self._latest |= {
                    "members_open": report.open,
                    "members_trained": report.trained,
                    "members_generalized": report.generalized,
                    "epoch": report.epoch,
                }
                yield dict(self._latest)
