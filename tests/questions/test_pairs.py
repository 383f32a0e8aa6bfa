"""Pairs of equal learning_rate x weight_decay, drawn with a known ratio."""

import json

import numpy as np
import pandas as pd
import pytest
from pair_truths import draw_pairs
from scipy.stats import binom

from analysis.formats import finite_json
from analysis.laws.strata import Bounded
from analysis.questions.pairs import OUTSIDE, SEED_DRAWS, UNTOLD, WITHIN, Pairs, pairs_of
from analysis.text.pairs_text import lines_of_pairs, mean_in_words, pairs_json
from study.errors import UsageError


def test_every_two_points_of_one_product_are_a_pair():
    [pairs] = pairs_of(draw_pairs(np.random.default_rng(1), 0.0, seeds=6), "generalized")
    # The products 3e-4, 9e-4 and 3e-3 are made of two points each.
    assert len(pairs.table) == 3 * 3
    rates = pairs.table["rate"] * pairs.table["product"] / pairs.table["rate"]
    assert sorted(set(rates.round(9))) == [3e-4, 9e-4, 3e-3]
    assert (pairs.table["rate"] > pairs.table["other_rate"]).all()


def test_a_ratio_is_that_of_plain_medians():
    trials = draw_pairs(np.random.default_rng(2), 0.2, seeds=15, budget=1e9)
    [pairs] = pairs_of(trials, "generalized")
    for row in pairs.table.to_dict("records"):
        medians = []
        for rate in (row["rate"], row["other_rate"]):
            here = trials[
                (trials["train_size"] == row["train_size"])
                & (trials["learning_rate"] == rate)
                & np.isclose(trials["weight_decay"], row["product"] / rate)
            ]
            between = np.sqrt(here["generalized_epoch"] * here["generalized_after_epoch"])
            medians.append(sorted(between)[7])
        assert row["ratio"] == pytest.approx(medians[0] / medians[1])


def test_equal_times_are_equal_and_others_differ():
    rng = np.random.default_rng(3)
    rows = (90, 120, 180, 270, 400, 600)
    [equal] = pairs_of(draw_pairs(rng, 0.0, rows=rows), "generalized")
    [other] = pairs_of(draw_pairs(rng, 0.25), "generalized")
    assert equal.mean.low < 1 < equal.mean.high
    assert equal.mean.high / equal.mean.low < 1.08
    assert equal.within > 0.25
    assert OUTSIDE not in set(equal.table["verdict"])
    known = other.table.dropna(subset="ratio")
    assert set(known["verdict"]) <= {OUTSIDE, UNTOLD}
    truth = (known["rate"] / known["other_rate"]) ** 0.25
    inside = ((known["low"] < truth) & (truth < known["high"])).sum()
    # Wrong in 1 of 1,000 samples, if intervals of 95% cover.
    assert inside >= binom.ppf(0.001, len(known), 0.95)
    assert other.mean.low > 1.1


def test_pairs_on_the_margin_are_seldom_called_equal():
    """A true ratio of 1.1 is called within 10% in 5% of pairs; in 9 of 30 once in 100,000."""
    rng = np.random.default_rng(4)
    by_rate = np.log(1.1) / np.log(3 + 1 / 3)  # 0.1 over 0.03
    called = total = 0
    for _ in range(10):
        [pairs] = pairs_of(draw_pairs(rng, by_rate, seeds=40), "generalized")
        near = pairs.table[(pairs.table["rate"] == 0.1) & (pairs.table["other_rate"] == 0.03)]
        called, total = called + int((near["verdict"] == WITHIN).sum()), total + len(near)
    assert total == 30
    assert called <= binom.ppf(1 - 1e-5, total, 0.05)


def test_shared_seeds_are_drawn_together():
    """What seeds have in common leaves the ratio: its interval is that of their own scatter."""
    rng = np.random.default_rng(5)
    trials = draw_pairs(rng, 0.0, common=0.6, own=0.02, rows=(120, 180))
    others = trials.assign(seed=(trials["seed"] + (trials["learning_rate"] * 100).astype(int)) % 60)
    [pairs], [unpaired] = (pairs_of(some, "generalized") for some in (trials, others))
    wide, narrow = (
        np.log(found.table["high"] / found.table["low"]).mean() for found in (unpaired, pairs)
    )
    assert narrow < 0.12
    assert wide > 0.3


def test_a_median_that_was_not_reached_has_no_ratio():
    trials = draw_pairs(np.random.default_rng(6), 0.0, seeds=20, budget=5e3)
    [pairs] = pairs_of(trials, "generalized")
    slow = pairs.table["product"] < 4e-4
    assert pairs.table["ratio"][slow].isna().all()
    assert (pairs.table["verdict"][slow] == UNTOLD).all()
    assert pairs.table["ratio"][~slow].notna().all()


def test_the_answer_is_text_and_json():
    [pairs] = pairs_of(draw_pairs(np.random.default_rng(7), 0.0, seeds=20), "generalized")
    text = "\n".join(lines_of_pairs(pairs, "generalized"))
    assert "9 pairs of equal learning_rate x weight_decay" in text
    assert "mean ratio, larger rate over smaller: " in text
    data = json.loads(json.dumps(finite_json(pairs_json(pairs, "generalized")), allow_nan=False))
    assert len(data["pairs"]) == 9
    assert data["mean"]["low"] < data["mean"]["high"]
    assert SEED_DRAWS >= 1000


def test_a_study_without_pairs_is_refused():
    trials = draw_pairs(np.random.default_rng(8), 0.0, seeds=6)
    with pytest.raises(UsageError, match="no two points agree"):
        pairs_of(trials[trials["learning_rate"] == 0.1], "generalized")


@pytest.mark.parametrize(
    ("verdict", "says"), [(UNTOLD, "only the product"), (OUTSIDE, "undecided")]
)
def test_only_the_product_counts_where_no_pair_differs(verdict, says):
    table = pd.DataFrame({"ratio": [1.0, 1.3], "verdict": [WITHIN, verdict]})
    pairs = Pairs("", table, Bounded(1.0, 0.95, 1.05))
    assert says in mean_in_words(pairs)
