"""The catalogue of progress measures: what a study can ask for in `readings.measures`.

The study file, the columns, the engines, `study plan` and docs/tables.md read the catalogue.
`study.measures` computes each measure.
"""

from dataclasses import dataclass

from study.vocabulary.nets import NetEngine

PROBE_ROWS = 100  # test rows of the measures that try every input bit; the authors' code takes 100

# Nanoseconds that every measure costs: calls, and a network's own copy of each of its weights.
_ONCE, _WEIGHT = 0.24e6, 16.0


@dataclass(frozen=True, slots=True)
class Measure:
    """A row of the catalogue.

    The costs are nanoseconds for one network at one reading. Measures share intermediate results,
    so the sum over several measures is an upper estimate.

    Attributes:
        columns: what the measure fills, in the order of the table `readings`.
        integer: whether the columns are whole numbers.
        says: what the measure is, for docs/tables.md.
        source: where the measure is from.
        once: cost of the network.
        weight: cost of each weight.
        train: cost of each training row and neuron.
        test: cost of each test row and neuron.
        probe: cost of each of PROBE_ROWS rows, input bit and neuron.
        engines: the engines whose nets the measure can be taken of.
    """

    columns: tuple[str, ...]
    integer: bool
    says: str
    source: str
    once: float = 0.0
    weight: float = 0.0
    train: float = 0.0
    test: float = 0.0
    probe: float = 0.0
    engines: tuple[NetEngine, ...] = ("relu",)

    def seconds(self, bits: int, width: int, train_rows: int, test_rows: int) -> float:
        """Estimated time of one network at one reading, on one core.

        Args:
            bits: n, input bits of a row.
            width: p, hidden neurons.
            train_rows: rows of the training set.
            test_rows: rows of the test set.
        """
        a_neuron = (
            self.train * train_rows
            + self.test * test_rows
            + self.probe * min(PROBE_ROWS, test_rows) * bits
            + (_WEIGHT + self.weight) * (bits + 2)
        )
        return 1e-9 * (_ONCE + self.once + width * a_neuron)


_BOTH: tuple[NetEngine, ...] = ("relu", "module")

# Costs: one thread of a Cascade Lake at 2.5 GHz, 2026-11, fitted to n = 40 with 1,000 and 4,000
# neurons and n = 30 with 100, where they are right within a factor of 2.
MEASURES: dict[str, Measure] = {
    "effective_sparsity": Measure(
        ("effective_sparsity_train", "effective_sparsity_test"),
        integer=True,
        says="neurons, by falling norm, that predict like the whole net on every row",
        source="2303.11873, section 2.1",
        once=0.8e6,
        train=6.0,
        test=6.0,
        engines=_BOTH,
    ),
    "accuracy_sparsity": Measure(
        ("accuracy_sparsity",),
        integer=True,
        says="neurons, by falling norm, as accurate as the whole net on the training rows",
        source="Tsili42/parity-nn",
        once=0.35e6,
        train=6.0,
    ),
    "mean_neuron_norm": Measure(
        ("mean_neuron_norm",),
        integer=False,
        says="mean norm of a row of W",
        source="2303.11873, figure 3",
        weight=1.0,
        engines=_BOTH,
    ),
    "largest_neuron_norm": Measure(
        ("largest_neuron_norm",),
        integer=False,
        says="largest norm of a row of W",
        source="2303.11873, figure 5",
        weight=1.0,
        engines=_BOTH,
    ),
    "relevant_share": Measure(
        ("relevant_share",),
        integer=False,
        says="share of W's squared weight on the hidden bits",
        source="ours",
        weight=1.0,
    ),
    "weight_movement": Measure(
        ("weight_movement",),
        integer=False,
        says="largest change of a weight of W since initialization",
        source="2207.08799, section 5",
        weight=92.0,
    ),
    "sensitivity": Measure(
        ("sensitivity",),
        integer=False,
        says="mean number of single-bit flips that change the sign; k for parity",
        source="Tsili42/parity-nn",
        once=2.8e6,
        probe=1.5,
        engines=_BOTH,
    ),
    "arity": Measure(
        ("arity",),
        integer=False,
        says="mean number of inputs that a neuron needs, of the neurons that need any",
        source="Tsili42/parity-nn",
        once=2.2e6,
        probe=7.0,
    ),
    "fourier_gap": Measure(
        ("fourier_gap",),
        integer=False,
        says="largest Fourier gap of a neuron's gradient at the hidden bits",
        source="2207.08799, section 5",
        once=0.6e6,
        test=2.5,
    ),
    "parity_coefficient": Measure(
        ("parity_coefficient",),
        integer=False,
        says="mean of f(x) times the parity of the hidden bits",
        source="2207.08799",
        once=0.45e6,
        test=1.7,
    ),
    "fourier_share": Measure(
        ("fourier_share",),
        integer=False,
        says="share of the embedding's power in its three strongest frequencies, modulo a prime",
        source="ours, after 2301.05217",
        engines=("module",),
    ),
    "mirrored_accuracy": Measure(
        ("mirrored_accuracy",),
        integer=False,
        says="accuracy on the test equations a + b whose mirror b + a is a training equation",
        source="ours",
        engines=("module",),
    ),
    "unmirrored_accuracy": Measure(
        ("unmirrored_accuracy",),
        integer=False,
        says="accuracy on the other test equations, a + a among them; both are of addition only",
        source="ours",
        engines=("module",),
    ),
}

# Columns of the table `readings` that hold whole numbers.
WHOLE_COLUMNS = frozenset(
    column for measure in MEASURES.values() if measure.integer for column in measure.columns
)
