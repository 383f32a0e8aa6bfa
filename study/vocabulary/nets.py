"""What can learn a task: the table of nets."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

from study.vocabulary.tasks import Axes, Values, _no_rule


@dataclass(frozen=True, slots=True)
class Net:
    """A row of the table of nets.

    `axes` and `check` as of a task; `weights` counts them, and `positions` says at how many places
    of one row each is used: together the arithmetic of a row.
    """

    axes: Values
    weights: Callable[[Values], int]
    positions: int = 1
    home: str | None = None
    check: Callable[[Axes, int | None], None] = _no_rule

    @property
    def kind(self) -> str:
        """Which measures can be taken of it: those of "relu" or those of a "module"."""
        return "relu" if self.home is None else "module"


def _head_rules(axes: Axes, _: int | None) -> None:
    for width, heads in itertools.product(axes["width"].lattice, axes["heads"].lattice):
        if isinstance(width, int) and isinstance(heads, int) and width % heads:
            raise ValueError(
                f"axes.heads: {heads} with width = {width}; heads share the width equally. "
                "Use a width that the heads divide, or pair them in [[settings]]."
            )


def _transformer_weights(values: Values) -> int:
    width = values["width"]
    return int(width * (2 * values["modulus"] + 6 + values["layers"] * (12 * width + 9)))


NETS: dict[str, Net] = {
    "relu": Net({"width": 1000}, lambda values: int(values["width"] * (values["n"] + 2))),
    "transformer": Net(
        {"width": 128, "layers": 2, "heads": 4},
        _transformer_weights,
        positions=3,
        home="study.nets.transformer",
        check=_head_rules,
    ),
    "mlp": Net(
        {"width": 128},
        lambda values: int(values["width"] * (3 * values["modulus"] + 1) + values["modulus"]),
        home="study.nets.mlp",
    ),
}
