"""A value in a filter that no trial has is told, with the nearest one that trials have."""

import warnings

import pyarrow as pa
import pytest
from hypothesis import given
from random_filters import filters, frames
from simulated import QUICK, simulate

from analysis import load_trials
from analysis.tables.filter_hints import FilterWarning, filter_hints
from analysis.tables.where import COLUMNS, read_filter
from study.store.store import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    decays = {"log": [0.001, 1.0], "points": 10}
    study = {**QUICK, "axes": {**QUICK["axes"], "weight_decay": decays}}
    return simulate(tmp_path_factory.mktemp("store") / "quick", study)


def told(store, where):
    """The frame that a filter gives, and the warnings."""
    with warnings.catch_warnings(record=True, category=FilterWarning) as caught:
        warnings.simplefilter("always")
        return load_trials(store, where), [str(one.message) for one in caught]


def test_a_value_as_a_table_prints_it_is_told(store):
    values = sorted(set(load_trials(store)["weight_decay"]))
    for value in values:
        rounded = f"{value:.3g}"
        found, said = told(store, f"weight_decay == {rounded}")
        if float(rounded) == value:
            assert len(found)
            assert said == []
        else:
            nearest = f"the nearest value is {str(value).removesuffix('.0')}."
            assert found.empty
            assert said == [f"no trial has weight_decay == {rounded}; {nearest}"]
    assert any(float(f"{value:.3g}") != value for value in values)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("train_size in [200, 201] and seed != 77",
         ["no trial has train_size == 201; the nearest value is 200.",
          "no trial has seed == 77; the nearest value is 4."]),
        ("12 == k", ["no trial has k == 12; the nearest value is 2."]),
        ("modulus == 7", ["no trial has modulus == 7; modulus is null in every trial."]),
        ('phase == "Grokking"', ['no trial has phase == "Grokking". Did you mean "grokking"?']),
        ("task == 'modular'", ["no trial has task == 'modular'."]),
        ("net == 'mlp'", ["no trial has net == 'mlp'; net is null in every trial."]),
        ('ended == "diverged"', []),  # a word that is right is no slip
        ("train_size > 201 and weight_decay < 0.5", []),
    ],
)  # fmt: skip
def test_examples(store, where, said):
    assert told(store, where)[1] == said


def test_the_beginning_of_an_id_is_completed(store):
    whole = load_trials(store)["trial_id"].iloc[3]
    [said] = told(store, f'trial_id == "{whole[:9]}"')[1]
    assert said == f'no trial has trial_id == "{whole[:9]}". Did you mean "{whole}"?'


@given(filters, frames)
def test_one_comparison_that_finds_nothing_is_always_told(filter_, rows):
    text, _ = filter_
    table = pa.Table.from_pylist(rows, COLUMNS)
    plain = text.count("==") == 1 and not any(word in text for word in ("and", "or", "not", "in "))
    alone = plain and any(sign in text for sign in ("== ", "==")) and '"' not in text
    hints = filter_hints(text, table.column)
    literal = text.split("==")[-1].strip() if alone else ""
    if alone and literal.replace(".", "").isdigit() and rows:
        assert bool(hints) == (not table.filter(read_filter(text)).num_rows)


def test_a_study_without_trials_misses_nothing():
    empty = COLUMNS.empty_table()
    assert filter_hints("k == 9", empty.column) == []


def test_the_warning_names_the_line_that_asked(store):
    with pytest.warns(FilterWarning) as caught:
        load_trials(Store(store).url, "k == 9")
    assert caught[0].filename == __file__


def test_what_a_found_trial_has_is_not_looked_for_in_a_million():
    found = pa.table({"width": [100, 100], "n": [30, 31]})
    asked = []

    def column(name):
        asked.append(name)
        return pa.chunked_array([[30, 31, 32]])

    assert filter_hints("width == 100 and (n == 30 or n == 40)", column, found) == [
        "no trial has n == 40; the nearest value is 32."
    ]
    assert asked == ["n"]
