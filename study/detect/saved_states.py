"""Saved states of earlier epochs, for what a later epoch asks of them: falls, and readings."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.engine.protocol import Arrays, Engine, Glance, Indices, Reading


@dataclass(frozen=True, slots=True)
class SavedState:
    """The engine's state at an epoch, with the members that were open at that epoch.

    Members leave a pack, and the states of earlier epochs keep them. So a member has one index in
    the pack as it is now and another in each state. This class translates: its arguments name
    members by their index in the pack as it began, which never changes.
    """

    epoch: int
    members: Indices  # [M], as indices into the pack as it began, rising
    state: Any  # the engine's own

    def _index(self, members: Indices) -> Indices:
        """Members [m] as indices into the state."""
        return np.searchsorted(self.members, members)

    def read(self, engine: Engine, members: Indices, measures: tuple[str, ...]) -> Reading:
        """The reading of some members at this epoch.

        Args:
            engine: that made the state.
            members: [m].
            measures: names of the progress measures to take.
        """
        return engine.read(self.state, measures, self._index(members))

    def glance(
        self,
        engine: Engine,
        members: Indices,
        train_allowed: NDArray[np.int64],
        test_allowed: NDArray[np.int64],
    ) -> Glance:
        """A glance at some members at this epoch.

        Args:
            engine: that made the state.
            members: [m].
            train_allowed: most wrong training rows that matter, [m]; -1 passes the rows over.
            test_allowed: the same of the test rows, [m].
        Returns: what the glance proves of these members, each array [m].
        """
        index = self._index(members)
        allowed = np.full((2, len(self.members)), -1)
        allowed[:, index] = train_allowed, test_allowed
        whole = engine.glance(self.state, allowed[0], allowed[1])
        return Glance(
            whole.train_wrong[index],
            whole.test_wrong[index],
            whole.weight_norm[index],
            whole.active[index],
        )

    def dump(self, engine: Engine, members: Indices) -> Arrays:
        """The engine's arrays of some members, for a checkpoint.

        Args:
            engine: that made the state.
            members: [m], all in the state.
        """
        return engine.dump(engine.leave(self.state, self._index(members).tolist()))
