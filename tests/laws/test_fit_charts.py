"""Whether a law fits, as the report shows it: the words, the points against the law, the forest."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import vl_convert
from law_truths import TRUTHS, draw
from simulated import QUICK, simulate

from analysis import fit_law, load_trials
from analysis.charts import law_charts
from analysis.laws import views
from analysis.laws.equations import LAWS
from analysis.laws.fit import with_adequacy
from analysis.laws.statements import published_slope
from analysis.laws.strata import Bounded, SlopesWithin
from analysis.report.law_section import law_section, verdict_sentence
from study.vocabulary.columns import EVENT_COLUMNS, after_column


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Trials whose times no law of the report states."""
    store = simulate(tmp_path_factory.mktemp("store") / "quick", QUICK)
    return load_trials(store, "weight_decay < 0.2")


def whole(trials):
    """Drawn trials with the other columns that the section reads; they memorize in epoch 1."""
    levels = (90, 95, 98, 99)
    return trials.assign(
        memorized_epoch=1,
        memorized_after_epoch=0,
        ungrokked_epoch=None,
        final_test_accuracy=0.5,
        **{f"memorized_epoch_{level}": 1 for level in levels},
        **{f"generalized_epoch_{level}": trials["generalized_epoch"] for level in levels},
        **dict.fromkeys(map(after_column, EVENT_COLUMNS[2:]), pd.NA),
    )


def symbols(chart):
    """The points in a chart by layer, each layer as centers in pixels; and the whole picture."""
    svg = vl_convert.vegalite_to_svg(chart.to_dict(validate=False))
    groups = re.findall(r'<g class="mark-symbol role-mark[^>]*?(?:/>|>(.*?)</g>)', svg)
    centers = [re.findall(r'"translate\(([-\d.]+),([-\d.]+)\)', group) for group in groups]
    return [np.array(layer, float).reshape(-1, 2) for layer in centers], svg


