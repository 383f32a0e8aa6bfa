"""The command line: data on stdout, one line for whatever is wrong, and the right exit code."""

import io
import json
import subprocess
import sys

import pandas as pd
import pyarrow.parquet as pq
import pytest
from simulated import QUICK, empty_store, simulate

from analysis import cli, load_trials
from analysis.phases.cells import cells
from analysis.phases.classify import classify
from study.store.schema import TRIALS


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick", {**QUICK, "seeds": 2})


@pytest.fixture
def run(run_main):
    """Run `analysis`; gives its exit code, stdout as bytes and stderr as text."""
    return lambda *arguments: run_main(cli.main, *arguments)


def test_every_format_holds_the_same_trials(run, store):
    columns = "seed,weight_decay,ended,generalized_epoch"
    ask = ("query", store, "--where", "train_size == 400", "--columns", columns, "--format")
    answers = {form: run(*ask, form)[1] for form in ("csv", "json", "parquet", "table")}
    from_csv = pd.read_csv(io.BytesIO(answers["csv"]), dtype={"generalized_epoch": "Int64"})
    from_json = pd.DataFrame(json.loads(answers["json"]))
    table = pq.read_table(io.BytesIO(answers["parquet"]))
    assert len(from_csv) == 12
    assert table.schema.equals(
        TRIALS.empty_table().select(columns.split(",")).schema, check_metadata=False
    )
    pd.testing.assert_frame_equal(from_csv, table.to_pandas(), check_dtype=False)
    pd.testing.assert_frame_equal(from_json, table.to_pandas(), check_dtype=False)
    lines = answers["table"].decode().splitlines()
    assert lines[0].split() == columns.split(",")
    assert len(lines) == 13
    assert run(*ask[:-1], "--json")[1] == answers["json"]


def test_a_phase_is_filtered_and_shown_like_a_column(run, store):
    trials = classify(load_trials(store))
    expected = trials[(trials["phase"] == "grokking") & (trials["train_size"] > 300)]
    assert 0 < len(expected) < len(trials)
    where = 'phase == "grokking" and train_size > 300'
    for form, read in (("csv", pd.read_csv), ("parquet", pd.read_parquet)):
        ask = ("query", store, "--where", where, "--columns", "phase,seed", "--format", form)
        rows = read(io.BytesIO(run(*ask)[1]))
        assert list(rows.columns) == ["phase", "seed"]
        assert list(rows["phase"]) == ["grokking"] * len(expected)
        assert list(rows["seed"]) == list(expected["seed"])
    whole = pq.read_table(
        io.BytesIO(run("query", store, "--where", where, "--format", "parquet")[1])
    )
    assert whole.column_names == TRIALS.names
    counted = json.loads(run("phases", store, "--where", 'phase != "confusion"', "--json")[1])
    assert counted["trials"] == (trials["phase"] != "confusion").sum()


def test_columns_are_those_that_a_filter_may_name(run, store):
    listed = json.loads(run("columns", "--json")[1])
    assert [row["column"] for row in listed] == [*TRIALS.names, "phase", "delay"]
    assert run("columns")[1].decode().split()[4:6] == ["study", "text"]
    for row in listed:
        literal = "'a'" if row["holds"] == "text" else "1"
        code, _, err = run("query", store, "--where", f"{row['column']} < {literal}", "--json")
        assert (code, err) == (0, "")


MISSED = "warning: no trial has k == 9; the nearest value is 2.\n"


@pytest.mark.filterwarnings("always::analysis.tables.filter_hints.FilterWarning")
def test_a_filter_that_nothing_passes_answers_with_nothing(run, store):
    assert run("query", store, "--where", "k == 9", "--json") == (0, b"[]\n", MISSED)
    assert run("query", store, "--where", "k == 9", "--columns", "k,seed")[1] == b"k seed\n"
    assert run("query", store, "--where", "phase == 'grokking' and k == 9", "--json")[2] == MISSED
    slip = run("query", store, "--where", "phase == 'groking' and k < 9", "--format", "csv")
    assert slip[2] == "warning: no trial has phase == 'groking'. Did you mean \"grokking\"?\n"
    for command in ("phases", "laws", "pairs", "collapse", "forecast", "ungrok"):
        assert run(command, store, "--where", "k == 9")[2].startswith(MISSED), command


