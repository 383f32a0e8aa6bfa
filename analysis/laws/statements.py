"""What was published of the transition time: `STATEMENTS`, one row for each statement.

A statement has its source, the claim in our words, the regime that the source speaks of, the event,
and how it is tested. `scorecard` tests the statements on a study.
"""

from dataclasses import dataclass

from analysis.laws.claims import (
    EachKTest,
    ExistenceTest,
    LawTest,
    PooledTest,
    RowsTest,
    SlopeTest,
    Test,
)
from analysis.laws.fit import REGIMES

MULTI_PASS, ONLINE = REGIMES
GROKKING = "grokking"


@dataclass(frozen=True, slots=True)
class Statement:
    """A published claim in a regime, and its test; `lacks` says what a test would need."""

    source: str
    claim: str
    regime: str
    event: str = "generalized"
    test: Test | None = None
    lacks: str = ""


STATEMENTS = (
    Statement(
        "the usual summary", "one power law describes all trials", MULTI_PASS,
        test=PooledTest("weight_decay"),
    ),
    Statement(
        "arXiv 2210.01117", "where nets grok, time to generalize goes as 1 / weight_decay",
        GROKKING, test=SlopeTest("weight_decay", -1.0),
    ),
    Statement(
        "arXiv 2506.05718", "where nets grok, the delay goes as 1 / weight_decay",
        GROKKING, "delay", SlopeTest("weight_decay", -1.0),
    ),
    Statement(
        "arXiv 2506.05718", "where nets grok, the delay goes as 1 / learning_rate",
        GROKKING, "delay", SlopeTest("learning_rate", -1.0),
    ),
    Statement(
        "arXiv 2603.13331", "the delay goes as log(V_mem / V_post)", GROKKING, "delay",
        SlopeTest("norm_ratio", 1.0),
    ),
    Statement(
        "arXiv 2311.18817", "time to generalize goes as log(init_scale), large scales", GROKKING,
        test=LawTest("initial_scale", "exponent_init_scale", "init_scale", 1.0),
    ),
    Statement(
        "arXiv 2207.08799", "steps grow as a power of n, n^O(k)", ONLINE,
        test=EachKTest("n_to_k", "slope_n_to_k", "above 0"),
    ),
    Statement(
        "arXiv 2207.08799", "the exponent worsens with n", ONLINE,
        test=EachKTest("n_to_k_bent", "slope_n_to_k_squared", "above 0"),
    ),
    Statement(
        "arXiv 2207.08799", "a neuron's Fourier gap grows long before accuracy", ONLINE,
        lacks="readings of the measure fourier_gap",
    ),
    Statement(
        "arXiv 2309.03800", "a wider net needs fewer rows", MULTI_PASS,
        test=RowsTest("width", "below 0"),
    ),
    Statement(
        "arXiv 2309.02390", "below a critical dataset size nothing groks", MULTI_PASS,
        test=ExistenceTest("critical_rows", "train_size"),
    ),
    Statement(
        "arXiv 2309.02390", "a net that grokked ungroks when trained on with fewer rows",
        MULTI_PASS, lacks="trials that go on with fewer rows after grokking",
    ),
    Statement(
        "arXiv 2605.20441", "the time diverges at a critical weight decay", MULTI_PASS,
        test=ExistenceTest("critical_decay", "weight_decay"),
    ),
)  # fmt: skip


def published_slope(name: str, event: str) -> float | None:
    """The slope of a feature that a statement names; None where there is no such statement.

    Args:
        name: of the feature.
        event: that the statement is about.
    """
    for statement in STATEMENTS:
        match statement:
            case Statement(event=its, test=SlopeTest(feature=feature, stated=float(slope))):
                if (feature, its) == (name, event):
                    return slope
    return None
