"""The `study` command: plans, bad input, and what loads when."""

import json
import re
import subprocess
import sys

import pytest
from small import spec_of
from trained import fill

import study
from study import cli
from study.plan.plan import make_plan
from study.store.store import Store
from study.terminal.beside import Beside


@pytest.fixture
def run(run_main):
    """Run `study`; gives its exit code, stdout as bytes and stderr as text."""
    return lambda *arguments: run_main(cli.main, *arguments)


@pytest.mark.parametrize("module", ["study.cli", "analysis.cli"])
def test_help_loads_nothing_slow(module):
    slow = {"torch", "ray", "pandas", "pyarrow", "altair", "pydantic", "numpy", "scipy"}
    code = f"import sys, {module}; print(*sorted({slow} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


@pytest.mark.parametrize("program", ["study", "analysis"])
def test_each_program_is_a_module_too_and_says_its_version(program):
    said = subprocess.run(
        [sys.executable, "-m", program, "--version"], capture_output=True, text=True, check=True
    )
    assert (said.stdout, said.stderr) == (f"{program} {study.__version__}\n", "")
    wrong = subprocess.run(
        [sys.executable, "-m", program, "nosuch"], check=False, capture_output=True, text=True
    )
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("error: No such command")


def test_the_phases_of_a_run_count_what_is_done(tmp_path):
    few = {"train_size": [30, 120]}
    store = fill(spec_of(few, budget={"epochs": 90}), tmp_path / "small")
    plan = make_plan(spec_of(few, budget={"epochs": 120}), store)
    assert 0 < plan.done < plan.planned == 6
    closing = cli._closing(store, plan, 0, "interrupted", Beside("no.such.module"))
    assert sum(phase["trials"] for phase in closing.to_json()["phases"]) == plan.done
    words = "\n".join(closing.lines())
    assert f"{6 - plan.done} more are stored, of other plans or smaller budgets." in words
    assert (
        f"stopped: {plan.done} of 6 finished, {6 - plan.done} to go; the same command continues"
        in words
    )


def test_a_plan_says_what_would_run_and_trains_nothing(run, tmp_path):
    code, out, err = run("plan", "quick", "--out", tmp_path, "--json")
    plan = json.loads(out)
    assert (code, err) == (0, "")
    assert plan["planned"] == sum(shape["trials"] for shape in plan["shapes"]) >= 300
    assert plan["done"] == 0
    assert plan["core_seconds"] > 0
    assert plan["pack_bytes"] > 10_000
    assert list(tmp_path.iterdir()) == []
    text = run("plan", "quick", "--set", "axes.train_size=online", "--set", "seeds=1")[1].decode()
    assert "to train: 10 trials in 1 packs" in text
    assert "train_size=online" in text


def test_a_plan_counts_what_is_stored(run, tmp_path):
    fill(spec_of({"width": [8, 9]}, seeds=2), tmp_path / "small")
    study = tmp_path / "small.toml"
    study.write_text(
        'name = "small"\nseeds = 3\n[axes]\nn = 20\nk = 2\nwidth = [8, 9]\ntrain_size = 80\n'
        "batch_size = 32\n[budget]\nepochs = 40\n"
    )
    plan = json.loads(run("plan", study, "--out", tmp_path, "--json")[1])
    assert (plan["planned"], plan["done"]) == (6, 4)
    assert sum(shape["trials"] for shape in plan["shapes"]) == 2
    text = run("plan", study, "--out", tmp_path)[1].decode()
    assert re.search(r"time: at most \S+ \w+ on one core", text)
    assert "MB for the largest pack" in text
    done = run("plan", study, "--out", tmp_path, "--set", "seeds=2")[1].decode()
    assert done == "study small: 4 trials, 4 stored already\nto train: 0 trials in 0 packs\n"


# What is typed, where words in capitals stand for paths; the exit code; a part of the error.
BAD_INPUT = [
    (["run", "quick", "--set", "axes.widht=3"], 2, "Did you mean 'width'?"),
    (["plan", "quick", "--set", "axes.k=31"], 2, "axes.k: 31 with n = 30"),
    (["run", "quick", "--set", "axes.width=[]"], 2, "axes.width: []"),
    (["run", "quick", "--set", "axes.width=-1"], 2, "axes.width: -1"),
    (["run", "quick", "--set", "axes.n=9", "--set", "axes.train_size=500"], 2, "2^9 = 512 rows"),
    (["run", "quick", "--set", "axes.width"], 2, "an override is key=value"),
    (["run", "nosuch.toml"], 2, "no such file"),
    (["run", "NOT_TOML"], 2, "a study file is TOML"),
    (["run", "quick", "--wrong"], 2, "No such option"),
    (["run"], 2, "Missing argument"),
    (["rnu", "quick"], 2, "No such command"),
    (["run", "quick", "--out", "FILE"], 1, "a file; a store lies in a folder."),
    (["run", "quick", "--out", "gopher://x"], 1, "a store is a folder"),
    (["run", "SMALL", "--out", "OUT", "--set", "detect.hold=2"], 2, "detect.hold: 3 -> 2"),
    (["run", "SMALL", "--out", "OUT", "--set", "readings.every=2"], 2, "readings.every: 1 -> 2"),
    (["run", "SMALL", "--out", "OUT", "--set", "train.loss=square"], 2, "train.loss: hinge"),
    (["run", "SMALL", "--out", "DAMAGED"], 1, "part-cut.parquet: damaged"),
    (["status", "NOWHERE"], 1, "no study here"),
    (["status", "DAMAGED/small"], 1, "part-cut.parquet: damaged"),
    (["status", "GARBLED"], 1, "study.json: not JSON"),
    (["status", "STRANGE"], 2, "study.json: spec"),
]


