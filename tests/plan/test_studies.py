"""The list of the studies below a folder."""

import json

import pytest
from small import spec_of
from trained import fill

from study import cli
from study.plan.plan import start_study
from study.store.store import Store


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(cli.main, *arguments)


def listed(run, folder):
    code, out, err = run("list", folder, "--json")
    assert code == 0
    return [(row["study"], row["done"], row["planned"]) for row in json.loads(out)], err


def test_studies_are_listed_with_their_counts_latest_first(run, url):
    folder = url.rpartition("/")[0]
    fill(spec_of(name="whole"), f"{folder}/whole")
    fill(spec_of({"width": [8, 16]}, name="half"), f"{folder}/half", most=1)
    start_study(spec_of(name="begun", seeds=2), Store(f"{folder}/begun"), ["pytest"])
    rows, err = listed(run, folder)
    assert err == ""
    assert rows[-1] == ("whole", 3, 3)
    assert set(rows) == {("whole", 3, 3), ("half", 3, 6), ("begun", 0, 2)}
    lines = run("list", folder)[1].decode().splitlines()
    assert lines[0].split() == ["study", "trials", "last", "change", "store"]
    assert [line.split()[:2] for line in lines if "to go" in line] in (
        [["begun", "0/2"], ["half", "3/6"]],
        [["half", "3/6"], ["begun", "0/2"]],
    )
    assert listed(run, f"{folder}/half")[0] == [("half", 3, 6)]


def test_a_damaged_store_is_named_and_hides_no_other(run, tmp_path):
    fill(spec_of(seeds=1), tmp_path / "small")
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "study.json").write_text("{")
    (tmp_path / "notes").mkdir()
    rows, err = listed(run, tmp_path)
    assert rows == [("small", 1, 1)]
    assert err.startswith("warning: ")
    assert "torn/study.json" in err


def test_a_folder_without_studies_is_an_error_of_one_line(run, tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        code, out, err = run("list", folder)
        assert (code, out, err.count("\n")) == (1, b"", 1)
        assert "no study here" in err


def test_a_file_and_a_folder_of_stores_are_each_told_apart(run, tmp_path):
    (tmp_path / "file").write_text("")
    fill(spec_of(seeds=1, name="one"), tmp_path / "runs" / "one")
    code, _, err = run("status", tmp_path / "runs")
    assert (code, err.count("\n")) == (1, 1)
    assert err.endswith(f"Name one of those in it: {tmp_path / 'runs' / 'one'}.\n")
    for typed in (("list", tmp_path / "file"), ("run", "quick", "--out", tmp_path / "file")):
        code, _, err = run(*typed)
        assert (code, err.count("Errno")) == (1, 0)
        last = f"{tmp_path / 'file'}: a file; a store lies in a folder. Choose another place.\n"
        assert err.endswith(last)
