"""What a worker reports on its pack, as a Tune result and back."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PackReport:
    """How far a pack is. The counts are of its members; a retry counts `members_trained` anew.

    `members_trained` and `members_generalized` count what this worker has trained of the pack.
    `epoch` is that of the members still in training. `set_aside` says that the pack has failed too
    often and is not trained any more. `skew` names the versions of a machine that differ from the
    driver's, and `waiting` the error of the store that the worker waits out; both are "" normally.
    """

    members_open: int = 1  # until a worker has read the pack's file
    members_trained: int = 0
    members_generalized: int = 0
    epoch: int = 0
    set_aside: bool = False
    skew: str = ""
    waiting: str = ""

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "PackReport":
        """The report in a Tune result, which holds keys of Tune's own, too."""
        names = (field.name for field in dataclasses.fields(cls))
        return cls(**{name: result[name] for name in names if name in result})

    def to_result(self) -> dict[str, object]:
        """The report as a Tune result; `done` ends the Tune trial of a pack that is set aside."""
        return {**dataclasses.asdict(self), **({"done": True} if self.set_aside else {})}
