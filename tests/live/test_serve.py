"""The live page over HTTP: a real server on loopback, asked as browsers and enemies ask."""

import io
import json
import re
import signal
import subprocess
import sys
from urllib.parse import quote, urlencode, urlsplit

import pyarrow.parquet as pq
import pytest
from asking import Answer, api, ended, serving, state_of, without_fits
from simulated import QUICK, empty_store, simulate

from analysis.cli import main
from analysis.formats import records
from analysis.phases.grid import make_grid
from analysis.phases.patience import PATIENCES
from analysis.report.state import (
    cell_answer,
    cell_trials,
    page_state,
    patience_state,
    rounded,
)
from analysis.tables.exports import FORMATS
from analysis.tables.frames import load_readings, load_trials
from study.plan.status import study_status
from study.store.store import Store

CELL = {"weight_decay": "0.01", "train_size": "600"}
FEW = {**QUICK, "axes": {**QUICK["axes"], "weight_decay": [0.001, 0.01], "train_size": [400, 600]}}


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("fitted"):
        yield


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return simulate(tmp_path_factory.mktemp("store") / "quick")


@pytest.fixture(scope="module")
def served(store):
    with serving(store) as served:
        yield served


def as_json(content):
    return json.loads(json.dumps(content))


def test_the_state_is_that_of_the_report_with_the_status(served, store):
    state = state_of(served, lambda state: "laws" in state)
    assert state.pop("pending")["coming"] == []
    expected = page_state(load_trials(store), Store(store).manifest())
    expected |= {"status": study_status(Store(store)), "laws": [], "laws_html": "fitted"}
    assert state == as_json({**expected, "circuits": [], "store": str(store), "problem": None})


