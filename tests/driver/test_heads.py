"""Heads that answer badly, late, elsewhere or not at all: a sentence, a code, and no traceback."""

import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest
from commands import BIN
from stand_in_head import IN_THE_WAY, StandInHead, drop, page

from study import cli
from study.driver import jobs, jobs_address, jobs_api, versions

NO_AGENT = "No available agent to submit job, please try again later."


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    monkeypatch.setattr(jobs_api, "NOTE_SECONDS", 0.1)
    monkeypatch.setattr(jobs_api, "RETRY_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "LOST_SECONDS", 0.3)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def run(run_main):
    """Run `study`; gives its exit code, its stdout and its stderr as text."""

    def run(*typed):
        code, out, err = run_main(cli.main, *typed)
        assert "Traceback (" not in err
        return code, out.decode(), err

    return run


@pytest.fixture
def there():
    """A head that works."""
    with StandInHead() as standing:
        yield standing


# What may answer the upload of a package: only the status of that answer counts.
HARMLESS = {"login 200", "a number", "a list", "nothing", "other json", "old ray", "odd ray"}
SILENT = {"silent", "dripping"}
COMMANDS = {
    "submit": ["submit", "quick", "--out", "s3://bucket/runs"],
    "logs": ["logs", "j"],
    "stop": ["stop", "j"],
}


def one_error(err):
    """The error, which is the last line of stderr; the lines before it are notes of waits."""
    *notes, last = err.splitlines()
    assert last.startswith("error: http"), err
    assert last.endswith("."), err
    assert all("waiting for an answer" in note for note in notes), err
    return last


@pytest.mark.parametrize("command", COMMANDS)
def test_what_stands_in_the_way_is_one_sentence(run, monkeypatch, there, command):
    for name, (way, says) in IN_THE_WAY.items():
        waits = name in SILENT
        monkeypatch.setattr(jobs_api, "ANSWER_SECONDS", 0.5 if waits else 60.0)
        there.way = way
        code, out, err = run(*COMMANDS[command], "--address", there.address)
        assert (code, out) == (1, ""), name
        assert f"{there.address}: " in one_error(err)
        assert says in one_error(err), name
        assert "Start one" not in err, name
        assert not waits or f"{there.address}: waiting for an answer\n" in err


@pytest.mark.parametrize(
    ("command", "path"),
    [*((command, "/api/jobs") for command in COMMANDS), ("submit", "/api/packages")],
)
def test_a_head_that_breaks_down_later_is_one_sentence(run, monkeypatch, there, command, path):
    """The request for the version is answered, as a cache may do; every other one goes wrong."""
    for name, (way, _) in IN_THE_WAY.items():
        monkeypatch.setattr(jobs_api, "ANSWER_SECONDS", 0.5 if name in SILENT else 60.0)

        async def later(request, way=way):
            return await way(request) if request.path.startswith(path) else None

        there.way = later
        code, out, err = run(*COMMANDS[command], "--address", there.address)
        if path == "/api/packages" and code == 0:
            assert name in HARMLESS, name
            continue
        assert (code, out) == (1, ""), name
        last = err.splitlines()[-1]
        assert last.startswith("error: "), name
        assert last.endswith("."), name


def listen(answer):
    """Listen on a port with something that is no HTTP server; returns it and its address."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connection.recv(10_000)
                connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return server, f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_http_server_is_one_sentence(run, command):
    server, place = listen(b"220 mail.example ESMTP\r\n")
    with server:
        _, _, err = run(*COMMANDS[command], "--address", f"http://{place}")
        assert f"http://{place}: speaks no HTTP; " in one_error(err)
        assert "Check the address and its port (8265)" in err
        _, _, err = run(*COMMANDS[command], "--address", f"https://{place}")
        assert "no connection over TLS" in one_error(err)
        assert "Write http://" in err


@pytest.mark.parametrize(
    "address", ["http://", "http://:8265", "http://a:b", "http://a:99999", "ftp://a", "127.0.0.1:1"]
)
def test_an_address_that_is_none_is_refused(run, address):
    for command in COMMANDS.values():
        code, _, err = run(*command, "--address", address)
        assert code == 2
        assert err.startswith(f"error: --address {address}: not a URL; ")


@pytest.mark.parametrize("proxy", ["http_proxy", "HTTP_PROXY"])
def test_this_machine_is_reached_past_every_proxy(run, monkeypatch, there, proxy):
    there.statuses, there.log = ["RUNNING", "SUCCEEDED"], "all\n"
    there.streams = [["all\n", "close"]]
    with StandInHead(page(200)) as between:
        monkeypatch.setenv(proxy, between.address)
        for address in (there.address, there.address.replace("127.0.0.1", "localhost")):
            assert run(*COMMANDS["logs"], "--address", address)[:2] == (0, "all\n")
            assert run(*COMMANDS["stop"], "--address", address)[0] == 0
            assert run(*COMMANDS["submit"], "--address", address)[0] == 0
        assert between.asked == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_proxy_on_the_way_is_named(run, monkeypatch, command):
    """The head's machine does not exist: a proxy answers for it."""
    typed = [*COMMANDS[command], "--address", "http://head.invalid:8265"]
    with StandInHead() as between:
        monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{between.port}")
        between.statuses = ["SUCCEEDED"]
        assert run(*typed)[0] == 0, "a proxy that passes requests on is none to complain of"
        assert {asked.host.split(":")[0] for asked in between.asked} == {"head.invalid"}
        for way in (page(200), page(302), page(403), page(407), page(503), drop):
            between.way = way
            code, _, err = run(*typed)
            assert code == 1
            assert f"The proxy http://127.0.0.1:{between.port} was asked for it" in one_error(err)
            assert "NO_PROXY=head.invalid goes past it." in err
            assert "secret" not in err
        monkeypatch.setenv("no_proxy", "head.invalid")
        assert "http://head.invalid:8265: no such machine" in one_error(run(*typed)[2])


def study(*typed, **environment):
    """Run `study` in a process of its own, with an environment of its own."""
    known = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    return subprocess.run(
        [BIN / "study", *map(str, typed)], env={**known, **environment},
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip


def test_a_token_opens_a_head_that_wants_one(there, tmp_path):
    there.token, there.statuses, there.log = "abc", ["SUCCEEDED"], "all\n"
    there.streams = [["all\n", "close"]]
    typed = ("logs", "j", "--address", there.address)
    done = study(*typed, HOME=str(tmp_path), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="abc")
    assert (done.returncode, done.stdout, done.stderr) == (0, "all\n", "j: succeeded\n")
    assert there.asked[-1].headers["Authorization"] == "Bearer abc"
    tails = [asked for asked in there.asked if asked.path.endswith("/tail")]
    assert [asked.headers["Authorization"] for asked in tails] == ["Bearer abc"]


@pytest.mark.slow
def test_a_token_that_is_wrong_or_missing_is_one_sentence(there, tmp_path):
    there.token, typed = "abc", ("logs", "j", "--address", there.address)
    done = study(*typed, HOME=str(tmp_path), RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="wrong")
    assert done.returncode == 1
    assert "Copy ~/.ray/auth_token from the head, or set RAY_AUTH_TOKEN." in done.stderr
    done = study(*typed, HOME=str(tmp_path), RAY_AUTH_MODE="token")
    assert done.returncode == 1
    assert done.stderr.startswith("error: RAY_AUTH_MODE=token: Token authentication is enabled but")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "it said nothing"),
        ("3\n", "3"),
        ("[1]\n{'a': 1}\n", "{'a': 1}"),
        ("<html>\n", "<html>"),
        ('{"a": 1}\n', '{"a": 1}'),
    ],
)
def test_a_head_that_cannot_say_its_versions_is_one_sentence(run, there, said, why):
    there.said = said
    code, _, err = run(*COMMANDS["submit"], "--address", there.address)
    assert code == 1
    assert f"{there.address}: cannot say its versions ({why}); " in err
    assert "Install it there" in err
    assert there.jobs == {}, "the question is cleaned up, and nothing was submitted"


