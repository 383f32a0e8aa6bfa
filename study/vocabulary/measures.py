"""The catalogue of progress measures: what a study can ask for in `readings.measures`.

One row a measure: the columns that it fills, in the order of the table `readings`, whether they
are whole numbers, what it says, where it is from, and what it costs. Spec, schema, training, plan
and README read it; `measuring.FUNCTIONS` computes each. It stands below them all, without torch.
"""

from typing import NamedTuple

PROBE_ROWS = 100  # test rows of the measures that try every input bit; the authors' code takes 100


# What every measure costs: a network's own copy of its weights, and calls. Nanoseconds.
_ONCE, _WEIGHT = 0.24e6, 16.0


class Measure(NamedTuple):
    """A row of the catalogue.

    The cost is of one network at one reading, in nanoseconds: `once`, `weight` for each weight,
    `train` and `test` for each row and neuron, `probe` for each of PROBE_ROWS rows, input bit and
    neuron. Measures share what several need, so that the sum over them is an upper estimate.
    `kinds` are the nets it can be taken of: "relu", or any "module" that says what is needed.
    """

    columns: tuple[str, ...]
    whole: bool
    says: str
    source: str
    once: float = 0.0
    weight: float = 0.0
    train: float = 0.0
    test: float = 0.0
    probe: float = 0.0
    kinds: tuple[str, ...] = ("relu",)

    def seconds(self, bits: int, width: int, train_rows: int, test_rows: int) -> float:
        """Estimated time of one network at one reading, on one core."""
        a_neuron = (
            self.train * train_rows
            + self.test * test_rows
            + self.probe * min(PROBE_ROWS, test_rows) * bits
            + (_WEIGHT + self.weight) * (bits + 2)
        )
        return 1e-9 * (_ONCE + self.once + width * a_neuron)


_BOTH = ("relu", "module")

# Costs: one thread of a Cascade Lake at 2.5 GHz, 2026-11, fitted to n = 40 with 1,000 and 4,000
# neurons and n = 30 with 100, where they are right within a factor of 2.
MEASURES: dict[str, Measure] = {
    "effective_sparsity": Measure(
        ("effective_sparsity_train", "effective_sparsity_test"),
        whole=True,
        says="neurons, by falling norm, that predict like the whole net on every row",
        source="2303.11873, section 2.1",
        once=0.8e6,
        train=6.0,
        test=6.0,
        kinds=_BOTH,
    ),
    "accuracy_sparsity": Measure(
        ("accuracy_sparsity",),
        whole=True,
        says="neurons, by falling norm, as accurate as the whole net on the training rows",
        source="Tsili42/parity-nn",
        once=0.35e6,
        train=6.0,
    ),
    "mean_neuron_norm": Measure(
        ("mean_neuron_norm",),
        whole=False,
        says="mean norm of a row of W",
        source="2303.11873, figure 3",
        weight=1.0,
        kinds=_BOTH,
    ),
    "largest_neuron_norm": Measure(
        ("largest_neuron_norm",),
        whole=False,
        says="largest norm of a row of W",
        source="2303.11873, figure 5",
        weight=1.0,
        kinds=_BOTH,
    ),
    "relevant_share": Measure(
        ("relevant_share",),
        whole=False,
        says="share of W's squared weight on the hidden bits",
        source="ours",
        weight=1.0,
    ),
    "weight_movement": Measure(
        ("weight_movement",),
        whole=False,
        says="largest change of a weight of W since initialisation",
        source="2207.08799, section 5",
        weight=92.0,
    ),
    "sensitivity": Measure(
        ("sensitivity",),
        whole=False,
        says="mean number of single-bit flips that change the sign; k for parity",
        source="Tsili42/parity-nn",
        once=2.8e6,
        probe=1.5,
        kinds=_BOTH,
    ),
    "arity": Measure(
        ("arity",),
        whole=False,
        says="mean number of inputs that a neuron needs, of the neurons that need any",
        source="Tsili42/parity-nn",
        once=2.2e6,
        probe=7.0,
    ),
    "fourier_gap": Measure(
        ("fourier_gap",),
        whole=False,
        says="largest Fourier gap of a neuron's gradient at the hidden bits",
        source="2207.08799, section 5",
        once=0.6e6,
        test=2.5,
    ),
    "parity_coefficient": Measure(
        ("parity_coefficient",),
        whole=False,
        says="mean of f(x) times the parity of the hidden bits",
        source="2207.08799",
        once=0.45e6,
        test=1.7,
    ),
    "fourier_share": Measure(
        ("fourier_share",),
        whole=False,
        says="share of the embedding's power in its three strongest frequencies, modulo a prime",
        source="ours, after 2301.05217",
        kinds=("module",),
    ),
}

# Columns of the table `readings` that hold whole numbers.
WHOLE_COLUMNS = frozenset(
    column for measure in MEASURES.values() if measure.whole for column in measure.columns
)