def test_the_page_and_all_that_it_names_are_there(served):
    page = Answer(served, "/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    named = re.findall(r'(?:src|href)="(assets/[^"]+)"', page.body.decode())
    assert len(named) > 1
    for name in named:
        asset = Answer(served, f"/{name}", Accept_Encoding="gzip")
        assert (asset.status, asset.headers["Content-Encoding"]) == (200, "gzip"), name
    data = b'type="(?:application/json|text/plain)"'  # such a block is never run
    assert not re.search(rb"<script(?! src=| " + data + rb")", page.body), "inline script"
    for answer in (page, Answer(served, "/api/state"), Answer(served, "/api/nothing")):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/assets/page.js", f"/api/cell?{urlencode(CELL)}"])
def test_what_is_known_already_is_not_sent_again(served, path):
    first = Answer(served, path)
    tag = first.headers["ETag"]
    for known in (tag, f'"other", {tag}', tag.removeprefix("W/")):
        again = Answer(served, path, If_None_Match=known)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert Answer(served, path, If_None_Match='"other"').status == 200
    head = Answer(served, path, "HEAD")
    assert (head.status, head.body, head.headers["ETag"]) == (200, b"", tag)


def test_a_cell_is_its_trials_and_readings(served, store):
    trials = load_trials(store)
    members = cell_trials(trials, make_grid(trials), CELL)
    expected = cell_answer(members, load_readings(store, members), members)
    assert api(served, "cell", **CELL) == as_json(expected)
    assert len(expected["trials"]) == 5
    nowhere = api(served, "cell", **{**CELL, "train_size": "601"})
    assert (nowhere["trials"], nowhere["total"]) == ([], 0)


def test_the_state_at_a_patience_is_that_of_the_report(served, store):
    trials = load_trials(store)
    as_watched = state_of(served, lambda state: "laws" in state)
    for patience in PATIENCES:
        at = as_json(patience_state(trials, make_grid(trials), patience))
        assert at["cells"]["phase"] != as_watched["cells"]["phase"] or patience > 10
        path = f"/api/state?patience={patience}"
        assert api(served, "state", patience=patience) == {**as_watched, **at}
        tag = Answer(served, path).headers["ETag"]
        assert Answer(served, path, If_None_Match=tag).status == 304
        assert Answer(served, "/api/state", If_None_Match=tag).status == 200


def test_a_trial_and_the_command_that_replays_it(served, store):
    row = load_trials(store).iloc[17]
    answer = api(served, "trial", trial_id=row["trial_id"])
    assert answer["row"]["seed"] == row["seed"]
    assert answer["row"]["phase"] in {"comprehension", "grokking", "memorization", "confusion"}
    assert answer["replay"] == f"analysis circuits {store} {row['trial_id']}"
    assert api(served, "trial", trial_id=row["trial_id"][:8]) == answer
    assert Answer(served, "/api/trial?trial_id=none").status == 404
    assert Answer(served, "/api/trial?trial_id=").status == 404
    several = Answer(served, f"/api/trial?trial_id={row['trial_id'][0]}")
    assert several.status == 400
    assert "begin so" in several.json["error"]


@pytest.mark.parametrize(
    "where",
    [
        "",
        'weight_decay < 0.2 and ended in ["decided", "budget"]',
        "generalized_epoch is null or not train_size > 300",
        'ended == setting or setting != device or trial_id > "8"',
        "k > 99",
    ],
)
def test_the_table_filters_sorts_and_pages_as_pandas_does(served, store, where):
    trials = load_trials(store, where or None)
    for sort in ("generalized_epoch", "ended", "trial_id", "final_test_accuracy"):
        for descending in (False, True):
            page = api(
                served, "trials", where=where, sort=sort, offset=7, limit=30,
                descending=str(descending).lower(),
            )  # fmt: skip
            ordered = trials.sort_values(sort, ascending=not descending, kind="stable")
            expected = records(rounded(ordered[[sort]].iloc[7:37]))
            assert page["total"] == len(trials)
            assert [{sort: row[sort]} for row in page["rows"]] == expected
    assert len(api(served, "trials", where=where)["rows"]) == min(len(trials), 100)


def test_a_phase_is_filtered_like_a_column(served, store):
    where = 'phase in ["grokking", "confusion"] and seed == 1'
    page = api(served, "trials", where=where, limit=100)
    trials = load_trials(store, where)
    assert 0 < len(trials) < 30
    assert {row["trial_id"] for row in page["rows"]} == set(trials["trial_id"])
    assert {row["phase"] for row in page["rows"]} <= {"grokking", "confusion"}
    file = Answer(served, f"/api/download?{urlencode({'where': where})}").body.decode()
    assert len(file.splitlines()) == 1 + len(trials)


def test_a_value_that_no_trial_has_is_told(served):
    where = 'weight_decay == 0.0021 or phase == "groking" or setting == "a"'
    assert api(served, "trials", where=where)["hints"] == [
        "no trial has weight_decay == 0.0021; the nearest value is 0.003.",
        'no trial has phase == "groking". Did you mean "grokking"?',
        'no trial has setting == "a".',
    ]
    assert api(served, "trials", where="seed == 1")["hints"] == []


def test_the_table_sorts_by_phase(served):
    rows = api(served, "trials", sort="phase", limit=150)["rows"]
    phases = ["comprehension", "grokking", "memorization", "confusion"]
    codes = [phases.index(row["phase"]) for row in rows]
    assert codes == sorted(codes)
    assert set(codes) == {0, 1, 2, 3}


def test_downloads_are_what_query_writes(served, store, monkeypatch):
    monkeypatch.setattr("analysis.live.answers.SLICE", 11)
    for where in ("", "seed > 1", "seed > 99"):
        trials = load_trials(store, where or None)
        text = Answer(served, f"/api/download?format=csv&where={quote(where)}")
        assert text.body == FORMATS["csv"](trials)
        assert text.headers["Content-Disposition"] == 'attachment; filename="trials.csv"'
        table = Answer(served, f"/api/download?format=parquet&where={quote(where)}").body
        written = FORMATS["parquet"](trials)
        assert pq.read_table(io.BytesIO(table)).equals(pq.read_table(io.BytesIO(written)))


def grow(url):
    """A study that waits, grows, is started again with more, and retrains what it has."""
    empty_store(url)
    with serving(url) as served:
        state = api(served, "state")
        assert (state["trials"], state["status"]["planned"]) == (0, 150)
        assert api(served, "cell", **CELL)["total"] == 0
        simulate(url, FEW)
        state = state_of(served, lambda state: state["trials"] == 20)
        assert state["status"]["planned"] == 20
        tag = Answer(served, "/api/state").headers["ETag"]
        assert Answer(served, "/api/state", If_None_Match=tag).status == 304
        before = api(served, "cell", **CELL)
        assert before["total"] == 5
        simulate(url)  # the whole study: 20 trials come a second time
        state = state_of(served, lambda state: state["trials"] == 150)
        assert Answer(served, "/api/state", If_None_Match=tag).status == 200
        assert (state["status"]["planned"], state["status"]["done"]) == (150, 150)
        after = api(served, "cell", **CELL)
        assert after["total"] == 5
        assert after["readings"] == before["readings"]


def test_new_trials_appear_and_a_selected_cell_stays(tmp_path):
    grow(tmp_path / "growing")


def test_a_store_in_a_bucket_grows_likewise(bucket):
    grow(bucket)


def test_a_store_that_cannot_be_read_leaves_the_last_state_and_says_why(tmp_path):
    store = simulate(tmp_path / "quick", FEW)
    with serving(store) as served:
        state_of(served, lambda state: state["trials"] == 20)
        damaged = store / "trials" / "part-zz-0.parquet"
        damaged.write_bytes(b"PAR1 nonsense")
        state = state_of(served, lambda state: state["problem"])
        assert "part-zz-0.parquet: damaged" in state["problem"]
        assert state["trials"] == 20
        assert api(served, "cell", **CELL)["total"] == 5
        damaged.unlink()
        assert state_of(served, lambda state: not state["problem"])["trials"] == 20
    damaged.write_bytes(b"PAR1 nonsense")
    with serving(store) as served:
        answer = Answer(served, "/api/state")
        assert answer.status == 503
        assert "damaged" in answer.json["error"]


def test_other_names_and_other_methods_are_refused(served):
    port = urlsplit(served.url).port
    for host in ("localhost", "127.0.0.1", f"localhost:{port}", "127.0.0.1:9", "[::1]:8000"):
        assert Answer(served, "/api/state", Host=host).status == 200, host
    for host in ("evil.example", "127.0.0.1.evil.example", "", "localhost@evil.example", "::1"):
        answer = Answer(served, "/api/state", Host=host)
        assert answer.status == 400, host
        assert b"trials" not in answer.body
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "NONSENSE"):
        answer = Answer(served, "/api/state", method)
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/api/state?a=1", "'a'; a parameter is one of 1 names. Use one of patience."),
        ("/api/state?patience=7", "patience: '7'; it is one of 4 names. Use one of 5, 10, 20, 40."),
        ("/api/cell?weight_decay=0.01", "train_size: no label"),
        ("/api/cell?weight_decay=0.01&weight_decay=0.1", "'weight_decay' twice"),
        ("/api/cell?decay=0.01", "'decay'; an axis is one of"),
        ("/api/cell?weight_decay=%00", "printable"),
        ("/api/trial", "trial_id; it names the trial"),
        ("/api/trials?limit=1001", "a whole number from 0 to 1,000"),
        ("/api/trials?offset=-1", "a whole number"),
        ("/api/trials?offset=%D9%A3", "a whole number"),
        ("/api/trials?descending=1", "'1'; it is one of 2 names"),
        ("/api/trials?sort=seeds", "Did you mean 'seed'?"),
        ("/api/trials?where=sedd+%3D%3D+1", "Did you mean 'seed'?"),
        ("/api/trials?wher=1", "Did you mean 'where'?"),
        ("/api/download?format=html", "'html'; it is one of 2 names"),
        ("/api/strip", "axis; its values have the rows"),
        ("/api/strip?axis=width", "'width'; an axis is one of"),
        ("/api/download?where=1", "a column is compared"),
    ],
)
def test_a_wrong_question_gets_one_sentence(served, path, sentence):
    answer = Answer(served, path)
    assert answer.status == 400
    assert sentence in answer.json["error"]


