"""One pack as a Ray Tune trainable. All of its memory is the store, so any actor can go on."""

import socket
from typing import Any

from ray.tune import Trainable

from study.patience import PATIENCE_SECONDS
from study.runner import run_pack
from study.store import Store
from study.trials import Pack
from study.versions import skew, versions

MAX_FAILURES = 3  # of one pack, with an error of its own: a fourth attempt would end no better


class PackTrainable(Trainable):
    """Trains the pack that `config["pack_id"]` names in the store at `config["store"]`.

    A step is a few seconds of training. Tune's own checkpoints are not used: a pack resumes from
    the store, whoever runs it next. A pack that has failed too often ends without training, and
    says so: Tune's own count is of lost processes and machines, which are nobody's fault. Where the
    driver's `config["versions"]` are not those here, nothing is trained, and `skew` says why.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin, or go on from where an earlier attempt got to."""
        store = Store.open(config["store"], PATIENCE_SECONDS)
        known = store.pack(config["pack_id"])
        self._set_aside = int(known.get("failures", 0)) >= MAX_FAILURES
        self._open = int(known.get("open", len(known["members"]["members"])))
        self._progress = run_pack(Pack.from_json(known["members"]), store)
        differs = skew(versions(), config["versions"])
        self._skew = f"{socket.gethostname()}: {differs}" if differs else ""

    def step(self) -> dict[str, Any]:
        """Train a few seconds and report how many members are open, trained and grokked."""
        if self._set_aside or self._skew:
            nothing = {"members_trained": 0, "members_grokked": 0, "epoch": 0}
            why = {"set_aside": self._set_aside, "skew": self._skew, "done": self._set_aside}
            return {**nothing, "members_open": self._open, **why}
        progress = next(self._progress)
        return {
            "members_open": progress.open,
            "members_trained": progress.trained,
            "members_grokked": progress.grokked,
            "epoch": progress.epoch,
            "set_aside": False,
            "skew": "",
        }

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process: no new actor, no import of torch."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Leave a consistent store: finished members flushed, the rest checkpointed."""
        self._progress.close()
