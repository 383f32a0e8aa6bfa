"""Charts for notebooks: the rows inside a chart are those of the frames, in the page's theme."""

import altair as alt
import numpy as np
import pandas as pd
import pytest
from simulated import QUICK, simulate

import analysis
from analysis.laws import fit_law, views
from analysis.phases.cells import cells
from study.errors import UsageError


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    few = {"train_size": [200, 400, 600, 1000], "weight_decay": [0.001, 0.01, 0.03, 0.3]}
    study = {**QUICK, "seeds": 2, "axes": {**QUICK["axes"], **few}}
    return simulate(tmp_path_factory.mktemp("store") / "quick", study)


@pytest.fixture(scope="module")
def trials(store):
    return analysis.load_trials(store)


def rows_of(chart, name):
    """The rows with a name inside a chart that Altair has checked."""
    assert isinstance(chart, alt.LayerChart)
    spec = chart.to_dict()
    assert spec["config"]["font"].startswith("system-ui"), "the page's theme"
    parts = {layer["data"].get("name"): layer["data"].get("values") for layer in layers_of(spec)}
    return pd.DataFrame(spec.get("datasets", {}).get(name) or parts[name])


def sure_of(trials):
    """Trials that all generalize: there is no boundary among them."""
    return trials[trials["train_size"].ge(600) & trials["weight_decay"].between(0.01, 0.1)]


def layers_of(spec):
    """The layers of a specification that have data of their own, at any depth."""
    own = [spec] if "data" in spec else []
    return own + [one for layer in spec.get("layer", []) for one in layers_of(layer)]


def test_a_diagram_holds_every_cell_and_the_boundary(trials):
    chart = analysis.boundary_chart(trials)
    drawn = rows_of(chart, "cells").sort_values(["y0", "x0"])
    expected = cells(trials, by=["train_size", "weight_decay"])
    for column in ("phase", "generalized", "trials", "hatched"):
        assert list(drawn[column]) == list(expected[column]), column
    assert len(rows_of(chart, "boundary")) > 5
    assert chart.properties(width=900).to_dict()["width"] == 900
    sure = sure_of(trials)
    by_phase = rows_of(analysis.phase_diagram(sure), "cells")
    assert set(by_phase["phase"]) == set(cells(sure, by=["train_size", "weight_decay"])["phase"])
    by_median = analysis.phase_diagram(sure, "train_size", "weight_decay", "median")
    assert rows_of(by_median, "cells")["trials"].sum() == len(sure)
    assert rows_of(by_median, "cells")["x0"].max() > 100


def test_a_diagram_of_several_slices_says_which_it_shows(tmp_path):
    axes = {
        **QUICK["axes"],
        "width": [50, 100],
        "train_size": [200, 400],
        "weight_decay": [0.01, 0.1],
    }
    store = simulate(tmp_path / "wide", {**QUICK, "seeds": 1, "axes": axes})
    chart = analysis.phase_diagram(analysis.load_trials(store)).to_dict()
    assert chart["title"]["text"] in {"width 50", "width 100"}


def test_curves_are_the_readings_with_the_medians_of_their_trials(store, trials):
    cell = trials[(trials["train_size"] == 600) & (trials["weight_decay"] == 0.03)]
    readings = analysis.load_readings(store, cell)
    chart = analysis.transition_curves(cell, readings)
    drawn = rows_of(chart, "curves")
    for name in ("train", "test"):
        part = drawn[drawn["set"] == name].sort_values(["trial", "epoch"])
        wanted = readings.sort_values(["trial_id", "epoch"])
        assert np.array_equal(part["value"], wanted[f"{name}_accuracy"])
    events = rows_of(chart, "events")
    assert list(events["epoch"]) == [
        np.sort(cell[f"{event}_epoch"])[(len(cell) - 1) // 2]
        for event in ("memorized", "generalized")
    ]
    norms = rows_of(analysis.transition_curves(cell, readings, "weight norm"), "curves")
    assert len(norms) == len(readings)


def test_survival_and_law_are_those_of_the_frames(trials):
    curves = rows_of(analysis.survival(trials, "weight_decay"), "survival")
    part = views.slice_of(trials, "generalized", "weight_decay")
    assert len(curves) == len(views.survival_steps(part, "generalized", "weight_decay"))
    watched = trials[trials["train_size"] >= 300]
    fit = fit_law(watched, "decay_time", "generalized")
    lines, medians = views.law_curves(fit, watched, "weight_decay", "train_size")
    chart = analysis.law_chart(watched, "decay_time", "weight_decay")
    np.testing.assert_allclose(rows_of(chart, "law")["steps"].astype(float), lines["steps"])
    np.testing.assert_allclose(rows_of(chart, "cells")["steps"].astype(float), medians["steps"])


def test_the_lack_of_a_boundary_is_said(trials):
    with pytest.raises(UsageError, match="a boundary"):
        analysis.boundary_chart(sure_of(trials))


def test_a_strip_has_a_line_for_each_trial_with_an_event(trials):
    able = trials[trials[["memorized_epoch", "generalized_epoch"]].notna().any(axis=1)]
    drawn = rows_of(analysis.delay_strip(trials), "strip")
    assert set(drawn["trial_id"]) == set(able["trial_id"])
    assert drawn["label"].nunique() == able["weight_decay"].nunique()
    by_rows = rows_of(analysis.delay_strip(trials, "train_size"), "strip")
    assert set(by_rows["label"]) == {"200", "400", "600", "1,000"}
    late = drawn[drawn["kind"] == "waited"].merge(trials, on="trial_id")
    assert (late["start"] == late["memorized_epoch"]).all()
    assert (late["end"] == late["generalized_epoch"]).all()


REFUSED = [
    (lambda trials: analysis.delay_strip(trials, "width"), "an axis that varies here"),
    (lambda trials: analysis.delay_strip(trials[:0]), "0 trials; a chart needs some"),
    (
        lambda trials: analysis.delay_strip(trials[trials["memorized_epoch"].isna()]),
        "memorized or generalized; a strip needs one",
    ),
    (lambda trials: analysis.phase_diagram(trials, color="phases"), "Did you mean 'phase'"),
    (lambda trials: analysis.phase_diagram(trials, color="sparsity"), "no cell has a number"),
    (lambda trials: analysis.phase_diagram(trials, "widht"), "Did you mean 'width'"),
    (lambda trials: analysis.phase_diagram(trials[:0]), "0 trials; a chart needs some"),
    (lambda trials: analysis.survival(trials, "width"), "an axis that varies here"),
    (lambda trials: analysis.law_chart(trials, "powr"), "Did you mean 'power'"),
    (lambda trials: analysis.transition_curves(pd.concat([trials] * 2), trials), "at most 50"),
    (lambda trials: analysis.transition_curves(trials[:2], trials, "loses"), "Did you mean 'loss'"),
]


@pytest.mark.parametrize(("ask", "said"), REFUSED)
def test_what_cannot_be_drawn_is_said(trials, ask, said):
    with pytest.raises(UsageError, match=said):
        ask(trials)