def test_what_a_cluster_is_asked_for_prints_its_versions(run, there):
    assert run(*COMMANDS["submit"], "--address", there.address)[0] == 0
    program, *words = there.question.split()
    assert program == "python"
    asked = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
    assert json.loads(asked.stdout) == versions.versions()


@pytest.mark.parametrize("name", versions.versions())
def test_any_other_version_is_refused_before_anything_runs(run, there, name):
    there.said = json.dumps({**versions.versions(), name: "other"})
    code, _, err = run(*COMMANDS["submit"], "--address", there.address)
    assert code == 1
    assert f"{name} is other there and " in err
    assert there.jobs == {}, "the question is cleaned up, and nothing else was submitted"


def test_a_cluster_without_nodes_is_asked_again(run, there):
    there.refusals = [NO_AGENT, NO_AGENT]
    code, out, err = run(*COMMANDS["submit"], "--address", there.address)
    assert code == 0
    assert err == f"{there.address}: no node takes jobs yet; trying for a minute\n"
    [job] = there.jobs
    assert out.splitlines()[0] == job
    gone = "Traceback (most recent call last):\n  in get_target_agent\nTimeoutError"
    there.statuses, there.refusals = ["RUNNING"], [gone]
    code, out, err = run("stop", job, "--address", there.address)
    assert (code, err.count("no node takes jobs yet")) == (0, 1)
    assert "stopped" in out


