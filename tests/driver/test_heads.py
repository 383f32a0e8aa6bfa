"""Heads that answer badly, late, elsewhere or not at all: a sentence, a code, and no traceback."""

import json
import os
import socket
import subprocess
import sys
import threading

import pytest
from commands import BIN
from stand_in_head import IN_THE_WAY, StandInHead, drop, one_error, page

from study.driver import jobs_address, jobs_api, versions

NO_AGENT = "No available agent to submit job, please try again later."
pytestmark = pytest.mark.usefixtures("short_waits")

# What may answer the upload of a package: only the status of that answer counts.
HARMLESS = {"login 200", "a number", "a list", "nothing", "other json", "old ray", "odd ray"}
SILENT = {"silent", "dripping"}
COMMANDS = {
    "submit": ["submit", "quick", "--out", "s3://bucket/runs"],
    "logs": ["logs", "j"],
    "stop": ["stop", "j"],
}


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


def test_ways_to_name_this_machine():
    for host in ("127.0.0.1", "127.9.9.9", "localhost", "a.localhost", "[::1]", "0.0.0.0"):
        assert jobs_address.JobsAddress(f"http://{host}:8265").is_here
    for host in ("10.0.0.1", "head", "localhost.example", "[fe80::1]", "127.example"):
        assert not jobs_address.JobsAddress(f"http://{host}:8265").is_here
