"""What can learn a task: the table of nets.

A net is one row here and, where its engine trains modules, one class of its own. The row says what
is needed before anything is trained, without torch. The class is imported when a pack is drawn.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from study.errors import UsageError
from study.vocabulary.axes import AxisValues, Number, whole
from study.vocabulary.axis_values import AxesByName
from study.vocabulary.registration import check_new_row

NetEngine = Literal["relu", "module"]


def _any_values(_: AxesByName) -> None:
    """Any values of the axes will do."""


@dataclass(frozen=True, slots=True)
class Net:
    """A row of the table of nets.

    Attributes:
        axes: the net's own axes with their defaults.
        weights: how many weights a net of a point has.
        engine: which engine trains the net, and which measures can be taken of it: "relu" is the
            paper's network (`study.nets.relu`), "module" is any `study.nets.module_net.ModuleNet`.
        code: "package.module:Class" of the ModuleNet; None of the engine "relu".
        positions: at how many positions of one row each weight is used. `weights` times
            `positions` are the multiply-adds of a row.
        check: takes all axes of a setting, by name, and raises ValueError where their values break
            a rule of the net. The message is `key: value; rule. remedy.`
    """

    axes: Mapping[str, Number]
    weights: Callable[[AxisValues], int]
    engine: NetEngine
    code: str | None = None
    positions: int = 1
    check: Callable[[AxesByName], None] = _any_values

    def __post_init__(self) -> None:
        if (self.engine == "module") != (self.code is not None):
            raise UsageError(
                f"engine {self.engine!r} with code = {self.code!r}; a net of the engine "
                '"module" names its class, and no other does. Write code = "package.module:Class".'
            )


def _heads_share_the_width(axes: AxesByName) -> None:
    for width, heads in itertools.product(axes["width"].lattice, axes["heads"].lattice):
        if isinstance(width, int) and isinstance(heads, int) and width % heads:
            raise ValueError(
                f"axes.heads: {heads} with width = {width}; heads share the width equally. "
                "Use a width that the heads divide, or pair them in [[settings]]."
            )


def _relu_weights(values: AxisValues) -> int:
    return whole(values, "width") * (whole(values, "n") + 2)


def _transformer_weights(values: AxisValues) -> int:
    width = whole(values, "width")
    in_blocks = whole(values, "layers") * (12 * width + 9)
    return width * (2 * whole(values, "modulus") + 6 + in_blocks)


def _mlp_weights(values: AxisValues) -> int:
    width, modulus = whole(values, "width"), whole(values, "modulus")
    return width * (3 * modulus + 1) + modulus


NETS: dict[str, Net] = {
    "relu": Net({"width": 1000}, _relu_weights, engine="relu"),
    "transformer": Net(
        {"width": 128, "layers": 2, "heads": 4},
        _transformer_weights,
        engine="module",
        code="study.nets.transformer:Transformer",
        positions=3,  # a, b, =
        check=_heads_share_the_width,
    ),
    "mlp": Net({"width": 128}, _mlp_weights, engine="module", code="study.nets.mlp:Mlp"),
}


def register_net(name: str, net: Net) -> None:
    """Add a net of one's own to the table of nets, for this process.

    Registration is per process. `study run` trains in processes of its own: see
    `study.vocabulary.registration` for how each of them registers the net.

    Args:
        name: what a study file writes as `net = "name"`.
        net: the row.
    Raises: UsageError where the name is taken or no name, or an axis is not in `AXES`.
    """
    check_new_row("net", name, NETS, net.axes)
    NETS[name] = net
