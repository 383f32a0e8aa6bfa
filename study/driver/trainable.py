"""One pack as a Ray Tune trainable. All of its memory is the store, so any actor can go on."""

from typing import Any

from ray.tune import Trainable

from study.runner import run_pack
from study.store import Store
from study.trials import Pack


class PackTrainable(Trainable):
    """Trains the pack that `config["pack_id"]` names in the store at `config["store"]`.

    A step is a few seconds of training. Tune's own checkpoints are not used: a pack resumes from
    the store, whoever runs it next.
    """

    def setup(self, config: dict[str, Any]) -> None:
        """Begin, or go on from where an earlier attempt got to."""
        store = Store.open(config["store"])
        pack = Pack.from_json(store.pack(config["pack_id"])["members"])
        self._progress = run_pack(pack, store)

    def step(self) -> dict[str, Any]:
        """Train a few seconds and report how many members are open, trained and grokked."""
        progress = next(self._progress)
        return {
            "members_open": progress.open,
            "members_trained": progress.trained,
            "members_grokked": progress.grokked,
            "epoch": progress.epoch,
        }

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next pack in the same process: no new actor, no import of torch."""
        self.cleanup()
        self.setup(new_config)
        return True

    def cleanup(self) -> None:
        """Leave a consistent store: finished members flushed, the rest checkpointed."""
        self._progress.close()
