"""What was published of the transition time: `STATEMENTS`, one row for each statement.

A statement has its source, the claim in our words, the regime that the claim is for, and the
parameter of a law that the claim is about. `scorecard` tests the statements on a study.
"""

from dataclasses import dataclass
from typing import Literal

from analysis.laws.fit import REGIMES

MULTI_PASS, ONLINE = REGIMES
# What is expected of a parameter: its value, its sign, or that it exists.
Expected = float | Literal["above 0", "below 0", "exists", "shown beside"]


@dataclass(frozen=True, slots=True)
class Statement:
    """A claim about the parameter of a law in a regime."""

    source: str
    claim: str
    regime: str
    event: str = "generalized"
    law: str = ""  # empty where transition times cannot test the claim
    parameter: str = ""
    expected: Expected = 1.0
    rival: str = ""  # the law without the critical value that is claimed to exist
    lacks: str = ""  # what a test would need, for a claim without a law
    withdrawn: str = ""  # why the fit is no test of the claim, a sentence; empty where it is a test


# Why a fit to a whole study is no test. docs/laws.md, "What is withdrawn", has the numbers.
POOLED = (
    "one slope is fitted to trials that comprehend, grok, memorize and collapse; "
    "its interval describes no network."
)
ONE_EXPONENT = "one exponent is fitted to all k and all weight decays, and each has its own."
BENT_BY_K = "one curve is fitted to all k; its bend is that between k, not within one."
ONE_WALL = "one critical size is fitted to all n and k, and it follows the edge of the grid."
EDGE = "the critical value lies at the edge of the grid, and the rival law cannot bend at all."
UNSETTLED = "V_post is read at the transition, where a trial leaves, and not once it has settled."

STATEMENTS = (
    Statement(
        "arXiv 2207.08799", "steps grow as n^(a k) with a near 1", ONLINE,
        law="n_to_k", parameter="slope_n_to_k",
        withdrawn=ONE_EXPONENT,
    ),
    Statement(
        "arXiv 2207.08799", "the same, where it is not stated: several passes", MULTI_PASS,
        law="n_to_k", parameter="slope_n_to_k", expected="shown beside",
        withdrawn=ONE_EXPONENT,
    ),
    Statement(
        "arXiv 2207.08799", "the exponent worsens with n", ONLINE,
        law="n_to_k_bent", parameter="slope_n_to_k_squared", expected="above 0",
        withdrawn=BENT_BY_K,
    ),
    Statement(
        "arXiv 2207.08799", "a neuron's Fourier gap grows long before accuracy", ONLINE,
        lacks="readings of the measure fourier_gap",
    ),
    Statement(
        "arXiv 2309.03800", "a wider net needs fewer rows", MULTI_PASS,
        law="critical_rows_by", parameter="slope_of_critical_train_size_width",
        expected="below 0",
        withdrawn=ONE_WALL,
    ),
    Statement(
        "arXiv 2205.10343", "comprehension, grokking, memorization and confusion all occur",
        MULTI_PASS, parameter="phases", expected=4.0,
    ),
    Statement(
        "arXiv 2210.01117", "time to generalize goes as 1 / weight_decay", MULTI_PASS,
        law="power", parameter="slope_weight_decay", expected=-1.0,
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2311.18817", "a transition at log(init_scale) / weight_decay: the logarithm",
        MULTI_PASS, law="initial_scale", parameter="exponent_init_scale",
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2311.18817", "a transition at log(init_scale) / weight_decay: the decay time",
        MULTI_PASS, law="initial_scale", parameter="slope_decay_time",
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2506.05718", "delay goes as 1 / (learning_rate weight_decay)", MULTI_PASS,
        event="delay", law="decay_time", parameter="slope_decay_time",
        withdrawn=POOLED,
    ),
    Statement(
        "arXiv 2603.13331", "delay goes as log(V_mem / V_post) decay times: the decay time",
        MULTI_PASS, event="delay", law="norms", parameter="slope_decay_time",
        withdrawn=UNSETTLED,
    ),
    Statement(
        "arXiv 2603.13331", "delay goes as log(V_mem / V_post) decay times: the logarithm",
        MULTI_PASS, event="delay", law="norms", parameter="slope_norm_ratio",
        withdrawn=UNSETTLED,
    ),
    Statement(
        "arXiv 2309.02390", "below a critical dataset size nothing groks", MULTI_PASS,
        law="critical_rows", parameter="critical_train_size", expected="exists",
        rival="saturating",
        withdrawn=ONE_WALL,
    ),
    Statement(
        "arXiv 2309.02390", "a net that grokked ungroks when trained on with fewer rows",
        MULTI_PASS, lacks="trials that go on with fewer rows after grokking",
    ),
    Statement(
        "arXiv 2605.20441", "the time diverges at a critical weight decay", MULTI_PASS,
        law="critical_decay", parameter="critical_weight_decay", expected="exists",
        rival="power",
        withdrawn=EDGE,
    ),
)  # fmt: skip
