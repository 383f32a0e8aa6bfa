"""The targets of `study bench`: what is measured of which shape, and where it should lie.

A shape is what is trained; a bar is one number of one shape with its limits. `suite` measures the
numbers; nothing is timed here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from study.errors import UsageError, choices

Numbers = Mapping[str, float | None]  # by name; None where a number could not be measured


@dataclass(frozen=True, slots=True)
class Shape:
    """A pack that is trained, in the letters of `study.engine.protocol`.

    `together` networks make a pack on a CPU, and `on_gpu` on a GPU; each trains for at most `cap`
    epochs.
    """

    n: int
    k: int
    p: int
    N: int
    together: int
    cap: int
    B: int = 32
    weight_decay: float = 0.01
    on_gpu: int = 256

    @property
    def axes(self) -> dict[str, int | float]:
        """The shape as the [axes] of a study file."""
        return {
            "n": self.n,
            "k": self.k,
            "width": self.p,
            "train_size": self.N,
            "batch_size": self.B,
            "weight_decay": self.weight_decay,
        }


SHAPES = {
    "A": Shape(n=40, k=3, p=1000, N=1000, together=8, cap=400),
    "B": Shape(n=30, k=2, p=100, N=200, together=256, cap=400, on_gpu=1024),
    "C": Shape(n=40, k=3, p=4000, N=4000, together=2, cap=100, on_gpu=66),
}


@dataclass(frozen=True, slots=True)
class Target:
    """One number of one shape, and the limits that it should lie within.

    A number whose value moves with the processor has no limits: it is printed and not judged.
    """

    name: str
    shape: str
    what: str
    at_least: float | None = None
    at_most: float | None = None

    def met(self, measured: float | None) -> bool | None:
        """Whether a number lies within the limits; None without a number or without limits."""
        if measured is None or (self.at_least is None and self.at_most is None):
            return None
        low = self.at_least is None or measured >= self.at_least
        return low and (self.at_most is None or measured <= self.at_most)

    @property
    def limits(self) -> str:
        """The limits in words."""
        if self.at_least is not None and self.at_most is not None:
            return f"{self.at_least:g} to {self.at_most:g}"
        if self.at_least is not None:
            return f">= {self.at_least:g}"
        return "-" if self.at_most is None else f"<= {self.at_most:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar and the number that was measured for it."""

    bar: Target
    measured: float | None

    @property
    def met(self) -> bool | None:
        """Whether the number lies within the bar's limits; None without a number."""
        return self.bar.met(self.measured)

    def to_json(self) -> dict[str, object]:
        """The bar's fields, with `measured` and `met`."""
        return {**asdict(self.bar), "measured": self.measured, "met": self.met}


TARGETS = (
    *(
        Target("floor", shape, "our epoch / its two dense products", at_most=most)
        for shape, most in (("A", 0.9), ("B", 1.8), ("C", 1.6))
    ),
    Target("peak", "A", "needed GFLOP/s in the first epochs / the core's peak", at_least=0.5),
    *(
        Target("whole_trial", shape, "a whole trial / its epochs alone", at_most=most)
        for shape, most in (("A", 1.25), ("B", 2.0), ("C", 1.2))
    ),
    *(Target("plain_loop", shape, "plain loop / our epoch") for shape in SHAPES),
    *(Target("plain_loop_whole", s, "plain loop / our epoch of a whole trial") for s in SHAPES),
    Target("authors", "A", "authors' epoch / ours, the same readings every epoch"),
    Target("networks", "B", "time a network, of 4096 / of 64", at_least=0.85, at_most=1.15),
    *(
        Target(
            f"{axis}_doubled", s, f"epoch with twice the {axis} / ours", at_least=1.8, at_most=2.2
        )
        for axis in "Np"
        for s in "AB"
    ),
    *(
        Target("memory", s, "peak of a pack / the byte model", at_least=0.8, at_most=1.2)
        for s in SHAPES
    ),
    Target("sparsity", "A", "effective sparsity of a trained net on its rows, ms", at_most=30),
)


# Of a GPU; the times are those that an H100 should reach, which has 132 multiprocessors.
GPU_TARGETS = (
    *(
        Target("net_epoch_us", shape, "us an epoch of one network, in a full pack", at_most=most)
        for shape, most in (("A", 3), ("B", 0.15), ("C", 40))
    ),
    *(Target("torch_kernel", s, "the torch kernel's epoch / ours", at_least=20) for s in SHAPES),
    *(Target("plain_loop", s, "plain loop on the GPU / ours", at_least=1000) for s in SHAPES),
)


# Of a whole study of shape B, which only `study bench --study` measures: whole_study.py.
STUDY_TARGETS = (
    Target(
        "engine_share", "B", "engine seconds / (wall seconds x cores) of a study", at_least=0.85
    ),
    Target("ordinary_tune", "B", "a trial as one Tune trial in the plain loop / ours"),
)


def judged(numbers: Mapping[str, Numbers], bars: Iterable[Target] = TARGETS) -> tuple[Verdict, ...]:
    """The verdict on every bar of the shapes that were measured.

    Args:
        numbers: of each shape by its letter; a bar's number has the bar's name.
        bars: those to judge, in the order of the verdicts.
    """
    return tuple(
        Verdict(bar, numbers[bar.shape].get(bar.name)) for bar in bars if bar.shape in numbers
    )


def pick_shapes(letters: str) -> dict[str, Shape]:
    """The shapes that letters name; raises UsageError for another letter, or for none."""
    for letter in letters or "-":
        if letter not in SHAPES:
            raise UsageError(f"--shapes {letters!r}; {choices('a letter', letter, SHAPES)}")
    return {letter: SHAPES[letter] for letter in dict.fromkeys(letters)}
