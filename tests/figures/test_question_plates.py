"""What `analysis figures` draws of a study that asks a question."""

import numpy as np
import pytest
from pair_truths import draw_pairs
from wait_truths import WAIT_TRUTHS, draw_waits

from analysis.figures.question_plates import question_plates


@pytest.fixture(scope="module")
def waits():
    return draw_waits(WAIT_TRUTHS["wall"], np.random.default_rng(1), seeds=3)


def test_waits_that_may_be_one_curve_have_a_plate_for_each_k(waits):
    [plate] = question_plates("", waits.assign(setting="one"))
    [drawing] = plate.drawings
    assert drawing.name == "collapse-k2"
    assert "k = 2" in plate.title
    assert set(drawing.frame["n"]) == {16, 24, 36, 54}


def test_a_study_of_few_dataset_sizes_has_none(waits):
    few = waits[waits["train_size"] > waits["n"] * 4]
    assert not question_plates("", few.assign(setting="one"))


def test_points_of_one_product_have_a_forest():
    trials = draw_pairs(np.random.default_rng(2), 0.0, seeds=8, rows=(120, 180))
    [plate] = question_plates("", trials)
    [drawing] = plate.drawings
    assert drawing.name == "pairs-0-sgd"
    assert drawing.frame["label"].str.startswith("rate 0.").all()
    assert "mean ratio" in plate.caption
    [named] = question_plates("", trials.assign(setting="../sgd hinge"))
    assert named.drawings[0].name == "pairs-0-sgd-hinge"
