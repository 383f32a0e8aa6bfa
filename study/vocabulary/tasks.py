"""What can be learned and what can learn it: the tables of tasks and nets.

A task or a net is one file, its `home`, and one row here. A row says what must be known before
anything is trained, without torch: which axes it has and their defaults, how many rows there are,
which rules a study keeps. A home is imported when a pack is drawn.

The home of a task has `draw(trials, device, dtype)`, which gives the training and the test rows of
a pack as two `Rows`. It may have `commuting_share(trial)`, `changed(inputs, trial)` and
`cycle(trial)`, which `study.tasks.modular` explains. The home of a net has `build(trial)`, which
gives an `nn.Module` from inputs [N, ...] to outputs [N], a score whose sign is the label, or
[N, C], a score for each class. The module may have `neurons()` and `embedding()`, which
`study.nets.transformer` explains. A net without a home has an engine of its own.
"""

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from study.vocabulary.axes import ONLINE, Axis

MIN_TEST_ROWS = 100

# The axes of every task and net; their defaults are the parity study's.
COMMON = ("weight_decay", "learning_rate", "batch_size", "init_scale")

Values = Mapping[str, Any]  # of axes, by name: of one point
Axes = Mapping[str, Axis]


def home(address: str) -> Any:
    """The module that a row names; see above for what it has."""
    return importlib.import_module(address)


def _no_rule(_: Axes, __: int | None) -> None:
    """Any values of the axes will do."""


@dataclass(frozen=True, slots=True)
class Task:
    """A row of the table of tasks.

    `axes` are its own, with their defaults; `world` counts the rows there are, None if endless;
    `nets` and `losses` have the usual one first; `data` are the choices of the table [data] that
    not every task has; `defaults` are laid under a study file, table by table; `check` takes all
    axes and `data.equations`, and raises ValueError.
    """

    axes: Values
    nets: tuple[str, ...]
    losses: tuple[str, ...]
    home: str
    world: Callable[[Values], int | None]
    data: tuple[str, ...] = ()
    check: Callable[[Axes, int | None], None] = _no_rule
    defaults: Mapping[str, Values] = field(default_factory=dict)


def _parity_rules(axes: Axes, _: int | None) -> None:
    n_low, k_high = axes["n"].extreme(min), axes["k"].extreme(max)
    if k_high > n_low:
        raise ValueError(
            f"axes.k: {k_high:g} with n = {n_low:g}; parity is over k of the n bits, so k is "
            "at most n. Lower k, raise n, or pair them in [[settings]]."
        )
    rows = axes["train_size"].extreme(max)
    if ONLINE in axes["train_size"].values and n_low < 8:
        raise ValueError(
            f"axes.train_size: online with n = {n_low:g}; half of its 2^{n_low:g} rows are "
            f"kept for testing, at least {MIN_TEST_ROWS}. Raise n to at least 8."
        )
    if n_low < 64 and rows > 2**n_low - MIN_TEST_ROWS:
        room = int(2**n_low) - MIN_TEST_ROWS
        remedy = f"Use at most {room}, or raise n." if room > 0 else "Raise n to at least 7."
        raise ValueError(
            f"axes.train_size: {rows:g} with n = {n_low:g}; of its 2^{n_low:g} = "
            f"{2**n_low:g} rows at least {MIN_TEST_ROWS} are kept for testing. {remedy}"
        )


def _enough_equations(world: Callable[[Values], int]) -> Callable[[Axes, int | None], None]:
    """The rule that some equations are left for testing."""

    def check(axes: Axes, equations: int | None) -> None:
        modulus, fraction = axes["modulus"].extreme(min), axes["train_fraction"].extreme(max)
        there = world({"modulus": int(modulus)})
        if equations is not None and equations > there:
            raise ValueError(
                f"data.equations: {equations} with modulus = {modulus:g}; there are {there}. "
                'Use fewer, or "all".'
            )
        count = equations or there
        if count - round(fraction * count) < MIN_TEST_ROWS:
            raise ValueError(
                f"axes.train_fraction: {fraction:g} of {count} equations; at least "
                f"{MIN_TEST_ROWS} are kept for testing. Lower it, or raise the modulus."
            )

    return check


def is_prime(number: int) -> bool:
    """Whether a number from 2 on has no divisor but 1 and itself."""
    return all(number % divisor for divisor in range(2, math.isqrt(number) + 1))


def _additions(values: Values) -> int:
    return int(values["modulus"]) ** 2


def _divisions(values: Values) -> int:
    return int(values["modulus"]) * (int(values["modulus"]) - 1)


def _division_rules(axes: Axes, equations: int | None) -> None:
    for modulus in axes["modulus"].lattice:
        if isinstance(modulus, int) and not is_prime(modulus):
            raise ValueError(
                f"axes.modulus: {modulus}; division needs a prime, or some numbers have no "
                "inverse. List primes, such as [23, 31, 97]."
            )
    _enough_equations(_divisions)(axes, equations)


# The setting of arXiv 2303.11873, appendix A; it does not state the training share.
_MODULAR: dict[str, Any] = {
    "axes": {"modulus": 97, "train_fraction": 0.5},
    "nets": ("transformer", "mlp"),
    "losses": ("cross_entropy",),
    "home": "study.tasks.modular",
    "data": ("equations",),
    "defaults": {
        "axes": {"weight_decay": 1.0, "learning_rate": 1e-3, "batch_size": 512},
        "train": {"optimizer": "adamw", "decay": "decoupled", "betas": (0.9, 0.98)},
    },
}

TASKS: dict[str, Task] = {
    "parity": Task(
        axes={"n": 40, "k": 3, "train_size": 1000},
        nets=("relu",),
        losses=("hinge", "logistic", "square"),
        home="study.tasks.parity",
        world=lambda values: 2 ** int(values["n"]) if values["n"] < 64 else None,
        data=("hidden_bits", "labels", "fixed", ONLINE),
        check=_parity_rules,
    ),
    "addition": Task(**_MODULAR, world=_additions, check=_enough_equations(_additions)),
    "division": Task(**_MODULAR, world=_divisions, check=_division_rules),
}