@pytest.mark.parametrize("command", ["submit", "stop"])
def test_a_cluster_that_never_has_nodes_is_given_up(run, monkeypatch, there, command):
    monkeypatch.setattr(jobs_api, "READY_SECONDS", 0.2)
    there.refusals = [NO_AGENT] * 10_000
    code, _, err = run(*COMMANDS[command], "--address", there.address)
    assert code == 1
    assert f"{there.address}: no node takes jobs; a cluster has one soon after its start." in err
    assert err.count("no node takes jobs yet; trying for a minute\n") > 1


LOG = "quick: 1/3 trials done\nquick: 2/3 trials done\nquick: 3/3 trials done\n"
A, B, C = LOG.splitlines(keepends=True)
# What the streams of a log do, and what stderr says beside how the job ended.
BROKEN = {
    "closed": ([[A, "close"], [A, B, "close"], [A, B, C, "close"]], ""),
    "aborted": ([[A[:5], "abort"], [A, B[:3], "abort"], [A, B, C, "abort"]], ""),
    "closed at once": ([["close"], ["close"], ["close"], [LOG, "close"]], ""),
    "closed for good": ([[A, "close"], ["close"]], ""),
    "dropped": ([["drop"], [A, "close"], ["drop"], [LOG, "close"]], ""),
    "never opened": ([["drop"]], ""),
    "refused": ([[403]], "the log's stream is refused (403); reading"),
    "refused later": ([[A, B, "close"], [502]], "the log's stream is refused (502); reading"),
    "silent": ([[A, "hold"]], "j: running, and silent\n"),
}


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("end", ["SUCCEEDED", "FAILED", "STOPPED"])
def test_a_log_is_followed_to_the_end_of_its_job(run, there, how, end):
    there.streams, says = [list(script) for script in BROKEN[how][0]], BROKEN[how][1]
    there.statuses, there.log = [*["RUNNING"] * 4, end], LOG
    there.message = "Job entrypoint command failed\nwith all its log"
    code, out, err = run("logs", "j", "--address", there.address)
    assert out == LOG, "all of it, and nothing twice"
    assert code == (1 if end == "FAILED" else 0)
    words = {"FAILED": "failed: Job entrypoint command failed with all its log"}
    assert err.splitlines()[-1] == f"j: {words.get(end, end.lower())}"
    assert says in err
    there.exit_code = 3
    there.streams, there.statuses = [[LOG, "close"]], [end]
    assert run("logs", "j", "--address", there.address)[1] == LOG
    if end == "FAILED":
        assert run("logs", "j", "--address", there.address)[2] == "j: failed with exit code 3\n"