def test_query_writes_files(run, store, tmp_path):
    path = tmp_path / "trials.parquet"
    assert run("query", store, "--format", "parquet", "-o", path) == (0, b"", "")
    assert pq.read_table(path).column_names == TRIALS.names


def test_phases_are_counted(run, store):
    code, out, err = run("phases", store, "--json")
    answer = json.loads(out)
    assert (code, err, answer["trials"]) == (0, "", 60)
    assert sum(row["trials"] for row in answer["phases"]) == 60
    assert answer["flags"]["collapsed"] == 10
    table = run("phases", store)[1].decode()
    for row in answer["phases"]:
        shown = next(line for line in table.splitlines() if row["phase"] in line)
        assert shown.split()[1] == str(row["trials"])
    assert "10 collapsed" in table
    assert run("phases", store, "--preset", "liu")[1].decode() != table


def test_phases_are_counted_at_each_patience(run, store):
    code, out, err = run("phases", store, "--patience", "--json")
    answer = json.loads(out)
    assert (code, err) == (0, "")
    trials = load_trials(store)
    patiences = [row["decay_times"] for row in answer["trials"]]
    assert patiences == [5, 10, 20, 40, None]
    for patience, of_trials, of_cells in zip(
        patiences, answer["trials"], answer["cells"], strict=True
    ):
        phases = classify(trials, patience=patience)["phase"].value_counts()
        by_cell = cells(trials, patience=patience)
        for phase, count in phases.items():
            assert of_trials[phase] == count
            assert of_cells[phase] == (by_cell["phase"] == phase).sum()
        assert of_cells["hatched"] == by_cell["hatched"].sum()
    assert answer["trials"][0] != answer["trials"][1]
    lines = run("phases", store, "--patience")[1].decode().splitlines()
    heads = [number for number, line in enumerate(lines) if "decay_times" in line]
    for head, rows in zip(heads[:2], (answer["trials"], answer["cells"]), strict=True):
        assert lines[head].split() == list(rows[0])
        for line, row in zip(lines[head + 1 : head + 6], rows, strict=True):
            first, *numbers = row.values()
            texts = ["all" if first is None else str(first)]
            assert line.split() == texts + [str(one) for one in numbers if one is not None]
    assert [line.split()[1] for line in lines[heads[2] + 1 :]] == [
        str(row["until"]) for row in answer["generalized_later"]
    ]


def test_report_is_written(run, store, tmp_path):
    path = tmp_path / "report.html"
    code, out, err = run("report", store, "-o", path, "--x", "train_size", "--y", "weight_decay")
    assert (code, out, err) == (0, b"", f"{path}\n")
    assert path.read_text().startswith("<!doctype html>")
    assert list(tmp_path.iterdir()) == [path]


def damaged(store, tmp_path):
    part = next((store / "trials").iterdir())
    copy = simulate(tmp_path / "damaged", {**QUICK, "seeds": 1})
    (copy / "trials" / "part-cut.parquet").write_bytes(part.read_bytes()[:1000])
    return copy