def test_a_point_is_where_the_law_and_its_trials_say():
    trials = draw(TRUTHS["critical_rows"], np.random.default_rng(1), 0.4)
    hopeless = trials[trials["train_size"] == 260].head(20).assign(train_size=200, point_id="few")
    hopeless["generalized_epoch"] = pd.array([None] * 20, "Int64")
    hopeless["generalized_after_epoch"] = hopeless["budget_epochs"]
    trials = pd.concat([trials, hopeless], ignore_index=True)
    fit = fit_law(trials, "critical_rows")
    points = views.calibration_points(fit, trials).set_index("point")
    assert points.loc["train size 200", ["stated", "steps", "reached"]].isna().tolist() == [1, 0, 0]
    assert points["stated"].isna().sum() == 1
    for rows, members in trials.groupby("train_size"):
        point = points.loc[f"train size {rows:,}"]
        times = members["generalized_epoch"].astype(float).fillna(np.inf) * 10
        assert point["trials"] == len(members)
        assert point["reached"] == (times.median() < np.inf)
        if point["reached"]:  # the middle of an even number of times is between two of them
            assert point["steps"] == pytest.approx(np.sort(times)[(len(times) - 1) // 2])
            assert point["stated"] == pytest.approx(fit.predict(members.head(1))[0])
        else:
            assert point["steps"] == pytest.approx(members["budget_epochs"].iloc[0] * 10)


def test_of_very_many_points_some_are_on_show():
    trials = draw(TRUTHS["power"], np.random.default_rng(0), 0.3, trials=1400)
    alone = trials.assign(point_id=[f"p{i}" for i in range(len(trials))])
    points = views.calibration_points(fit_law(alone), alone)
    assert len(points) == 700  # every second
    assert points.index[1] == 2


def test_points_that_agree_are_on_the_diagonal_and_never_is_at_the_right_edge():
    points = pd.DataFrame(
        {
            "point": list("abcd"),
            "stated": [10.0, 100.0, 1000.0, None],
            "steps": [10.0, 200.0, 1000.0, 500.0],
            "reached": [True, True, True, False],
            "trials": 5,
            "events": [5, 5, 5, 1],
        }
    )
    (dots, edge), svg = symbols(law_charts.calibration_chart(points))
    above = (420 - dots[:, 0]) / 420 - dots[:, 1] / 300  # the diagram is 420 wide, 300 high
    np.testing.assert_allclose(above[[0, 2]], 0, atol=1e-9)
    assert above[1] > 0.1  # seen later than stated
    assert edge[:, 0].tolist() == [420]
    assert ">never<" in svg
    assert ">trials<" not in svg  # all points have as many
    (dots, edge), svg = symbols(
        law_charts.calibration_chart(points.head(3).assign(trials=[2, 5, 9]))
    )
    assert (len(dots), len(edge)) == (3, 0)
    assert ">never<" not in svg
    assert ">trials<" in svg


def slopes(count):
    """Slopes within strata of two axes, of which one varies; the last stratum has none."""
    table = pd.DataFrame({"n": 20.0, "train_size": np.arange(count) + 100, "slope": 0.0})
    table["slope"] = np.random.default_rng(0).permutation(np.linspace(-1, 1, count))
    table = table.assign(low=table["slope"] - 0.2, high=table["slope"] + 0.3, trials=8, events=6)
    table.loc[count, "train_size"] = 9999.0
    mean = Bounded(0.1, 0.0, 0.2)
    return SlopesWithin("weight_decay", mean, mean, mean, mean, table, 8 * count)


def test_a_forest_has_strata_by_slope_and_then_the_mean():
    within = slopes(7)
    shown = views.forest(within)
    assert (shown.heading, shown.left_out) == ("train\N{NO-BREAK SPACE}size", 0)
    own = shown.rows[~shown.rows["is_mean"]]
    assert own["slope"].is_monotonic_increasing
    assert own["label"].tolist() == [
        f"{size:.0f}" for size in within.strata.sort_values("slope")["train_size"].iloc[:7]
    ]
    last = shown.rows.iloc[-1]
    assert last[["label", "slope", "low", "high"]].tolist() == ["mean of 7", 0.1, 0.0, 0.2]
    assert (last["trials"], last["events"]) == (56, 42)


def test_a_forest_of_many_strata_shows_forty_with_both_ends():
    shown = views.forest(slopes(100))
    assert shown.left_out == 60
    assert len(shown.rows) == 41
    assert shown.rows["slope"].iloc[[0, -2]].tolist() == [-1.0, 1.0]


def test_a_forest_is_drawn_with_its_claim():
    shown = views.forest(slopes(7))
    (own, mean), svg = symbols(law_charts.forest_chart(shown.rows, shown.heading, 1.0))
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {shown.heading, *shown.rows["label"]} <= set(texts)
    assert len(own) == 7
    assert (np.diff(own[:, 0]) > 0).all()
    assert (np.diff(own[:, 1]) > 0).all()
    assert mean[0, 1] > own[:, 1].max()
    [[x]] = [re.findall(r"<line[^>]*translate\(([\d.]+),[^>]*stroke-dasharray", svg)]
    assert float(x) == pytest.approx(own[-1, 0])  # the last slope is 1, as claimed
    long = " · ".join(["n", "k", "width", "learning\N{NO-BREAK SPACE}rate"] * 2)
    wrapped = symbols(law_charts.forest_chart(shown.rows, long, 1.0))[1]
    lines = re.findall(r"<tspan[^>]*>([^<]*)<", wrapped)
    assert " ".join(lines) == long
    assert max(map(len, lines)) < 40 < len(long)
    plain = law_charts.forest_chart(shown.rows, shown.heading, None)
    assert "stroke-dasharray" not in symbols(plain)[1]


def test_a_claim_is_that_of_the_statement():
    assert published_slope("weight_decay", "generalized") == -1
    assert published_slope("norm_ratio", "delay") == 1
    assert published_slope("weight_decay", "memorized") is None


def test_the_section_says_that_laws_are_rejected(quick):
    text, figures = law_section(quick)
    assert text.startswith(
        "<p><strong>Of 5 laws, saturating fits best inside the data (AIC lower by "
    )
    assert "<strong>But every law below is rejected: their numbers describe no network" in text
    [cell] = re.findall(r"<tr><th scope='row'>saturating.*?<td>(.*?)</td>", text)
    assert re.fullmatch(r"rejected<br><small class='soft'>deviance \d+ on 10</small>", cell)
    assert "<li><code>slope_weight_decay</code> of saturating: -0.7" in text
    titles = [figure.title for figure in figures if figure.axis is None]
    assert titles[0] == "Each point against the law saturating: rejected"
    assert titles[1] == "What the time depends on"
    assert titles[2] == "Slopes of weight decay within strata"  # single seeds grok: no regime
    names = [figure.name for figure in figures]
    assert len(set(names)) == len(names)


def test_a_law_that_holds_is_not_called_rejected():
    trials = whole(draw(TRUTHS["power"], np.random.default_rng(0), 0.3))
    text, figures = law_section(trials)
    assert "rejected: " not in text
    assert "<li>" not in text
    assert ">decay_time<" in text
    assert text.count("<td>not rejected<br>") >= 2  # power and decay_time
    assert text.count("<td>rejected<br>") >= 1  # constant
    captions = [figure.caption for figure in figures if figure.name.startswith("calibration")]
    assert [caption.split(":")[0] for caption in captions] == ["Not rejected"]
    [forest] = [figure for figure in figures if figure.name == "slopes-weight_decay"]
    assert forest.title == "Slopes of weight decay within strata that grok"
    assert "the mean of 3 strata" in forest.caption
    assert "Dashes: -1, as published" in forest.caption


def test_trials_at_zero_on_an_axis_are_left_out_of_the_section():
    """As those without label noise, in a study that varies it: laws take logarithms."""
    trials = whole(draw(TRUTHS["power"], np.random.default_rng(0), 0.3, trials=200))
    least = trials["weight_decay"] == trials["weight_decay"].min()
    text, figures = law_section(trials.assign(weight_decay=trials["weight_decay"].mask(least, 0.0)))
    count = int(least.sum())
    left = f"weight_decay is 0 in {count} of {len(trials)} trials, and laws take logarithms"
    assert f"{left}: the other {len(trials) - count} are fitted." in text
    assert "along-weight_decay" in [figure.name for figure in figures]


def test_a_sentence_says_which_law_fits_and_whether_it_extrapolates():
    trials = draw(TRUTHS["power"], np.random.default_rng(0), 0.3, trials=140)
    constant, power = (with_adequacy(fit_law(trials, law), trials) for law in ("constant", "power"))
    lower = f"AIC lower by {constant.aic - power.aic:,.0f} than the next"
    first, second = replace(power, heldout=-1.0), replace(constant, heldout=-2.0)
    said = verdict_sentence([first, second])
    assert f"Of 2 laws, power fits best inside the data ({lower}).</strong> It also" in said
    assert "rejected" not in said
    worse = [replace(constant, heldout=-1.0), replace(power, heldout=-2.0)]
    assert "No law extrapolates: a constant predicts" in verdict_sentence(worse)
    assert "No axis has the three values" in verdict_sentence([power, constant])
    other = replace(first, law=LAWS["decay_time"], heldout=-0.5, aic=first.aic + 1)
    assert "is predicted best by the law decay_time" in verdict_sentence([other, first])
    alone = verdict_sentence([replace(constant, heldout=-1.0)])
    assert "But every law below is rejected: their numbers describe no network" in alone
    assert verdict_sentence([replace(power, converged=False)]) == ""
