"""The log of a job is followed to its end, whatever becomes of the stream and of the head."""

import subprocess
import time

import pytest
from commands import BIN
from stand_in_head import drop, one_error, page

from study.driver import jobs

pytestmark = pytest.mark.usefixtures("short_waits")

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