# What is typed, with STORE and its broken relatives filled in; the exit code; what is said.
BAD_INPUT = [
    (["query", "STORE", "--where", "wieght_decay > 1"], 2, "Did you mean 'weight_decay'?"),
    (["query", "STORE", "--where", "k >"], 2, "where: ends at character 4"),
    (["query", "STORE", "--where", "ended == 3"], 2, "ended holds text"),
    (["query", "STORE", "--columns", "seed,ende"], 2, "Did you mean 'ended'?"),
    (["query", "STORE", "--columns", ""], 2, "a column is one of"),
    (["query", "STORE", "--where", "zzz > 1"], 2, "names. `analysis columns` lists all."),
    (["query", "STORE", "--where", "decays > 9"], 2, "Did you mean 'delay'?"),
    (["query", "STORE", "--format", "xml"], 2, "'xml'"),
    (["query", "STORE", "--wher", "k == 2"], 2, "No such option: --wher"),
    (["query"], 2, "Missing argument"),
    (["qeury", "STORE"], 2, "No such command"),
    (["phases", "STORE", "--preset", "lui"], 2, "Did you mean 'liu'?"),
    (["phases", "STORE", "--patience", "--boundary"], 2, "--patience and --boundary; an answer"),
    (["report", "STORE", "-o", "OUT", "--x", "widht"], 2, "Did you mean 'width'?"),
    (["report", "STORE", "-o", "OUT", "--x", "k", "--y", "k"], 2, "'k' twice"),
    (["laws", "STORE", "--law", "powr"], 2, "Did you mean 'power'?"),
    (["laws", "STORE", "--event", "grokked"], 2, "an event is one of"),
    (["laws", "STORE", "--errors", "normal"], 2, "an error family is one of"),
    (["laws", "STORE", "--axes", "widht"], 2, "Did you mean 'width'?"),
    (["laws", "STORE", "--law", "width"], 2, "width: 1 distinct value"),
    (["laws", "STORE", "--where", "k > 9"], 2, "0 trials"),
    (["laws", "STORE", "--law", "power", "--where", "train_size == 200"], 2, "0 of 12 trials"),
    (["laws", "STORE", "--finite-size"], 2, "weight_decay also vary"),
    (["laws", "EMPTY"], 1, "no trials yet"),
    (["collapse", "STORE"], 2, "1 values of n; a collapse needs 3"),
    (["pairs", "STORE"], 2, "no two points agree"),
    (["forecast", "STORE", "--where", "seed == 0"], 2, "a forecast needs them"),
    (["query", "NOWHERE"], 1, "no study here"),
    (["phases", "NOWHERE"], 1, "no study here"),
    (["report", "NOWHERE", "-o", "OUT"], 1, "no study here"),
    (["query", "EMPTY"], 1, "no trials yet"),
    (["query", "EMPTY", "--where", "k == 2", "--json"], 1, "no trials yet"),
    (["phases", "EMPTY"], 1, "no trials yet"),
    (["report", "EMPTY", "-o", "OUT"], 1, "no trials yet"),
    (["query", "DAMAGED"], 1, "part-cut.parquet: damaged"),
    (["report", "DAMAGED", "-o", "OUT"], 1, "part-cut.parquet: damaged"),
    (["report", "STORE", "-o", "MISSING"], 1, "No such file or directory"),
    (["report", "STORE", "-o", "FOLDER"], 1, "Is a folder"),
    (["query", "STORE", "-o", "MISSING"], 1, "No such file or directory"),
]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: " ".join(case[0]))
def test_bad_input_is_one_line_and_harms_nothing(run, store, tmp_path, case):
    typed, code, said = case
    output = tmp_path / "report.html"
    output.write_text("the last report")
    places = {
        "STORE": lambda: store,
        "NOWHERE": lambda: tmp_path / "nowhere",
        "EMPTY": lambda: empty_store(tmp_path / "empty"),
        "DAMAGED": lambda: damaged(store, tmp_path),
        "OUT": lambda: output,
        "MISSING": lambda: tmp_path / "missing" / "report.html",
        "FOLDER": lambda: tmp_path,
    }
    got, out, err = run(*(places.get(word, lambda w=word: w)() for word in typed))
    assert (got, out) == (code, b"")
    assert said in err
    assert err.count("\n") == 1
    assert err.endswith((".\n", "?\n"))
    assert output.read_text() == "the last report"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def analysis(*arguments):
    return [sys.executable, "-m", "analysis.cli", *map(str, arguments)]


def test_a_closed_pipe_is_silent(store):
    with subprocess.Popen(
        analysis("query", store, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_pairs_of_the_stored_study_are_those_of_the_docs(run):
    code, out, _ = run("pairs", "analysis/data/scaling", "--where", 'setting == "rates"', "--json")
    assert code == 0
    [rates] = json.loads(out)
    ratios = {(row["train_size"], row["product"]): row["ratio"] for row in rates["pairs"]}
    assert {size for size, _ in ratios} == {200, 400}
    assert all(round(ratios[400, product], 2) in {0.11, 0.12} for _, product in ratios)
    assert round(ratios[200, 0.0003], 2) == 0.61
    assert rates["within_10_percent"] == 0
