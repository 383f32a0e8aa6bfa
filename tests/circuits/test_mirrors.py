"""Test equations of addition by their mirrors: findings, chart and what the pages say of them."""

import re
from pathlib import Path

import pandas as pd
import pytest
import vl_convert

from analysis import load_readings, load_trials
from analysis.circuits import mirrors, modular
from analysis.figures.modular_part import modular_part

ROOT = Path(__file__).parents[2]
STORE = ROOT / "analysis" / "data" / "modular_small"


@pytest.fixture(scope="module")
def trials():
    return load_trials(STORE)


@pytest.fixture(scope="module")
def readings(trials):
    return load_readings(STORE, trials)


@pytest.fixture(scope="module")
def findings(trials, readings):
    return mirrors.mirror_findings(trials[trials["task"] == "addition"], readings)


def test_the_two_kinds_make_up_the_test_accuracy(trials, readings):
    rows = readings.merge(trials[["trial_id", "task", "commuting_share"]], on="trial_id")
    by_task = dict(list(rows.groupby("task")))
    assert by_task["division"][list(mirrors.MIRROR_MEASURES)].isna().all(axis=None)
    of = by_task["addition"]
    share = of["commuting_share"]
    whole = share * of["mirrored_accuracy"] + (1 - share) * of["unmirrored_accuracy"]
    assert whole.to_numpy() == pytest.approx(of["test_accuracy"].to_numpy(), abs=1e-12)


def test_mirrored_equations_are_learned_before_grokking_and_the_others_are_not(trials, findings):
    together = findings.merge(trials, on="trial_id")
    assert len(together) == 3
    assert (together["mirrored_epoch"] < together["generalized_epoch"] / 2).all()
    guess = 1 / 31
    assert (together["unmirrored_then"] < guess).all()
    assert (together["unmirrored_at_memorizing"] < guess).all()
    assert (together["mirrored_at_memorizing"] > 0.5).all()


def curve(trial_id, mirrored, unmirrored):
    epochs = [0, 10, 20, 30]
    return pd.DataFrame(
        {
            "trial_id": trial_id,
            "epoch": epochs,
            "mirrored_accuracy": mirrored,
            "unmirrored_accuracy": unmirrored,
        }
    )


def test_findings_are_those_of_known_curves():
    known = pd.concat(
        [
            curve("learns", [0.0, 0.6, 0.99, 1.0], [0.1, 0.2, 0.3, 0.4]),
            curve("does not", [0.0, 0.5, 0.98, 0.7], [0.0, 0.0, 0.1, 0.2]),
            curve("never", [0.0, 0.1, 0.2, 1.0], [0.0, 0.0, 0.1, 0.2]),
        ]
    )
    memorized = pd.array([10, 20, None], dtype="Int64")
    trials = pd.DataFrame(
        {"trial_id": ["learns", "does not", "never"], "memorized_epoch": memorized}
    )
    found = mirrors.mirror_findings(trials, known).set_index("trial_id")
    assert found.loc["learns"].tolist() == [0.6, 0.2, 20, 0.3]
    assert found.loc["does not"].tolist()[:2] == [0.98, 0.1]
    assert found.loc["does not"].isna().tolist() == [False, False, True, True]  # 0.98 is not above
    assert found.loc["never"].isna().tolist() == [True, True, False, False]
    assert found.loc["never"].tolist()[2:] == [30, 0.2]
    row = mirrors.mirror_summary(found.reset_index()).set_index("what")
    epochs = row.loc[mirrors.MIRROR_FINDINGS["mirrored_epoch"]]
    assert epochs[["trials", "median", "least", "most"]].tolist() == ["2/3", 25, 20, 30]


def test_events_are_medians_in_updates(trials):
    addition = trials[trials["task"] == "addition"]
    steps = addition["steps_per_epoch"]
    events = modular.modular_events(addition).set_index("event")["step"]
    assert events["memorized"] == (addition["memorized_epoch"] * steps).median()
    assert events["generalized"] == (addition["generalized_epoch"] * steps).median()
    never = addition.assign(generalized_epoch=pd.NA)
    assert modular.modular_events(never)["event"].tolist() == ["memorized"]


def test_figures_draw_both_kinds_beside_all_test_rows(trials, readings):
    part = modular_part(STORE, trials)
    assert part.left_out == []
    [drawing] = part.plates[-1].drawings
    ids = trials[trials["task"] == "addition"]["trial_id"]
    stored = readings[readings["trial_id"].isin(ids)]
    for kind in ("test", "mirrored", "unmirrored"):
        values = drawing.frame[drawing.frame["series"] == kind]["value"]
        assert sorted(values) == sorted(stored[f"{kind}_accuracy"])
    picture = vl_convert.vegalite_to_svg(drawing.chart)
    for words in ("mirror trained on", "mirror not trained on", "memorized", "generalized"):
        assert f">{words}<" in picture
    assert set(part.summary["what"]) >= set(mirrors.MIRROR_FINDINGS.values())
    measured = part.trials.set_index("task")["mirrored_epoch"].notna()
    assert measured["addition"].all()
    assert not measured["division"].any()


def test_a_store_without_the_measures_is_told(trials, readings, monkeypatch):
    before = readings.assign(mirrored_accuracy=None, unmirrored_accuracy=None)
    monkeypatch.setattr("analysis.figures.modular_part.load_readings", lambda *_: before)
    part = modular_part(STORE, trials)
    assert [drawing.name for plate in part.plates for drawing in plate.drawings] == [
        "figure-4-addition",
        "figure-4-division",
    ]
    [sentence] = part.left_out
    assert sentence.startswith("the mirrors of addition are left out: readings.measures lacks")
    assert set(part.summary["what"]).isdisjoint(mirrors.MIRROR_FINDINGS.values())


def test_the_pages_say_what_the_table_says(trials, findings):
    page = (ROOT / "docs" / "modular.md").read_text("utf-8")
    findings_page = (ROOT / "docs" / "findings.md").read_text("utf-8")
    steps = trials.set_index("trial_id")["steps_per_epoch"].loc[findings["trial_id"]].to_numpy()
    updates = findings["mirrored_epoch"] * steps
    cells = {
        kind: [re.findall(r"\d[\d.]*", cell) for cell in line.split("|")[2:4]]
        for line in page.splitlines()
        for kind in re.findall(r"^\| (mirror(?: not)? trained on) \|", line)
    }
    expected = {
        "mirror trained on": [findings["mirrored_at_memorizing"], updates],
        "mirror not trained on": [
            findings["unmirrored_at_memorizing"],
            findings["unmirrored_then"],
        ],
    }
    for kind, columns in expected.items():
        for numbers, values in zip(cells[kind], columns, strict=True):
            spread = [values.median(), values.min(), values.max()]
            assert [float(number) for number in numbers] == [round(float(x), 3) for x in spread]
    [line] = re.findall(r"Modulo 31, what addition learns first.*?\n\n", findings_page, re.DOTALL)
    for column in (updates, findings["unmirrored_then"]):
        median, least, most = (
            f"{float(x):.3f}".removesuffix(".000")
            for x in (column.median(), column.min(), column.max())
        )
        assert f"{median} [{least}, {most}]" in " ".join(line.split())
