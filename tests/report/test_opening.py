"""The sentences that open a page, of ten studies."""

import pandas as pd
import pytest
from made_up import event, trials

from analysis.formats import records
from analysis.phases.cells import summary
from analysis.phases.grid import make_grid
from analysis.report.opening import opening

GROKS, SOON = event(20, 300), event(20, 25)
WAITS, NEVER = event(20), event()
SGD = {"settings": {"": {"train": {"optimizer": "sgd"}, "detect": {
    "memorized": 0.98, "generalized": 0.95, "hold": 3}}}}  # fmt: skip


def sentences(rows, manifest=SGD, **columns):
    """The opening of a study of two seeds a point; a row is what differs from the default."""
    frame = trials(
        *(
            {"task": "parity", "net": "relu", "point_id": str(number), "budget_epochs": 600}
            | {**columns, **row, "seed": seed, "trial_id": f"{number}-{seed}"}
            for number, row in enumerate(rows)
            for seed in (0, 1)
        )
    )
    return opening(frame, make_grid(frame), records(summary(frame)), manifest)


def along(axis, outcomes):
    return [{axis: value, **outcome} for value, outcome in outcomes.items()]


def test_it_says_what_was_trained():
    assert sentences([GROKS])["trained"] == (
        "(30, 2)-parity, ReLU nets of 100 neurons, SGD (learning rate 0.1, batches of 32), "
        "2 seeds of 1 point, at most 6,000 steps each. Parity: is the number of ones among 2 of "
        "the 30 input bits odd or even? Nets are not told which 2."
    )


def test_several_values_are_named_or_spanned():
    rows = [{"n": n, "k": k, **GROKS} for n in (20, 30, 45) for k in (2, 3)]
    detect = SGD["settings"][""]["detect"]
    both = {name: {"train": {"optimizer": name}, "detect": detect} for name in ("sgd", "adamw")}
    said = sentences(rows, {"settings": both})
    assert said["trained"].startswith(
        "parity of 2 and 3 of 20 to 45 bits, ReLU nets of 100 neurons"
    )
    assert "SGD and AdamW (learning rate 0.1" in said["trained"]
    assert "2 seeds of 6 points" in said["trained"]
    assert "is the number of ones among k of the n input bits odd" in said["trained"]


def test_a_task_modulo_a_number_is_named_by_it():
    said = sentences(
        [GROKS], task="addition", net="transformer", modulus=31, width=32, n=None, k=None
    )
    assert said["trained"].startswith("addition modulo 31, transformers of width 32, ")


def test_a_task_and_a_net_of_ones_own_keep_their_names():
    said = sentences([GROKS], task="majority", net="gated", k=None)
    assert said["trained"].startswith("majority, gated of width 100, ")
    assert "arity:" not in said["trained"]


def test_it_says_how_many_grokked_and_when():
    rows = along("train_size", {100: NEVER, 200: GROKS, 300: GROKS, 400: WAITS, 500: SOON})
    assert sentences(rows)["found"] == (
        "4 of 10 nets grokked: they fitted their training rows at epoch 20 and predicted unseen "
        "rows at epoch 300 (medians), 15 times as late. Of the others, 2 generalized without a "
        "long wait, 2 memorized only and 2 did neither."
    )


def test_it_says_so_where_none_or_all_grokked():
    none = sentences(along("train_size", {100: WAITS, 200: SOON}))
    assert none["found"] == (
        "None of 4 nets grokked: 2 generalized without a long wait and 2 memorized only."
    )
    assert none["where"] == ""
    every = sentences(along("train_size", {100: GROKS, 200: GROKS}))
    assert every["found"].endswith("(medians), 15 times as late.")
    assert every["where"] == "Cells that grok lie at every value of every axis."


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ({100: WAITS, 200: GROKS, 300: GROKS, 400: SOON}, "training rows 200 to 300"),
        ({100: WAITS, 200: GROKS, 300: SOON}, "training rows 200"),
        ({100: GROKS, 200: GROKS, 300: SOON}, "training rows 200 or less"),
        ({100: WAITS, 200: GROKS, 300: GROKS}, "training rows 200 or more"),
    ],
)
def test_it_says_where_cells_grok(outcomes, said):
    assert sentences(along("train_size", outcomes))["where"] == f"Cells that grok have {said}."


def test_axes_where_cells_grok_everywhere_are_passed_over():
    rows = [
        {"train_size": size, "weight_decay": decay, "width": width, **outcome}
        for size, outcome in {100: WAITS, 200: GROKS}.items()
        for decay, width in ((0.01, 50), (0.03, 100))
    ]
    rows.append({"train_size": 200, "weight_decay": 0.3, "width": 50, **NEVER})
    assert sentences(rows)["where"] == (
        "Cells that grok have weight decay 0.03 or less and training rows 200."
    )


def test_the_rule_has_the_thresholds_of_the_study():
    assert sentences([GROKS])["rule"] == (
        "A net has memorized when its accuracy on training rows is above 0.98 for 3 readings in a "
        "row, and generalized when its accuracy on test rows is above 0.95 for 3 readings in a row."
    )


def test_a_first_store_without_settings_says_what_it_knows():
    said = sentences([GROKS], {}, net=None)
    assert "arity:" not in sentences([GROKS], {}, task=pd.NA)["trained"]
    assert "ReLU nets of 100 neurons, learning rate 0.1, batches of 32, " in said["trained"]
    assert said["rule"] == ""