def test_beyond_loopback_a_token_is_asked_for_once(store):
    with serving(store, "0.0.0.0") as served:
        assert served.open
        token = re.search(r"\?token=([\w-]{32})$", served.url)[1]
        for path in ("/", "/api/state", "/assets/page.js", "/?token=", f"/?token={token[1:]}"):
            assert Answer(served, path).status == 403, path
        assert Answer(served, f"/api/state?token={token}").status == 403
        entered = Answer(served, f"/?token={token}", Host="any.example")
        cookie, *rules = entered.headers["Set-Cookie"].split("; ")
        assert {"HttpOnly", "SameSite=strict"} <= set(rules)
        assert Answer(served, "/api/state", Cookie=cookie).json["trials"] == 150
        assert Answer(served, "/api/state", Cookie=f"{cookie}x").status == 403


def test_what_cannot_be_served_is_said_in_one_sentence(run_main, store, served, tmp_path):
    port = urlsplit(served.url).port
    for arguments, code, sentence in (
        ([tmp_path], 1, "no study here"),
        ([store, "--port", port], 1, f"port {port} of 127.0.0.1: Address already in use"),
        ([store, "--port", 70000], 2, "less than or equal to 65535"),
        ([store, "--host", "no such host"], 2, "--host 'no such host'; a host is an address"),
        ([store, "--host", "192.0.2.1"], 2, "not an address of this machine"),
    ):
        ended, out, err = run_main(main, "serve", *arguments)
        assert (ended, out) == (code, b"")
        assert sentence in err
        assert err.count("\n") == 1


def test_the_command_prints_its_address_and_ends_when_interrupted(store):
    program = "from analysis.cli import main; main()"
    command = [sys.executable, "-c", program, "serve", str(store), "--host", "0.0.0.0"]
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with ended(subprocess.Popen(command, **piped)) as process:
        warning = process.stderr.readline().decode()
        sentence = process.stderr.readline().decode()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert warning.startswith("warning: --host 0.0.0.0;")
    assert re.fullmatch(r"\S+/quick: http://\S+:\d+/\?token=\S+ \(Ctrl-C ends it\)\n", sentence)
    assert (process.returncode, out, err) == (130, b"", b"")
