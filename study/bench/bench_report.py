"""What `study bench` answers: as JSON, and as a chart and a table for people."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from study.bench.targets import Shape, Verdict


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the numbers come from: a speed means nothing without it."""

    device: str
    device_name: str
    kernel: str
    instruction_set: str
    threads: int
    dtype: str
    study: str
    torch: str
    numpy: str
    python: str
    date: str


@dataclass(frozen=True, slots=True)
class ShapeFigures:
    """What was measured of one shape.

    `numbers` are by name: `*_ms` are milliseconds, and a number that a bar asks for has the bar's
    name. None is a number that could not be measured here. `floor_is` names the fastest product.
    """

    shape: Shape
    floor_is: str
    numbers: dict[str, float | None]

    def number(self, name: str) -> float:
        """A number that was measured; raises KeyError for any other."""
        value = self.numbers[name]
        if value is None:
            raise KeyError(name)
        return value

    def to_json(self) -> dict[str, object]:
        """Everything in one table."""
        return {**asdict(self.shape), "floor_is": self.floor_is, **self.numbers}


@dataclass(frozen=True, slots=True)
class StudyFigures:
    """What `bench_study` measured: a study of shape B, and some of its trials the ordinary way.

    `window_seconds` run from the first epoch of the first pack to the last epoch of the last pack.
    `study_seconds` have the start of Ray, too; `ordinary_seconds` have not.
    """

    trials: int
    cores: int
    study_seconds: float
    window_seconds: float
    engine_seconds: float
    ordinary_trials: int
    ordinary_seconds: float

    @property
    def engine_share(self) -> float:
        """Share of the cores' time in the window that engines computed."""
        return self.engine_seconds / self.window_seconds / self.cores

    @property
    def ordinary_tune(self) -> float:
        """Time of an ordinary trial over time of a trial of the study."""
        return (self.ordinary_seconds / self.ordinary_trials) / (self.study_seconds / self.trials)

    def to_json(self) -> dict[str, float]:
        """The fields and the two ratios."""
        ratios = {"engine_share": self.engine_share, "ordinary_tune": self.ordinary_tune}
        return {**asdict(self), **ratios}


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A run of the bench; `repeats` is the number of times that each median is over."""

    machine: Machine
    repeats: int
    peak_gflops: float
    peak_known_by: str
    shapes: dict[str, ShapeFigures]  # by letter
    bars: tuple[Verdict, ...]
    study: StudyFigures | None = None

    def with_study(self, study: StudyFigures, bars: tuple[Verdict, ...]) -> "BenchReport":
        """The report with what was measured of a whole study, and the verdicts on that."""
        return replace(self, study=study, bars=self.bars + bars)

    def to_json(self) -> dict[str, object]:
        """The answer of `study bench --json`."""
        report = {
            **asdict(self.machine),
            "repeats": self.repeats,
            "peak_gflops": self.peak_gflops,
            "peak_known_by": self.peak_known_by,
            "shapes": {name: figures.to_json() for name, figures in self.shapes.items()},
            "bars": [verdict.to_json() for verdict in self.bars],
        }
        return report if self.study is None else {**report, "study_of_B": self.study.to_json()}

    def lines(self) -> list[str]:
        """For people: the machine, a chart of times, the table of bars."""
        machine = self.machine
        facts = ("kernel", "instruction_set", "threads", "dtype", "torch", "python", "date")
        return [
            f"{machine.device}: {machine.device_name}",
            ", ".join(f"{name.replace('_', ' ')} {getattr(machine, name)}" for name in facts),
            f"peak {self.peak_gflops:.0f} GFLOP/s, from {self.peak_known_by}",
            f"medians of {self.repeats} repeats",
            "",
            "ms an epoch of one network, averaged over its training (log scale)",
            *_chart(self.shapes),
            "",
            f"{'bar':<17}{'shape':<7}{'measured':>9}  {'should be':<13}{'met':<5}what",
            *map(_line_of, self.bars),
            *(
                f"{name}: {figures.number('first_gflops'):.0f} GFLOP/s needed and done in the "
                f"first epochs, {figures.number('peak'):.0%} of the peak"
                for name, figures in self.shapes.items()
            ),
        ]


# The bars of the chart: times of a shape and their labels, from the shortest time to the longest.
_CHART = (
    ("floor_ms", "two dense products"),
    ("epoch_ms", "our epoch"),
    ("whole_ms", "our epoch of a whole trial"),
    ("reading_ms", "a reading"),
    ("torch_ms", "torch kernel's epoch"),
    ("core_ms", "epoch on one core of the CPU"),
    ("plain_ms", "plain loop"),
    ("authors_ms", "authors' epoch"),
)
_CHART_COLUMNS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def _chart(shapes: dict[str, ShapeFigures]) -> Iterator[str]:
    """A line of the chart for each time of each shape."""
    times = [
        (name, label, figures.number(key))
        for name, figures in shapes.items()
        for key, label in _CHART
        if key in figures.numbers
    ]
    least = 10 ** math.floor(math.log10(min(ms for *_, ms in times)))
    most = max(ms for *_, ms in times) / least
    for name, label, ms in times:
        share = math.log10(ms / least) / math.log10(most)
        yield f"{name}  {label:<28}{bar_of(share):<{_CHART_COLUMNS}}{ms:>10.4g}"


def _line_of(verdict: Verdict) -> str:
    """A line of the table of bars."""
    bar, number = verdict.bar, "-" if verdict.measured is None else f"{verdict.measured:.3g}"
    met = {True: "yes", False: "NO", None: "-"}[verdict.met]
    name = bar.name.replace("_", " ")
    return f"{name:<17}{bar.shape:<7}{number:>9}  {bar.limits:<13}{met:<5}{bar.what}"


def bar_of(share: float) -> str:
    """A bar of block characters as long as a share, 0 to 1, of the chart's columns."""
    eighths = max(1, round(share * 8 * _CHART_COLUMNS))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
