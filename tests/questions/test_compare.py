"""Two sides compared: against brute force, known ratios, and halves that do not differ."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom
from two_sides import draw_sides

from analysis.charts.change_cells import change_cell, change_ramp
from analysis.phases.cells import cells
from analysis.questions.contrast import contrast
from analysis.questions.matching import Pairing, match
from analysis.questions.what_differs import what_differs
from analysis.statistics import difference_ends, drawn_medians, kaplan_meier_medians
from study.errors import UsageError


def chosen(side, rows):
    """A side with some of its trials."""
    return replace(side, trials=side.trials[rows].reset_index(drop=True))


def numbers(found):
    """Every number of a comparison, with the value that stands for no change."""
    of_times = [("median", one, 1.0) for one in found.medians]
    of_times += [("within", one, 1.0) for one in found.within]
    return [*(("share", one, 0.0) for one in found.shares), *of_times]


def test_drawn_medians_are_those_of_trials_written_out():
    rng = np.random.default_rng(1)
    time, happened = rng.integers(1, 9, 12).astype(float), rng.random(12) < 0.45
    counts = rng.multinomial(12, np.full(12, 1 / 12), size=50)
    found = drawn_medians(time, happened, counts)
    for row, median in zip(counts, found, strict=True):
        event = pd.Series(np.repeat(np.where(happened, time, np.nan), row)).astype("Int64")
        last = pd.Series(np.repeat(time, row)).astype("Int64")
        [expected] = kaplan_meier_medians(np.zeros(len(event), np.intp), event, last, 1)
        assert np.isnan(median) if pd.isna(expected) else median == expected
    assert 0 < np.isnan(found).sum() < 50


def test_intervals_of_differences_are_newcombes():
    """The examples in Newcombe 1998: 56 of 70 against 48 of 80, and 50 pairs."""
    low, high = difference_ends((48 / 80, 56 / 70), (80, 70), 0.0)
    assert (low, high) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    both, first, second, none = 36, 12, 2, 0
    n = both + first + second + none
    shares = (both + second) / n, (both + first) / n
    covariance = both / n - shares[0] * shares[1]
    low, high = difference_ends(shares, (n, n), covariance)
    assert (low, high) == pytest.approx((0.0569, 0.3404), abs=1e-4)


def test_pairs_are_those_of_a_plain_loop():
    a, b = draw_sides(np.random.default_rng(2), ratio=1.3, seeds=(6, 6), same_data=True, never=0.3)
    b = chosen(b, b.trials["seed"] > 0)
    matching = match(a, b)
    found = contrast(matching)
    assert matching.pairing is Pairing.PAIRED
    pairs = [
        (one, other)
        for one in a.trials.to_dict("records")
        for other in b.trials.to_dict("records")
        if all(one[key] == other[key] for key in ("train_size", "weight_decay", "seed"))
    ]
    assert found.trials == (len(pairs), len(pairs)) == (125, 125)
    rows = [matching.trials.iloc[matching.on(side)].reset_index(drop=True) for side in (0, 1)]
    assert (rows[0]["seed"] == rows[1]["seed"]).all()
    assert (rows[0]["point_id"] == rows[1]["point_id"]).all()
    did = np.array([[pd.notna(one["generalized_epoch"]) for one in pair] for pair in pairs])
    change = found.shares[1]
    assert change.a.estimate == pytest.approx(did[:, 0].mean())
    assert change.b.estimate == pytest.approx(did[:, 1].mean())
    covariance = np.cov(did.T.astype(float), bias=True)[0, 1]
    ends = difference_ends(tuple(did.mean(axis=0)), (125, 125), covariance)
    assert (change.change.low, change.change.high) == pytest.approx(ends)


def test_cells_have_the_medians_of_each_side_alone():
    a, b = draw_sides(np.random.default_rng(3), seeds=(4, 7), width=200)
    found = contrast(match(a, b))
    assert found.matching.pairing is Pairing.APART
    assert found.matching.apart == ("width",)
    assert found.matching.axes == ["weight_decay", "train_size"]
    assert found.trials == (100, 175)
    for letter, side in (("a", a), ("b", b)):
        alone = cells(side.trials, ["weight_decay", "train_size"])
        for event in ("memorized", "generalized"):
            expected = alone[f"{event}_median_epoch"].to_numpy(float, na_value=np.nan)
            np.testing.assert_array_equal(found.cells[f"{letter}_{event}"], expected)
    known = found.cells.dropna(subset="ratio")
    assert (known["ratio"] == known["b_generalized"] / known["a_generalized"]).all()


@pytest.mark.parametrize("seeds", [1, 5])
def test_a_study_and_its_copy_do_not_differ(seeds):
    a, _ = draw_sides(np.random.default_rng(8), seeds=(seeds, seeds), never=0.3)
    found = contrast(match(a, replace(a, letter="B")))
    assert found.matching.pairing is Pairing.PAIRED
    for _, one, same in numbers(found):
        assert one.change is None or one.change.estimate == pytest.approx(same, abs=1e-6)
        assert not one.resolved(same)
    assert (found.within[1].change is None) == (seeds == 1), "single trials show no scatter"


def test_trials_that_share_rows_are_drawn_together():
    """With `shared`, decays of one seed share their rows; two groups of decays are no pairs."""
    a, _ = draw_sides(np.random.default_rng(4), seeds=(8, 8), shared=True)
    low = a.trials["weight_decay"] < 0.01
    matching = match(chosen(a, low), replace(chosen(a, ~low), letter="B"))
    assert matching.pairing is Pairing.TOGETHER
    assert matching.axes == ["train_size"]
    assert matching.cluster.max() + 1 == 5 * 8
    assert matching.stratum.max() + 1 == 5


def test_without_a_common_cell_the_axis_is_named():
    a, b = draw_sides(np.random.default_rng(5), width=200)
    few = chosen(a, a.trials["train_size"] < 400), chosen(b, b.trials["train_size"] > 400)
    assert match(*few).axes == ["weight_decay"]
    with pytest.raises(UsageError, match=r"training rows is 200 to 300 in A and 600 to 1,000 in B"):
        match(
            *(
                chosen(side, side.trials["weight_decay"] == decay)
                for side, decay in zip(few, (0.01, 0.03), strict=True)
            )
        )


def test_what_differs_is_read_from_settings_and_axes():
    a, b = draw_sides(np.random.default_rng(6), width=200)
    b = replace(b, settings=draw_sides(np.random.default_rng(6), shared=True)[0].settings)
    assert [(one.what, one.a, one.b) for one in what_differs(a, b)] == [
        ("data.shared", "False", "True"),
        ("width", "100", "200"),
    ]
    assert what_differs(a, a) == []


def test_a_cell_says_which_way_a_median_that_was_not_reached_points():
    row = {"a_generalized": 100.0, "b_generalized": 50.0, "a_watched": 400.0, "b_watched": 400.0}
    both = True, True
    assert change_cell(row, both)["value"] == -1
    assert change_cell(row | {"b_generalized": np.nan}, both)["said"] == "> 4"
    assert change_cell(row | {"a_generalized": np.nan}, both)["said"] == "< 0.12"
    late = row | {"a_generalized": 800.0, "b_generalized": np.nan}
    assert (change_cell(late, both)["value"], change_cell(late, both)["said"]) == (None, "?")
    neither = row | {"a_generalized": np.nan, "b_generalized": np.nan}
    assert change_cell(neither, both)["said"] == "neither"
    assert change_cell(None, (False, True))["said"] == "B only"


@pytest.mark.parametrize("most", [0.2, 1, 1.7, 2.4, 3.5, 4.9, 9])
def test_the_scale_of_changes_is_centered_on_no_change(most):
    ramp = change_ramp([-most, most / 3])
    assert ramp["domain"][0] == -ramp["domain"][2] <= -min(most, 6)
    assert ramp["domain"][1] == 0
    assert 0 in ramp["values"]
    assert 3 <= len(ramp["values"]) <= 5
    assert len({after - before for before, after in pairwise(ramp["values"])}) == 1


def test_halves_of_one_study_seldom_differ():
    """In 12 studies of 7 numbers; at 5% each, 12 false alarms of 84 come once in 1,000."""
    rng = np.random.default_rng(7)
    alarms = known = 0
    for _ in range(12):
        a, b = draw_sides(rng, seeds=(4, 4), width=200, never=0.3)
        for _, one, same in numbers(contrast(match(a, b))):
            known += one.change is not None
            alarms += one.resolved(same)
    assert known > 70
    assert alarms <= binom.ppf(0.999, known, 0.05)


@pytest.mark.slow
@pytest.mark.timeout(900)  # a minute and a half on an idle core
@pytest.mark.parametrize(
    "drawn",
    [
        {"seeds": (5, 5), "width": 200, "never": 0.3},
        {"seeds": (5, 5), "same_data": True},
        {"seeds": (5, 5), "same_data": True, "shared": True},
        {"seeds": (3, 8), "width": 200},
    ],
    ids=["apart", "paired", "shared", "unequal"],
)
@pytest.mark.parametrize("ratio", [1.0, 1.4])
def test_intervals_cover(drawn, ratio):
    """Of 100 studies, 95% of the intervals of each number hold the truth, and are not too wide.

    87 of 100 or fewer come once in 800, if intervals cover in 95%. Shares are known to be equal
    only at a ratio of 1. Intervals of shares, and of medians over all cells, are wider than needed.
    """
    studies = 100
    inside, known, paired_width = {}, {}, []
    for number in range(studies):
        a, b = draw_sides(np.random.default_rng(number), ratio, **drawn)
        found = contrast(match(a, b), number)
        for kind, one, same in numbers(found):
            truth = same if kind == "share" else ratio
            if (kind == "share" and ratio != 1) or one.change is None or one.change.low is None:
                continue
            key = kind, one.name
            known[key] = known.get(key, 0) + 1
            inside[key] = inside.get(key, 0) + (one.change.low <= truth <= one.change.high)
        within = found.within[1].change
        paired_width.append(np.log(within.high / within.low))
    assert {"median", "within"} <= {kind for kind, _ in known}
    for key, count in known.items():
        print(key, inside[key], count)
        assert inside[key] >= binom.ppf(0.00125, count, 0.95), key
    if drawn.get("same_data"):
        # The common part of a seed, 0.3 against 0.1, is no part of the ratio.
        assert np.median(paired_width) < 0.1


@pytest.mark.parametrize("ratio", [60.0, 1e4])
def test_a_side_of_which_hardly_any_generalize_has_no_ratio(ratio):
    """A ratio would be of times that nobody saw: B is watched for less."""
    sides = draw_sides(np.random.default_rng(5), ratio=ratio, seeds=(8, 8))
    assert sides[1].trials["generalized_epoch"].notna().mean() < 0.3
    found = contrast(match(*sides))
    by_name = {one.name: one for one in found.within}
    assert by_name["generalized"].change is None
