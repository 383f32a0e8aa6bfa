"""Landmark models: readings that tell a known part of the time that is left."""

import json

import numpy as np
import pandas as pd
import pytest

from analysis.formats import finite_json
from analysis.questions.concordance import concordance
from analysis.questions.forecast import ALL, AXES_ALONE, foresights
from analysis.questions.landmarks import ACCURACY, at_landmark
from analysis.text.forecast_text import forecast_answer, foresight_table
from study.errors import UsageError

TOLD, OWN = 0.4, 0.3  # of the log time that is left: by relevant_share, and by nothing
MEMORIZED = 20  # epochs
STEPS = 4


def drawn(rng, seeds=40, budget=4000):
    """Trials that generalize at 5 x memorizing or later, and their readings.

    `relevant_share` at the last reading tells TOLD z of the log time left, test accuracy nothing.
    """
    points = [
        (n, round(rows * n), decay)
        for n in (20, 30, 45)
        for rows in (3, 4)
        for decay in (0.01, 0.03)
    ]
    trials = pd.DataFrame(points, columns=["n", "train_size", "weight_decay"])
    trials["point_id"] = [f"p{number}" for number in range(len(trials))]
    trials = trials.merge(pd.DataFrame({"seed": range(seeds)}), how="cross")
    count = len(trials)
    z = rng.normal(size=count)
    log = np.log(5 * trials["n"] / trials["train_size"]) + TOLD * z + OWN * rng.normal(size=count)
    left = np.exp(log) / (0.1 * trials["weight_decay"] * STEPS)
    epoch = np.ceil(5 * MEMORIZED + left)
    happened = epoch <= budget
    last = np.minimum(epoch, budget)
    trials = trials.assign(
        trial_id=[f"t{number}" for number in range(count)], k=2, width=100, learning_rate=0.1,
        batch_size=32, init_scale=1.0, steps_per_epoch=STEPS, budget_epochs=budget,
        epochs_run=last, ended=np.where(happened, "decided", "budget"),
        memorized_epoch=MEMORIZED, memorized_after_epoch=MEMORIZED - 1,
        generalized_epoch=epoch.where(happened).astype("Int64"),
        generalized_after_epoch=(epoch - 1).where(happened, budget).astype("Int64"),
    )  # fmt: skip
    readings = [
        pd.DataFrame(
            {
                "trial_id": trials["trial_id"],
                "epoch": epoch,
                # Readings at other epochs mislead: the last by the landmark counts.
                "relevant_share": 1 / (1 + np.exp(z if epoch == 98 else -z)),
                "test_accuracy": rng.uniform(0.4, 0.6, size=count),
            }
        )
        for epoch in (1, 97, 98, 101)
    ]
    return trials, pd.concat(readings, ignore_index=True)


@pytest.fixture(scope="module")
def found():
    return foresights(*drawn(np.random.default_rng(1)))


def one(found, landmark, how, model):
    [answer] = [
        each
        for each in found
        if (each.landmark, each.held_out, each.model) == (landmark, how, model)
    ]
    return answer


def test_concordance_is_that_of_a_plain_loop():
    rng = np.random.default_rng(2)
    for _ in range(30):
        count = int(rng.integers(2, 40))
        time = rng.integers(1, 12, size=count).astype(float)
        happened = rng.random(count) < 0.6
        foretold = rng.integers(0, 8, size=count).astype(float)
        group = rng.integers(0, 3, size=count)
        right = known = 0.0
        for i in range(count):
            for j in range(count):
                outlived = time[j] > time[i] or (time[j] == time[i] and not happened[j])
                if group[i] == group[j] and happened[i] and outlived:
                    known += 1
                    right += (
                        1.0 if foretold[j] > foretold[i] else 0.5 * (foretold[j] == foretold[i])
                    )
        counts = concordance(time, happened, foretold, group)
        assert counts.comparable.sum() / 2 == known
        assert counts.concordant.sum() / 2 == right