@pytest.mark.parametrize("stream", [["close"], ["drop"], [403], ["hold"]])
def test_a_job_that_says_nothing_for_long_is_said_to_run(run, there, stream):
    there.streams, there.log = [[A, *stream] if stream[0] in {"close", "hold"} else stream], A
    began = time.monotonic()

    async def end(_):
        if time.monotonic() - began > 1.0:
            there.statuses = ["SUCCEEDED"]

    there.way = end
    code, out, err = run("logs", "j", "--address", there.address)
    assert (code, out) == (0, A)
    assert 1 < err.count("j: running, and silent\n") < 20


def test_a_log_whose_end_is_lost_is_said(run, there):
    there.streams, there.statuses = [[A, "close"]], ["SUCCEEDED"]

    async def no_log(request):
        return await page(500)(request) if request.path.endswith("/logs") else None

    there.way = no_log
    code, out, err = run("logs", "j", "--address", there.address)
    assert (code, out) == (0, A)
    assert err.startswith(f"the last lines may be missing: {there.address}: fails (500: ")
    assert err.endswith("j: succeeded\n")


@pytest.mark.parametrize("job", ["no-such", "a/b", "../version", "x?y#z", "", "\u00e9 \x1b[0m"])
def test_a_job_that_is_not_there_is_one_sentence(run, there, job):
    for command in ("logs", "stop"):
        code, _, err = run(command, job, "--address", there.address)
        assert code == 1
        assert ": no such job there; `study submit` prints the ids. Check the id, and --cl" in err
        assert err.count("\n") == 1


def test_a_head_that_is_away_for_a_while_is_followed_on(run, there):
    there.log, there.statuses = LOG, ["RUNNING", "RUNNING", "SUCCEEDED"]
    there.streams, answered = [[A, "abort"], [LOG, "close"]], 0

    async def away(request):
        nonlocal answered
        answered += 1
        return await (drop if answered % 2 else page(503))(request) if 5 < answered < 9 else None

    there.way = away
    code, out, err = run("logs", "j", "--address", there.address)
    assert (code, out) == (0, LOG)
    assert "Trying again; the job does not depend on it." in err
    assert err.endswith("j: succeeded\n")


def test_a_head_that_is_gone_ends_the_following(run, there):
    there.streams, began = [[A, "abort"]], time.monotonic()

    async def gone_after_a_stream(request):
        if any(asked.path.endswith("/tail") for asked in there.asked[:-1]):
            there.way = drop
            return await drop(request)
        return None

    there.way = gone_after_a_stream
    code, out, err = run("logs", "j", "--address", there.address)
    assert (code, out) == (1, A)
    assert "closes the connection without an answer" in one_error(err.splitlines()[-1])
    assert time.monotonic() - began < 60


def test_a_job_that_takes_long_to_stop_is_said(run, monkeypatch, there):
    monkeypatch.setattr(jobs, "STOP_SECONDS", -29.0)

    async def stays(request):
        there.statuses = ["RUNNING"]

    there.way = stays
    code, _, err = run("stop", "j", "--address", there.address)
    assert code == 1
    assert "j: running for 0 s; waiting for its end" in err
    assert "j: still running after 1 s" in err


def test_an_end_that_is_not_waited_for_is_130(there):
    there.streams = [[A, "hold"]]
    process = subprocess.Popen(
        [BIN / "study", "logs", "j", "--address", there.address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    # An interrupt may come while the line is written; the line must not be written twice.
    assert process.stdout.readline() == A
    process.send_signal(2)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "error: interrupted.\n")


def test_ways_to_name_this_machine():
    for host in ("127.0.0.1", "127.9.9.9", "localhost", "a.localhost", "[::1]", "0.0.0.0"):
        assert jobs_address.JobsAddress(f"http://{host}:8265").is_here
    for host in ("10.0.0.1", "head", "localhost.example", "[fe80::1]", "127.example"):
        assert not jobs_address.JobsAddress(f"http://{host}:8265").is_here
