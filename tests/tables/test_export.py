"""Trials for others: the files of `analysis export`, its card, and the meaning of every column."""

import re
import tomllib

import pandas as pd
import pyarrow.parquet as pq
import pytest
from simulated import QUICK, simulate

from analysis import cli, load_trials
from analysis.tables.computed import COMPUTED
from analysis.tables.meanings import COLUMN_MEANINGS
from analysis.tables.where import COLUMNS
from study.spec.file import resolve


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", {**QUICK, "seeds": 2})


@pytest.fixture
def run(run_main, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: run_main(cli.main, *arguments)


def test_an_export_holds_the_trials_the_study_and_a_card(run, store, tmp_path):
    assert run("export", store, "--license", "CC-BY-4.0") == (0, b"", "quick_export/\n")
    folder = tmp_path / "quick_export"
    assert sorted(file.name for file in folder.iterdir()) == [
        "README.md", "study.toml", "trials.csv", "trials.parquet",
    ]  # fmt: skip
    table = pq.read_table(folder / "trials.parquet")
    assert table.schema.names == COLUMNS.names
    trials = load_trials(store, columns=COLUMNS.names)
    assert len(trials) == 60
    assert table.to_pylist() == trials.astype(object).where(trials.notna(), None).to_dict("records")
    written = pd.read_csv(folder / "trials.csv", keep_default_na=False, dtype=str)
    for name in ("trial_id", "weight_decay", "generalized_epoch", "phase", "delay"):
        texts = ["" if pd.isna(value) else str(value) for value in trials[name]]
        assert list(written[name]) == texts, name
    assert resolve(tomllib.loads((folder / "study.toml").read_text())) == resolve(
        {**QUICK, "seeds": 2}
    )
    card = (folder / "README.md").read_text()
    assert "\n60 networks" in card
    assert "\nCC-BY-4.0\n" in card
    assert "torch 2.13.0" in card
    assert re.findall(r"^\| `(\w+)` \|", card, re.MULTILINE) == COLUMNS.names


def test_an_export_overwrites_nothing_and_says_when_no_license_is_stated(run, store, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    code, _, err = run("export", store, "-o", "full")
    assert (code, err.count("\n")) == (1, 1)
    assert "full: not empty" in err
    assert [file.name for file in (tmp_path / "full").iterdir()] == ["notes.txt"]
    assert run("export", store, "-o", "notes/deep")[0] == 0
    assert "Not stated" in (tmp_path / "notes" / "deep" / "README.md").read_text()
    assert run("export", store, "-o", "full/notes.txt")[0] == 1


def test_every_column_has_a_meaning():
    assert sorted(COLUMN_MEANINGS) == sorted(COLUMNS.names)
    assert all(meaning.says for meaning in COLUMN_MEANINGS.values())


def test_a_delay_is_filtered_and_shown_like_a_column(store):
    trials = load_trials(store)
    waits = trials["generalized_epoch"] - trials["memorized_epoch"]
    assert 0 < (waits > 40).sum() < len(trials)
    slow = load_trials(store, "delay > 40", ["trial_id", "delay", "phase"])
    assert list(slow["delay"]) == list(waits[waits > 40])
    assert list(slow["trial_id"]) == list(trials["trial_id"][waits > 40])
    never = load_trials(store, 'delay is null and phase != "confusion"')
    assert set(never["trial_id"]) == set(
        trials["trial_id"][waits.isna() & trials["memorized_epoch"].notna()]
    )
    assert list(never.columns) == [name for name in COLUMNS.names if name not in COMPUTED]
