"""The paper's figures as numbers: each panel against a plain recomputation, each gap said."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import small_circuits
from hypothesis import given
from hypothesis import strategies as st
from simulated import empty_store, simulate

from analysis import cli, load_trials
from analysis.circuits.history import find_circuits, record_history
from analysis.circuits.replays import replay_circuits, separated_epoch, sparsity_facts
from analysis.figures import panels, paper
from analysis.figures.make import make_figures


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return small_circuits.train(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def page(store):
    return Path(store.url).parent / "figures.html"


@pytest.fixture(scope="module")
def findings(store, page):
    return make_figures(store.url, page)


def drawn(findings, name):
    return pd.read_csv(findings.folder / f"{name}.csv")


def test_an_accuracy_is_the_mean_and_range_of_the_stored_readings(store, findings):
    frame = drawn(findings, "figure-2-accuracy").set_index(["series", "epoch"])
    ids = load_trials(store.url, 'setting == "standard"')["trial_id"].tolist()
    readings = store.readings(ids).to_pandas()
    assert len(frame) > 100
    for (series, epoch), row in frame.iterrows():
        values = readings[readings["epoch"] == epoch][f"{series}_accuracy"]
        assert row["mean"] == pytest.approx(np.mean(values))
        assert (row["low"], row["high"]) == pytest.approx((min(values), max(values)))
        assert row["seeds"] == 2


def test_trials_studied_side_by_side_are_those_studied_alone(store, findings):
    """`findings` came from a pool of processes, this from none."""
    ids = load_trials(store.url, 'setting == "standard"').sort_values("seed")["trial_id"]
    alone = [replay_circuits(store.url, trial_id) for trial_id in ids]
    for name, panel in (
        ("figure-3-agreement", panels.AGREEMENT_PANEL),
        ("figure-5-dominant", panels.DOMINANT_PANEL),
    ):
        expected = panel.frame(alone)
        pd.testing.assert_frame_equal(drawn(findings, name), expected, check_dtype=False)
    mine = findings.trials[findings.trials["setting"] == "standard"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, paper.paper_findings(alone), check_dtype=False)


def test_the_sparse_circuit_takes_over(findings):
    frame = drawn(findings, "figure-1-takeover").set_index(["series", "epoch"])["mean"]
    first, last = frame["complementary"], frame["generalizing"]
    assert first.iloc[0] > 0.9 > last.iloc[0]
    assert last.iloc[-1] > 0.95 > first.iloc[-1]


def test_every_chart_has_its_files_and_the_page_runs_nothing(findings, page):
    text = page.read_text()
    links = re.findall(r'href="figures_files/([^"]+)"', text)
    assert sorted(links) == sorted(path.name for path in findings.folder.iterdir())
    papers = [name for name in links if name.startswith("figure-")]
    assert len(papers) == 4 * (1 + 3 + 2 + 2 + 3)  # of figures 1, 2, 3, 5 and 6
    studys = {re.sub(r"\W.*", "", name) for name in links if name not in papers}
    assert studys == {"diagram", "motion", "delay", "law", "circuits"}
    starts = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "csv": b""}
    for name in links:
        content = (findings.folder / name).read_bytes()
        assert content.startswith(
            b"epoch," if name in papers and "csv" in name else starts[name[-3:]]
        )
        if name.endswith("csv"):
            assert len(pd.read_csv(findings.folder / name))
        assert b"undefined" not in content
        assert b"NaN" not in content
    assert "<script" not in text
    assert set(re.findall(r"https?://[\w.]+", text)) <= {"http://www.w3.org"}


def test_what_is_left_out_is_said(findings, page):
    left_out = "; ".join(findings.left_out)
    assert "figures 8 and 9 are left out: setting 'k = 4' has no trials" in left_out
    assert "figure 7 is left without its norm" in left_out
    assert "figure 7 is left without its agreement" in left_out
    assert "Figure 6." in page.read_text()
    assert "2 seeds, of which 0 generalized" in page.read_text()


def test_findings_are_of_each_trial_and_setting(store, findings):
    rows = findings.trials.set_index(["setting", "seed"])
    for row in load_trials(store.url, 'setting == "standard"').to_dict("records"):
        mine = rows.loc[("standard", row["seed"])]
        assert mine["generalized_epoch"] == row["generalized_epoch"]
        assert mine["sparsity_final"] == row["final_effective_sparsity_train"]
        assert mine["tenth_lead"] == mine["generalized_epoch"] - mine["tenth_epoch"]
        assert mine["exact"]
        circuits = find_circuits(record_history(store, row["trial_id"]))
        dense, sparse = set(circuits["memorizing"]), set(circuits["generalizing"])
        assert mine["overlap"] == len(dense & sparse) / len(dense | sparse)
        assert mine["contained"] == len(dense & sparse) / len(sparse)
    summary = findings.summary.set_index(["setting", "what"])
    standard = rows.loc["standard", "generalized_epoch"]
    row = summary.loc[("standard", paper.PAPER_FINDINGS["generalized_epoch"])]
    assert (row["trials"], row["median"]) == ("2/2", standard.median())
    assert (row["least"], row["most"]) == (standard.min(), standard.max())
    censored = summary.loc[("weight decay 0.001", paper.PAPER_FINDINGS["generalized_epoch"])]
    assert censored["trials"] == "0/2"
    assert pd.isna(censored["median"])


curves = st.lists(st.lists(st.integers(-5, 5), min_size=1, max_size=6), min_size=1, max_size=4)


@given(curves)
def test_spread_keeps_the_epochs_that_every_seed_still_watched_has(values):
    rows = pd.DataFrame(
        [
            {"epoch": epoch, "series": "a", "seed": seed, "value": value}
            for seed, curve in enumerate(values)
            for epoch, value in enumerate(curve)
            if (epoch, seed) != (1, 0) or len(curve) == 2  # seed 0 was not looked at in epoch 1
        ]
    )
    frame = panels.spread(rows).set_index("epoch")
    ends = {seed: int(part["epoch"].max()) for seed, part in rows.groupby("seed")}
    for epoch in range(6):
        at = rows[rows["epoch"] == epoch]
        watched = sum(end >= epoch for end in ends.values())
        assert (epoch in frame.index) == (len(at) == watched > 0)
        if epoch in frame.index:
            got = frame.loc[epoch]
            expected = [at["value"].mean(), at["value"].min(), at["value"].max(), len(at)]
            assert got[["mean", "low", "high", "seeds"]].tolist() == pytest.approx(expected)


def test_events_of_sparsity_are_first_epochs_from_memorizing_on():
    read = pd.DataFrame(
        {
            "epoch": [0, 1, 5, 10, 20, 40],
            "effective_sparsity_train": [8, 100, 90, 50, 10, 4],
        }
    )
    row = {"memorized_epoch": 5, "generalized_epoch": 20}
    assert sparsity_facts(read, row, 100) == {
        "sparsity_final": 4,
        "sparsity_memorized": 90,
        "sparsity_generalized": 10,
        "halved_epoch": 10,
        "tenth_epoch": 20,
    }
    never = sparsity_facts(read, {"memorized_epoch": None, "generalized_epoch": None}, 100)
    assert {name for name, value in never.items() if value is not None} == {"sparsity_final"}


@pytest.mark.parametrize(
    ("generalizing", "epoch"), [([1, 3, 1, 3, 3], 8), ([3, 3, 3, 3, 3], 0), ([1, 3, 3, 3, 2], None)]
)
def test_norms_are_apart_from_where_they_stay_apart(generalizing, epoch):
    parts = {"generalizing": generalizing, "complementary": [1.0] * 5}
    frames = [
        pd.DataFrame({"epoch": [0, 2, 4, 8, 16], "circuit": name, "mean_norm": norms})
        for name, norms in parts.items()
    ]
    assert separated_epoch(pd.concat(frames)) == epoch
    assert separated_epoch(frames[1]) is None


def test_a_figure_shows_the_seeds_of_one_point():
    trials = pd.DataFrame(
        {
            "setting": ["standard"] * 3 + ["k = 4"] * 2,
            "point_id": ["a", "a", "b", "c", "c"],
            "seed": [0, 1, 0, 1, 0],
        }
    )
    chosen, left_out = paper.choose_settings(trials)
    assert list(chosen) == ["k = 4"]
    assert chosen["k = 4"]["seed"].tolist() == [0, 1]
    assert "2 points; a figure shows the seeds of one" in left_out[0]
    assert "figures 6 and 7" in left_out[1]


def test_figures_are_printed(run_main, store, findings, page, monkeypatch):
    monkeypatch.setattr("analysis.figures.make.make_figures", lambda *asked: findings)
    code, out, err = run_main(cli.main, "figures", store.url, "-o", page, "--json")
    assert code == 0
    assert err.splitlines() == [*findings.left_out, f"{page}, {findings.folder}/"]
    answer = json.loads(out)
    assert {row["setting"] for row in answer["summary"]} == {"standard", "weight decay 0.001"}
    assert len(answer["trials"]) == 4
    assert answer["left_out"] == findings.left_out
    table = run_main(cli.main, "figures", store.url, "-o", page)[1].decode()
    for part in paper.PAPER_FINDINGS.values():
        assert part in table


def test_any_study_has_figures(run_main, tmp_path):
    store = simulate(tmp_path / "quick")
    asked = (store, "-o", tmp_path / "figures.html", "--x", "train_size")
    code, out, err = run_main(cli.main, "figures", *asked)
    assert (code, out) == (0, b"")
    assert "two_circuits and modular make them" in err
    rows = pd.read_csv(tmp_path / "figures_files" / "diagram-phase.csv")
    assert (len(rows), rows["trials"].sum()) == (30, 150)
    [points] = (tmp_path / "figures_files").glob("law-calibration-*.csv")
    drawn = pd.read_csv(points).query("part == 'points'")
    assert (len(drawn), drawn["trials"].sum()) == (30, 150)
    strata = pd.read_csv(tmp_path / "figures_files" / "law-slopes-weight_decay.csv")
    assert strata.query("part == 'slopes'")["label"].iloc[-1] == "mean of 4"
    picture = (tmp_path / "figures_files" / "diagram-median.svg").read_text()
    assert "X-axis titled 'training rows'" in picture


@pytest.mark.parametrize(
    ("make", "code", "part"),
    [
        (empty_store, 1, "no trials yet"),
        (lambda path: path, 1, "no study here"),
    ],
)
def test_a_store_without_figures_is_one_line(run_main, tmp_path, make, code, part):
    store = make(tmp_path / "store")
    got, out, err = run_main(cli.main, "figures", store, "-o", tmp_path / "figures.html")
    assert (got, out) == (code, b"")
    assert part in err
    assert err.count("\n") == 1
    assert not (tmp_path / "figures.html").exists()