def test_intervals_of_concordance_cover():
    """95% intervals hold the truth in at least 178 of 200 samples; fewer once in 1,000 tests."""
    rng, inside = np.random.default_rng(7), 0
    truth = 0.5 + np.arcsin(0.6) / np.pi
    for _ in range(200):
        foretold = rng.normal(size=60)
        time = 0.6 * foretold + 0.8 * rng.normal(size=60)
        bounds = concordance(time, np.ones(60, bool), foretold, np.arange(60) // 20).bounded
        inside += bounds.low < truth < bounds.high
    assert inside >= 178


def near(bounds, truth):
    """Within twice the reach of a 95% interval: missed once in 10,000."""
    return abs(bounds.estimate - truth) < bounds.high - bounds.low


@pytest.mark.parametrize("how", ["n", "seeds"])
def test_a_known_concordance_is_found(found, how):
    """Of two normal numbers with correlation r, pairs agree with chance 1/2 + arcsin(r) / pi."""
    truth = 0.5 + np.arcsin(TOLD / np.hypot(TOLD, OWN)) / np.pi
    answer = one(found, 5.0, how, "relevant_share")
    assert near(answer.within, truth)
    assert answer.within.high - answer.within.low < 0.12
    chance = one(found, 5.0, how, ACCURACY).within
    assert near(chance, 0.5)
    gain = one(found, 5.0, how, f"relevant_share + {ACCURACY}").gain
    assert near(gain, truth - chance.estimate)
    assert gain.low > 0.1


def test_the_axes_alone_tell_nothing_within_a_point(found):
    for answer in found:
        if answer.model == AXES_ALONE:
            assert answer.within.estimate == 0.5
            assert answer.overall > 0.52


def test_a_right_model_is_calibrated(found):
    for how in ("n", "seeds"):
        spread = one(found, 5.0, how, "relevant_share").spread
        # 160 and 240 trials; a larger n is foretold with the errors of the slopes in n, too.
        assert spread.central_half == pytest.approx(0.5, abs=0.16)
        assert spread.early == pytest.approx(0.5, abs=0.16 if how == "seeds" else 0.3)


def test_the_last_reading_by_the_landmark_counts(found):
    """At memorizing the last reading is that of epoch 1, which points the same way for all fits."""
    trials, readings = drawn(np.random.default_rng(1))
    there = at_landmark(trials, readings, 5.0)
    shown = readings[readings["epoch"] == 98].set_index("trial_id")["relevant_share"]
    shown = shown.loc[there.trials["trial_id"]].to_numpy()
    assert there.seen["relevant_share"] == pytest.approx(np.log(shown / (1 - shown)))


def test_time_left_is_in_decay_times_from_the_landmark():
    trials, readings = drawn(np.random.default_rng(3), seeds=3)
    there = at_landmark(trials, readings, 2.0)
    assert len(there.trials) == len(trials)
    first = there.trials.iloc[0]
    an_epoch = 0.1 * first["weight_decay"] * STEPS
    left = (first["generalized_epoch"] - 2 * MEMORIZED) * an_epoch
    assert np.exp(there.left.high[0]) == pytest.approx(left)
    assert np.exp(there.left.low[0]) == pytest.approx(left - an_epoch)


def test_trials_that_generalized_or_ended_by_the_landmark_are_not_there():
    trials, readings = drawn(np.random.default_rng(4), seeds=3)
    trials.loc[0, ["generalized_epoch", "epochs_run"]] = 2 * MEMORIZED
    trials.loc[1, ["generalized_epoch", "epochs_run"]] = [pd.NA, 2 * MEMORIZED]
    trials.loc[2, ["memorized_epoch", "generalized_epoch"]] = pd.NA
    there = at_landmark(trials, readings, 2.0)
    assert set(trials["trial_id"]) - set(there.trials["trial_id"]) == {"t0", "t1", "t2"}


def test_the_answer_is_text_and_json(found):
    answer = forecast_answer(*drawn(np.random.default_rng(5), seeds=30))
    text = "\n".join(answer.lines)
    assert "held out: the largest n, foretold from smaller n" in text
    assert "most beside test accuracy: relevant_share" in text
    assert len(json.loads(json.dumps(answer.content, allow_nan=False))) == len(found)
    table = foresight_table(found)
    assert set(table["landmark"]) == {1.0, 2.0, 5.0}
    assert ALL not in set(table["model"])  # a single measure


def test_what_is_not_known_is_null_in_json():
    content = {"a": [1.5, float("nan"), (np.float64("inf"), None)], "b": "nan", "c": True, "d": 3}
    expected = {"a": [1.5, None, [None, None]], "b": "nan", "c": True, "d": 3}
    assert finite_json(content) == expected


def test_too_few_trials_are_refused():
    trials, readings = drawn(np.random.default_rng(6), seeds=3)
    with pytest.raises(UsageError, match="a forecast needs them"):
        foresights(trials.head(20), readings)
