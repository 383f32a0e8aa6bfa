"""`analysis phases`: its table, another threshold, and the diagram in letters."""

import json
import re
from types import SimpleNamespace

import pandas as pd
import pytest
from simulated import QUICK, simulate

from analysis import cli, load_trials
from analysis.phases.cells import cells
from analysis.phases.classify import PHASES, classify, preset_at
from analysis.phases.palette import PHASE_COLORS
from analysis.text.phase_plot import LETTERS
from analysis.text.phase_table import phase_table_lines
from study.errors import UsageError
from study.terminal.paint import colors_wanted, on_ground
from study.vocabulary.columns import CROSSINGS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", {**QUICK, "seeds": 2})


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(cli.main, *arguments)


def test_each_phase_has_a_color_and_a_letter():
    assert list(PHASE_COLORS) == list(LETTERS) == list(PHASES)
    assert len(set(LETTERS.values())) == len(PHASES)


def phase_at(row, level):
    """The phase of a trial by its first crossings of a level, told afresh."""
    memorized, generalized = row[f"memorized_epoch_{level}"], row[f"generalized_epoch_{level}"]
    if pd.isna(generalized):
        return "confusion" if pd.isna(memorized) else "memorization"
    late = not pd.isna(memorized) and generalized >= max(2 * memorized, memorized + 5)
    return "grokking" if late else "comprehension"


@pytest.mark.parametrize("level", CROSSINGS)
def test_a_threshold_counts_by_first_crossings(run, store, level):
    trials = load_trials(store)
    expected = [phase_at(row, level) for row in trials.to_dict("records")]
    assert list(classify(trials, preset_at(level / 100))["phase"]) == expected
    answer = json.loads(run("phases", store, "--threshold", level / 100, "--json")[1])
    counts = {row["phase"]: row["trials"] for row in answer["phases"]}
    assert counts == {phase: expected.count(phase) for phase in PHASES}
    said = run("phases", store, "--threshold", level / 100)[1].decode()
    assert said.startswith(f"events: first readings above 0.{level}, ")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["--threshold", "0.93"], "first passed 0.9, 0.95, 0.98, 0.99. Use one of these"),
        (["--threshold", "95"], "95; a store holds"),
        (["--threshold", "0.9", "--preset", "liu"], "a preset has a threshold of its own"),
        (["--plot", "--json"], "for people"),
        (["--plot", "--boundary"], "--boundary and --plot; an answer has one"),
        (["--plot", "--x", "seed"], "an axis is one of"),
        (["--plot", "--where", "k > 9"], "0 trials; a diagram needs some"),
    ],
)
def test_what_cannot_be_asked_is_one_sentence(run, store, typed, said):
    code, out, err = run("phases", store, *typed)
    assert (code, out, err.count("\n")) == (2, b"", 1)
    assert said in err


def test_a_table_says_units_ratios_and_what_was_not_reached():
    table = pd.DataFrame(
        {
            "phase": ["comprehension", "grokking", "memorization", "confusion"],
            "trials": [1316, 278, 33, 0],
            "share": [0.42, 0.37, 0.04, 0.0],
            "memorized_median_epoch": [33, 45, 4, None],
            "generalized_median_epoch": [39, 392, None, None],
        }
    )
    lines = phase_table_lines(table, {"memorization": 3000, "confusion": 15})
    assert [line.split() for line in lines] == [
        ["phase", "trials", "share", "memorized", "generalized"],
        ["comprehension", "1,316", "42%", "epoch", "33", "epoch", "39"],
        ["grokking", "278", "37%", "epoch", "45", "epoch", "392", "8.7x", "later"],
        ["memorization", "33", "4%", "epoch", "4", "not", "by", "3,000"],
        ["confusion", "0", "0%", "-", "-"],
    ]
    assert max(map(len, lines)) <= 80


def test_a_plot_shows_the_phase_of_each_cell(run, store):
    lines = run("phases", store, "--plot")[1].decode().splitlines()
    table = cells(load_trials(store), by=["train_size", "weight_decay"])
    for size, row in table.groupby("train_size"):
        [line] = [line for line in lines if line.startswith(f"{size:>5,} ")]
        wanted = [
            LETTERS[phase].lower() if hatched else LETTERS[phase]
            for phase, hatched in zip(row["phase"], row["hatched"], strict=True)
        ]
        assert line.split()[1:] == wanted
    assert {letter for line in lines[1:6] for letter in line if letter.isalpha()} > {"C", "G", "X"}
    sizes = [line.split()[0] for line in lines[1:6]]
    assert sizes == ["1,000", "600", "400", "300", "200"], "the largest on top"
    assert "weight decay" in lines[7]


def test_a_plot_has_a_diagram_for_each_slice(run, tmp_path):
    axes = {**QUICK["axes"], "width": [50, 100], "k": [2, 3]}
    store = simulate(tmp_path / "wide", {**QUICK, "seeds": 1, "axes": axes})
    lines = run("phases", store, "--plot", "--y", "width")[1].decode().splitlines()
    heads = [line for line in lines if line.startswith("k ")]
    assert len(heads) == 6
    assert heads[0] == "k 2, dataset size 200" or heads[0].startswith("k 2, train_size 200")
    assert sum(line.startswith("4 more: choose values of ") for line in lines) == 1


def test_colors_are_for_terminals_and_change_no_word(run, store, monkeypatch):
    for asked in (["--plot"], []):
        plain = run("phases", store, *asked)[1].decode()
        with monkeypatch.context() as patched:
            patched.setattr("analysis.text.phase_answers.colors_wanted", lambda _: True)
            patched.delenv("COLORTERM", raising=False)
            painted = run("phases", store, *asked)[1].decode()
        assert plain.isascii()
        assert painted.count("\x1b[48;5;") == painted.count("\x1b[0m") > 3
        without = re.sub(r"\x1b\[[0-9;]*m", "", painted)
        assert without.split() == plain.split()


def test_colors_are_wanted_of_terminals_that_have_them(monkeypatch):
    terminal = SimpleNamespace(isatty=lambda: True)
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    assert not colors_wanted(terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert colors_wanted(terminal)
    assert not colors_wanted(SimpleNamespace(isatty=lambda: False))
    monkeypatch.setenv("NO_COLOR", "")
    assert colors_wanted(terminal), "an empty NO_COLOR is none"
    monkeypatch.setenv("TERM", "dumb")
    assert not colors_wanted(terminal)


def test_a_color_is_exact_where_a_terminal_can_show_it(monkeypatch):
    monkeypatch.setenv("COLORTERM", "truecolor")
    assert on_ground("G", "#ffb000") == "\x1b[48;2;255;176;0;38;2;11;22;32mG\x1b[0m"
    monkeypatch.delenv("COLORTERM")
    assert on_ground("G", "#ffaf00") == "\x1b[48;5;214;38;5;16mG\x1b[0m", "of the cube of 216"


def test_a_level_that_is_not_stored_is_refused():
    with pytest.raises(UsageError, match=r"0\.97; a store holds"):
        preset_at(0.97)
