"""Figure 4 and the study modular_small, whose table is kept beside the code."""

import re
from pathlib import Path

import pandas as pd
import pytest

from analysis import cli, load_readings, load_trials
from analysis.circuits import modular
from study.errors import UsageError
from study.spec.file import load_spec
from study.trials.expand import expand

ROOT = Path(__file__).parents[2]
STORE = ROOT / "analysis" / "data" / "modular_small"


@pytest.fixture(scope="module")
def trials():
    return load_trials(STORE)


@pytest.fixture(scope="module")
def findings(trials):
    return modular.modular_findings(trials, load_readings(STORE, trials))


def test_the_table_is_the_bundled_study_whole(trials):
    assert set(trials["trial_id"]) == {t.trial_id for t in expand(load_spec("modular_small"))}
    assert len(trials) == 6


def test_both_operators_grok_and_addition_waits_at_its_commuting_level(findings):
    for _, rows in findings.groupby("task"):
        assert rows["generalized_epoch"].notna().sum() >= 2
        delayed = rows["generalized_epoch"] > 2 * rows["memorized_epoch"]
        assert delayed.all()
    addition, division = (findings[findings["task"] == task] for task in modular.MODULAR_TASKS)
    assert (addition["plateau"] - addition["commuting_share"]).abs().max() < 0.1
    assert division["plateau"].max() < 0.1


def test_the_shares_stored_are_those_of_the_trials_rows(trials):
    from study.tasks.task_code import code_of_task

    shares = {
        t.trial_id: code_of_task(t.setting.task).commuting_share(t)
        for t in expand(load_spec("modular_small"))
    }
    for _, row in trials.iterrows():
        assert row["commuting_share"] == shares[row["trial_id"]]


def test_a_plateau_is_the_median_between_memorizing_and_halfway():
    epochs, accuracy = [0, 10, 20, 30, 40, 50], [0.1, 0.3, 0.5, 0.6, 0.9, 0.4]
    readings = pd.DataFrame({"epoch": epochs, "test_accuracy": accuracy})
    assert modular.plateau(readings, 10, 0.5) == 0.5  # of 0.3, 0.5 and 0.6
    assert modular.plateau(readings, 10, 0.95) == 0.5  # of all five from 10 on: never halfway
    assert modular.plateau(readings, pd.NA, 0.5) is None
    assert modular.plateau(readings, 40, 0.5) is None


def test_figures_draws_figure_4_with_its_level(tmp_path, run_main, trials):
    output = tmp_path / "figures.html"
    code, out, _ = run_main(cli.main, "figures", STORE, "-o", output)
    assert code == 0
    assert b"addition" in out
    assert b"division" in out
    page = output.read_text()
    assert "Figure 4" in page
    assert page.count(">by commuting<") == 2
    assert page.count(">generalized<") == 3  # of figure 4 and of the mirrors
    assert b"accuracy on mirrored test equations when memorized" in out
    assert len(pd.read_csv(tmp_path / "figures_files" / "addition-mirrors.csv"))
    drawn = pd.read_csv(tmp_path / "figures_files" / "figure-4-addition.csv")
    readings = load_readings(STORE, trials[trials["task"] == "addition"])
    assert len(drawn) == 2 * len(readings)
    of_test = drawn[drawn["series"] == "test"]["value"].sort_values()
    assert of_test.tolist() == sorted(readings["test_accuracy"])


def test_a_task_of_several_points_is_left_out_with_the_reason(trials):
    two = trials.assign(point_id=trials["trial_id"])
    chosen, left_out = modular.choose_modular(two)
    assert not chosen
    assert left_out[0].startswith("figure 4 is left without addition: it has 3 points")
    assert modular.choose_modular(trials.head(0)) == ({}, [])


def test_circuits_of_a_module_are_refused_in_a_sentence(trials):
    from analysis.circuits.history import record_history
    from study.store.store import Store

    with pytest.raises(UsageError, match="circuits are of the ReLU net"):
        record_history(Store.open(STORE), trials["trial_id"].iloc[0])


def test_the_page_on_it_says_what_the_table_says(trials, findings):
    text = (ROOT / "docs" / "modular.md").read_text()
    steps = trials.set_index("trial_id")["steps_per_epoch"].loc[findings["trial_id"]].to_numpy()
    told = findings.assign(
        memorized=findings["memorized_epoch"] * steps,
        generalized=findings["generalized_epoch"] * steps,
    )
    for task, rows in told.groupby("task"):
        [row] = [line for line in text.splitlines() if line.startswith(f"| {task} |")]
        for cell, column in zip(
            row.split("|")[2:6],
            ("plateau", "commuting_share", "memorized", "generalized"),
            strict=True,
        ):
            numbers = [float(number) for number in re.findall(r"[\d.]+", cell)]
            values = rows[column].astype(float)
            expected = [values.median(), values.min(), values.max()]
            assert numbers == [round(value, 3) for value in expected], (task, column)


@pytest.mark.slow
def test_a_trial_of_the_table_is_trained_again_to_the_same_numbers():
    """On the machine of the table bit for bit; anywhere, the same story."""
    from study.store.store import Store
    from study.training.replay import replay

    trials = load_trials(STORE)
    chosen = trials[trials["task"] == "addition"].sort_values("epochs_run").iloc[0]
    again = replay(Store.open(STORE), chosen["trial_id"])
    if not again.exact:
        assert again.row["generalized_epoch"] is not None
        assert again.row["memorized_epoch"] == pytest.approx(chosen["memorized_epoch"], rel=0.2)
