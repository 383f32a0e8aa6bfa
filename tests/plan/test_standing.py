"""One count everywhere: list, status and phases agree on a store, or say how they differ."""

import json
from dataclasses import replace

import pytest
from simulated import QUICK, simulate, write_simulated

import analysis.cli
import study.cli
from analysis import load_trials
from analysis.tables.plan_progress import plan_beside
from study.plan import standing as words
from study.plan.command_answers import Closing
from study.plan.plan import make_plan, start_study
from study.spec.file import resolve
from study.store.store import Store
from study.trials.expand import expand

# At 100 rows trials end with their budget, at 400 rows before.
TWO_POINTS = {**QUICK, "axes": {**QUICK["axes"], "train_size": [100, 400], "weight_decay": 0.01}}


@pytest.fixture
def changed(tmp_path):
    """A store of 5 seeds at two points, whose study now has some seeds and a budget."""

    def change(seeds, epochs=600):
        path = simulate(tmp_path / f"{seeds}-{epochs}", TWO_POINTS)
        spec = resolve({**TWO_POINTS, "seeds": seeds, "budget": {"epochs": epochs}})
        start_study(spec, Store(path), ["study", "run"])
        return path

    return change


@pytest.mark.parametrize(
    ("seeds", "epochs"),
    [(5, 600), (3, 600), (7, 600), (5, 3000), (3, 3000), (5, 300)],
)
def test_list_status_and_phases_agree(run_main, changed, seeds, epochs):
    path = changed(seeds, epochs)
    [listed] = json.loads(run_main(study.cli.main, "list", path, "--json")[1])
    status = json.loads(run_main(study.cli.main, "status", path, "--json")[1])
    _, out, err = run_main(analysis.cli.main, "phases", path, "--json")
    rows = load_trials(path).set_index("trial_id")
    stored = len(rows)
    assert set(rows["ended"]) == {"budget", "decided"}
    spec = resolve({**TWO_POINTS, "seeds": seeds, "budget": {"epochs": epochs}})
    budgets = {trial.trial_id: trial.budget_epochs for trial in expand(spec)}
    done = sum(
        trial in rows.index
        and (rows["ended"][trial] != "budget" or rows["budget_epochs"][trial] >= budget)
        for trial, budget in budgets.items()
    )
    for counts in (listed, status):
        assert (counts["planned"], counts["done"]) == (len(budgets), done)
        assert counts["done"] + counts["others"] == stored
    assert json.loads(out)["trials"] == stored
    assert (f"so far: {done} of {len(budgets)} trials have ended" in err) == (done < len(budgets))
    assert (f"{stored - done} of the {stored} stored" in err) == (stored > done)
    shown = run_main(study.cli.main, "status", path)[1].decode()
    others = f"others  {stored - done} more are stored, of other plans or smaller budgets"
    assert (others in shown) == (stored > done)
    progress = plan_beside(Store(path), load_trials(path))  # what the report says is to come
    assert (0 if progress is None else progress.coming.sum()) == len(budgets) - done


def test_whatever_concludes_from_a_part_says_so_far(run_main, tmp_path):
    spec = resolve(QUICK)
    path = tmp_path / "part"
    start_study(spec, Store(path), ["study", "run"])
    trials = expand(spec)
    write_simulated(Store(path), trials[:100])
    commands = [
        ("phases",), ("phases", "--plot"), ("phases", "--patience"), ("laws",),
        ("laws", "--scorecard"), ("laws", "--slope", "weight_decay"), ("collapse",), ("pairs",),
        ("forecast",), ("ungrok",),
        ("compare", "--where", "seed < 2", "--with", "seed > 2", "-o", tmp_path / "page.html"),
    ]  # fmt: skip
    for name, *options in commands:
        err = run_main(analysis.cli.main, name, path, *options)[2]
        assert err.startswith("so far: 100 of 150 trials have ended\n"), (name, *options)
    run_main(analysis.cli.main, "export", path, "-o", tmp_path / "out")
    assert "So far: 100 of 150 trials have ended." in (tmp_path / "out" / "README.md").read_text()
    write_simulated(Store(path), trials[100:])
    assert words.standing(Store(path)) == []


def test_of_a_large_study_rows_are_counted_alone(changed, monkeypatch):
    monkeypatch.setattr(words, "MOST_COUNTED", 9)
    monkeypatch.setattr(words, "make_plan", None)
    assert words.standing(Store(changed(7))) == ["so far: 10 of 14 trials have ended"]
    assert words.standing(Store(changed(7)), 12) == ["so far: 12 of 14 trials have ended"]
    assert words.standing(Store(changed(5))) == []


def test_a_run_that_ends_before_its_first_trial_counts_nothing():
    plan = make_plan(resolve(TWO_POINTS))
    closing = Closing("runs/quick", plan, 0, "interrupted", None, 0, [], "table")
    stopped = "stopped: 0 of 10 finished, 10 to go; the same command continues"
    assert closing.lines() == [stopped]
    assert replace(closing, others=3).lines()[0] == "table"


def test_a_damaged_study_file_hides_no_trials(run_main, changed):
    path = changed(5)
    (path / "study.json").write_text("{")
    code, out, err = run_main(analysis.cli.main, "phases", path)
    assert (code, err) == (0, "")
    assert b"grokking" in out
