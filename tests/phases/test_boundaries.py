"""Boundaries: contours of known functions, and surfaces fitted to trials whose truth is known."""

import json

import numpy as np
import pandas as pd
import pytest
from boundary_truths import truth_named
from simulated import simulate

from analysis import cli
from analysis.phases.boundary import boundary, zero_lines
from analysis.phases.slices import StudyBoundary
from analysis.text.boundary_text import boundary_lines
from study.errors import UsageError

PARABOLA = truth_named("parabola")


def test_a_closed_contour_is_one_line_that_ends_where_it_began():
    side = np.linspace(-1, 1, 41)
    rows, columns = np.meshgrid(side, side, indexing="ij")
    [line] = zero_lines(rows**2 + columns**2 - 0.5)
    assert np.array_equal(line[0], line[-1])
    radii = np.hypot(*(line / 20 - 1).T)
    assert np.abs(radii**2 - 0.5).max() < 0.001
    length = np.hypot(*np.diff(line / 20, axis=0).T).sum()
    assert length == pytest.approx(2 * np.pi * np.sqrt(0.5), rel=0.01)


def test_a_saddle_gives_two_lines_that_keep_the_middle_together():
    side = np.linspace(-1, 1, 8)  # the saddle is within a square
    rows, columns = np.meshgrid(side, side, indexing="ij")
    for shift in (0.001, -0.001):
        lines = zero_lines(rows * columns + shift)
        # A line stays in one quarter, where the product has the sign that is not the middle's.
        quarters = [np.sign(line / 3.5 - 1).mean(axis=0).round() for line in lines]
        assert len(quarters) == 2
        assert all(np.prod(quarter) == -np.sign(shift) for quarter in quarters)
    assert zero_lines(rows + 9) == []


def test_all_trials_on_one_side_say_where_to_widen():
    trials = PARABOLA.trials(0)
    none = trials.assign(generalized_epoch=pd.array([pd.NA] * len(trials), "Int64"))
    with pytest.raises(UsageError, match=r"lacks it.*train_size above 300 first"):
        boundary(none, "weight_decay", "train_size")
    late = (1000 / trials["train_size"]).round().astype("Int64")
    with pytest.raises(UsageError, match=r"had it.*train_size below 30 first"):
        boundary(trials.assign(generalized_epoch=late), "weight_decay", "train_size")


@pytest.mark.parametrize(
    ("change", "arguments", "sentence"),
    [
        ({}, ("width", "train_size"), "width: one value in 1152 trials"),
        ({}, ("weight_decay", "rows"), "'rows'; an axis is one of"),
        ({}, ("weight_decay", "weight_decay"), "twice"),
        ({}, ("weight_decay", "train_size", "epochs_run"), "'epochs_run'; an event is one of"),
        ({"weight_decay": lambda t: t["weight_decay"].where(t["weight_decay"] > 0.002, 0.0)},
         ("weight_decay", "train_size"), "weight_decay: online or 0 in 192 trials"),
        ({"k": lambda t: 2 + t.index % 2}, ("weight_decay", "train_size"), "k: 2 values"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_in_a_sentence(change, arguments, sentence):
    with pytest.raises(UsageError, match=sentence):
        boundary(PARABOLA.trials(0).assign(**change), *arguments)


def test_every_slice_has_its_boundary_or_says_why_not():
    trials = PARABOLA.trials(0).assign(k=2)
    none = PARABOLA.trials(1).assign(k=3, generalized_epoch=pd.array([pd.NA] * 1152, "Int64"))
    both = pd.concat([trials, none], ignore_index=True)
    study = StudyBoundary.of(both, None, None, "generalized_epoch")
    first, second = study.slices
    assert (study.x, study.y) == ("weight_decay", "train_size")
    assert first.at == {"k": 2}
    assert len(first.points) > 50
    assert "lacks it" in second.lacking
    assert any("lacks it" in line for line in boundary_lines(study))


def test_phases_prints_the_boundary(tmp_path, run_main):
    store = simulate(tmp_path / "quick")
    code, out, err = run_main(cli.main, "phases", store, "--boundary", "--json")
    assert code == 0, err
    [part] = json.loads(out)["boundary"]["slices"]
    assert part["trials"] == 150
    sizes = [point["y"] for point in part["points"] if 0.01 < point["x"] < 0.05]
    assert sizes
    assert all(200 <= size <= 400 for size in sizes)  # the model: never below 250 rows
    assert all(point["low"] <= point["y"] <= point["high"] for point in part["points"])

    code, out, _ = run_main(cli.main, "phases", store, "--boundary")
    assert b"boundary of generalized_epoch, 150 trials" in out
    code, _, err = run_main(cli.main, "phases", store, "--boundary", "--x", "width")
    assert (code, err.count("\n")) == (2, 1)
    assert "one value" in err
