"""What a page and `analysis figures` draw of a study that asks a question."""

import numpy as np
import pytest
from pair_truths import draw_pairs
from ungrok_truths import draw_ungrokking
from wait_truths import WAIT_TRUTHS, draw_waits

from analysis.charts.theme import specification
from analysis.report import question_figures as asked
from analysis.report.question_figures import question_figures


@pytest.fixture(scope="module")
def waits():
    return draw_waits(WAIT_TRUTHS["wall"], np.random.default_rng(1), seeds=3)


def rows_of(figure, name):
    """The named rows of a figure's chart, wherever they stand."""

    def look(inside):
        if isinstance(inside, dict):
            if inside.get("name") == name and "values" in inside:
                yield inside["values"]
            for value in inside.values():
                yield from look(value)
        elif isinstance(inside, list):
            for value in inside:
                yield from look(value)

    return next(look(specification(figure.chart)))


def test_waits_that_may_be_one_curve_have_a_chart_for_each_k(waits):
    [figure] = question_figures("", waits.assign(setting="one"))
    assert figure.name == "collapse-k2"
    assert "k = 2" in figure.title
    assert {row["n"] for row in rows_of(figure, "cells")} == {16, 24, 36, 54}


def test_a_study_of_few_dataset_sizes_has_none(waits):
    few = waits[waits["train_size"] > waits["n"] * 4]
    assert not question_figures("", few.assign(setting="one"))


def test_points_of_one_product_have_a_forest():
    trials = draw_pairs(np.random.default_rng(2), 0.0, seeds=8, rows=(120, 180))
    [figure] = question_figures("", trials)
    assert figure.name == "pairs-0-sgd"
    assert all(row["label"].startswith("rate 0.") for row in rows_of(figure, "ratios"))
    assert {row["label"].partition(", ")[2] for row in rows_of(figure, "ratios")} == {
        "training rows 120",
        "training rows 180",
    }
    assert "Mean ratio" in figure.caption
    assert "All pairs have" not in figure.caption
    some = trials["train_size"] == 120
    settings = trials.assign(setting=some.map({True: "few", False: "many"}))
    few, many = question_figures("", settings)
    assert "All pairs have training rows 120." in few.caption
    assert "All pairs have training rows 180." in many.caption
    assert not any("rows" in row["label"] for row in rows_of(few, "ratios"))
    [named] = question_figures("", trials.assign(setting="../sgd hinge"))
    assert named.name == "pairs-0-sgd-hinge"


def test_nets_that_were_left_with_fewer_rows_have_their_shares():
    [figure] = question_figures("", draw_ungrokking(np.random.default_rng(3)))
    assert figure.name == "ungrok"
    shares = rows_of(figure, "shares")
    assert {row["begins"] for row in shares} == {"new", "grokked"}
    assert len(shares) == 20


def test_a_large_study_leaves_its_questions_to_the_commands(waits, monkeypatch):
    monkeypatch.setattr(asked, "MOST_ASKED", len(waits) - 1)
    assert not question_figures("", waits.assign(setting="one"))
