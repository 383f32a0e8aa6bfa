"""The page of a comparison, and the command that writes it."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from simulated import QUICK, empty_store, simulate
from two_sides import draw_sides

from analysis import cli, load_trials
from analysis.figures.side_slices import common_slice, side_slices
from analysis.phases.cells import cells
from analysis.questions.matching import match

HALVES = "--where", "train_size < 400", "--with", "train_size >= 400"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stores")


@pytest.fixture(scope="module")
def quick(folder):
    return simulate(folder / "quick", QUICK | {"seeds": 6})


@pytest.fixture(scope="module")
def wider(folder):
    """The rows of `quick` with wider nets, in two settings that share their data."""
    axes = QUICK["axes"] | {"width": 200, "weight_decay": [0.003, 0.01, 0.03]}
    hinge, logistic = ({"label": loss, "train": {"loss": loss}} for loss in ("hinge", "logistic"))
    study = {**QUICK, "name": "wider", "seeds": 6, "axes": axes}
    return simulate(folder / "wider", study | {"settings": [hinge, logistic]})


@pytest.fixture
def compare(run_main, tmp_path):
    """Run `analysis compare`; gives its exit code, stdout and stderr as text, and the page."""

    def run(*arguments):
        page = tmp_path / "compare.html"
        code, out, err = run_main(cli.main, "compare", *arguments, "-o", page)
        return code, out.decode(), err, page.read_text() if page.exists() else ""

    return run


def labels(page):
    """What a screen reader says of each cell, of all diagrams of a page."""
    return set(re.findall(r'aria-label="([^"]*(?:generaliz|trials|compared)[^"]*)"', page))


def test_two_filters_of_a_store(compare, quick):
    code, out, err, page = compare(quick, *HALVES)
    assert (code, err.count("\n")) == (0, 1)
    assert out.startswith(f"A: {quick} where train_size < 400\nB: {quick} where train_size >= 400")
    assert "A and B differ in training rows (200 and 300 in A, 400 to 1,000 in B)." in out
    assert "72 trials of A and 108 of B, in 6 cells of weight decay; not paired" in out
    assert "Each cell has all values of training rows of its side." in page
    assert "where train_size &lt; 400" in page
    assert "train_size < 400" not in page
    assert "undefined" not in page
    assert "NaN" not in page
    assert "<script" not in page
    assert set(re.findall(r"https?://[\w.]+", page)) <= {"http://www.w3.org"}


def test_two_stores_and_the_cells_that_one_has_alone(compare, quick, wider):
    code, out, _, page = compare(quick, wider)
    assert code == 0
    assert "not paired" in out
    alone = [label for label in labels(page) if label.endswith("only A has trials")]
    assert len(alone) == 3 * 5
    ratios = [label for label in labels(page) if "half generalize at epoch" in label]
    axes = ["weight_decay", "train_size"]
    medians = [
        cells(load_trials(store), axes).set_index(axes)["generalized_median_epoch"].dropna()
        for store in (quick, wider)
    ]
    both = medians[0].index.intersection(medians[1].index)
    assert len(ratios) == len(both) == 9
    said = " ".join(ratios)
    for cell in both:
        assert f"at epoch {medians[0][cell]} in A and {medians[1][cell]} in B" in said


def test_two_settings_are_paired_by_seed(compare, wider):
    code, out, _, _ = compare(wider, "--settings", "hinge", "logistic", "--json")
    answer = json.loads(out)
    assert code == 0
    assert answer["pairing"] == "paired"
    assert answer["a"]["compared"] == answer["b"]["compared"] == 90
    assert {"what": "train.loss", "a": "hinge", "b": "logistic"} in answer["differ"]
    assert len(answer["cells"]) == 15
    # Simulated times are made of a trial's stream, which both settings share.
    assert {row["ratio"] for row in answer["cells"]} == {1.0, None}
    for one in answer["shares"]:
        assert one["change"]["low"] <= 0 <= one["change"]["high"]


def test_axes_have_the_values_of_the_slice_that_is_shown():
    """Points of another learning rate, with rows of their own, are no rows of the diagrams."""
    sides = []
    for side in draw_sides(np.random.default_rng(1), width=200):
        more = side.trials[side.trials["train_size"] < 400]
        more = more.assign(
            learning_rate=0.3,
            train_size=more["train_size"] + 50,
            point_id=more["point_id"] + " fast",
        )
        sides.append(replace(side, trials=pd.concat([side.trials, more], ignore_index=True)))
    matching = match(*sides)
    axes = "weight_decay", "train_size"
    for shown in (*side_slices(matching, axes), common_slice(matching, axes)):
        assert shown.words == "Shown: learning rate 0.1."
        assert shown.grid.rulers[1].labels == ("200", "300", "400", "600", "1,000")
        assert (matching.trials["learning_rate"][shown.rows] == 0.1).all()
        assert shown.grid.cells["trials"].sum() == shown.rows.sum() > 0


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["{quick}"], 2, "against itself; a comparison has two sides"),
        (["{quick}", "{quick}/"], 2, "against itself"),
        (["{quick}", "--with", "k == 2"], 2, "against itself"),
        (["{quick}", "--settings", "", ""], 2, "against itself"),
        (["{quick}", "--where", "k > 9", "--with", "k == 2"], 2, "no trials; each side has some"),
        (["{quick}", "--where", "k == 2", "--with", "k < 3"], 2, "180 trials are in A and in B"),
        (["{wider}", "--settings", "hinge", "loggistic"], 2, "Did you mean 'logistic'?"),
        (["{quick}", "--where", "kk == 9", "--with", "k == 2"], 2, "Did you mean"),
        (["{quick}", "{folder}/none"], 1, "no study here"),
        (["{quick}", "{empty}"], 1, "no trials yet"),
        (["{quick}", "{wider}", "--x", "width"], 2, "'width' has one value here"),
        (
            ["{quick}", "--where", "train_size < 300 and weight_decay < 0.01",
             "--with", "train_size >= 300 and weight_decay > 0.01"],
            2, "A and B have no cell in common",
        ),
    ],
)  # fmt: skip
def test_nonsense_is_one_sentence(compare, quick, wider, folder, arguments, code, part):
    empty = folder / "empty"
    if not empty.exists():
        empty_store(empty)
    places = {"quick": quick, "wider": wider, "folder": folder, "empty": empty}
    got, out, err, page = compare(*(one.format(**places) for one in arguments))
    assert (got, out, page) == (code, "", "")
    assert part in err
    assert err.count("\n") == 1