@pytest.mark.parametrize("case", BAD_INPUT, ids=lambda case: " ".join(case[0]))
def test_bad_input_is_one_line_and_harms_nothing(run, tmp_path, case):
    typed, code, said = case
    out = tmp_path / "out"
    fill(spec_of(seeds=1, budget={"epochs": 2}), out / "small")
    fill(spec_of(seeds=1, budget={"epochs": 2}), tmp_path / "damaged" / "small")
    part = next((out / "small" / "trials").iterdir()).read_bytes()
    (tmp_path / "damaged" / "small" / "trials" / "part-cut.parquet").write_bytes(part[:900])
    (tmp_path / "garbled").mkdir()
    (tmp_path / "garbled" / "study.json").write_text("{")
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / "study.json").write_text('{"spec": {"name": "x", "color": 1}}')
    (tmp_path / "file").write_text("mine")
    (tmp_path / "not.toml").write_text("name = ")
    (tmp_path / "small.toml").write_text(
        'name = "small"\nseeds = 1\n[axes]\nn = 20\nk = 2\nwidth = 24\ntrain_size = 80\n'
        "batch_size = 32\n[budget]\nepochs = 3\n"
    )
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    places = {
        "FILE": tmp_path / "file",
        "NOT_TOML": tmp_path / "not.toml",
        "SMALL": tmp_path / "small.toml",
        "OUT": out,
        "DAMAGED": tmp_path / "damaged",
        "DAMAGED/small": tmp_path / "damaged" / "small",
        "NOWHERE": tmp_path / "nowhere",
        "GARBLED": tmp_path / "garbled",
        "STRANGE": tmp_path / "strange",
    }
    got, answer, err = run(*(places.get(word, word) for word in typed))
    assert (got, answer) == (code, b""), err
    assert said in err
    assert err.count("\n") == 1
    assert err.endswith((".\n", "?\n"))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_status_of_a_study_that_is_half_done(run, tmp_path):
    store = fill(spec_of({"width": [8, 9]}, seeds=2), tmp_path / "small")
    manifest = store.manifest()
    wider = spec_of({"width": [8, 9, 10]}, seeds=2)
    store.write_manifest({**manifest, "spec": wider.model_dump(mode="json")})
    status = json.loads(run("status", tmp_path / "small", "--json")[1])
    counts = [status[name] for name in ("planned", "done", "failed", "running")]
    assert counts == [6, 4, 0, 0]
    assert status["packs"] == {"done": 2}
    assert "planned" in run("status", tmp_path / "small")[1].decode()
    assert Store.open(tmp_path / "small").trials().num_rows == 4


def test_a_plan_says_what_measures_cost(run, tmp_path):
    asked = 'readings.measures=["relevant_share", "arity"]'
    typed = ("plan", "quick", "--out", tmp_path)
    plain, more = (json.loads(run(*typed, *extra, "--json")[1]) for extra in ((), ("--set", asked)))
    assert plain["measures"] == {}
    assert 0 < more["measures"]["relevant_share"] < more["measures"]["arity"]
    assert more["core_seconds"] > plain["core_seconds"]
    text = run(*typed, "--set", asked)[1].decode()
    assert re.search(r"arity adds about [\d,]+0% to a reading", text)


def test_plan_warns_where_decay_overshoots(run):
    sets = ["--set", "axes.weight_decay=[0.01,20]", "--set", "axes.learning_rate=0.1"]
    code, out, _ = run("plan", "quick", *sets)
    assert code == 0
    assert b"warning: learning_rate x weight_decay: 0.1 x 20; decay alone" in out
    _, out, _ = run("plan", "quick", *sets, "--json")
    assert len(json.loads(out)["warnings"]) == 1
    _, out, _ = run("plan", "quick", "--json")
    assert json.loads(out)["warnings"] == []


def test_a_report_that_cannot_be_written_hides_no_phases(run, tmp_path, monkeypatch):
    fill(spec_of(seeds=1, budget={"epochs": 3}), tmp_path / "small")
    study = tmp_path / "small.toml"
    study.write_text(
        'name = "small"\nseeds = 1\n[axes]\nn = 20\nk = 2\nwidth = 24\ntrain_size = 80\n'
        "batch_size = 32\n[budget]\nepochs = 3\n"
    )
    typed = ["run", study, "--out", tmp_path]
    (tmp_path / "small" / "report.html").mkdir()
    code, out, err = run(*typed)
    assert code == 0
    assert err.startswith(f"warning: no report: {tmp_path}/small/report.html: Is a folder; ")
    assert err.count("\n") == 1
    assert "confusion" in out.decode()
    assert "report:" not in out.decode()
    (tmp_path / "small" / "report.html").rmdir()

    def break_down(*_):
        raise ValueError("a chart that cannot be drawn")

    monkeypatch.setattr("analysis.report.closing.write_report", break_down)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, out, err = run(*typed, "--json")
    assert code == 0
    assert "warning: no report: ValueError: a chart that cannot be drawn; this is a fault" in err
    assert json.loads(out)["report"] is None
    assert sum(phase["trials"] for phase in json.loads(out)["phases"]) == 1
