"""A live page before there is a store, and at the end of its process."""

import re
import signal
import subprocess
import sys

import pytest
from asking import Answer, api, ended, serving, state_of, without_fits
from simulated import QUICK, simulate

from analysis.cli import main
from analysis.live.waiting import begin_command

FEW = {**QUICK, "axes": {**QUICK["axes"], "weight_decay": [0.001, 0.01], "train_size": [400, 600]}}


@pytest.fixture(scope="module", autouse=True)
def _no_fits():
    with without_fits("fitted"):
        yield


@pytest.mark.parametrize(
    ("url", "command"),
    [
        ("runs/quick", "study run quick"),
        ("runs/mine", "study run mine.toml"),
        ("quick", "study run quick --out ."),
        ("/data/my runs/mine", "study run mine.toml --out '/data/my runs'"),
        ("s3://bucket/runs/quick", "study run quick --out s3://bucket/runs"),
        ("s3://b/quick?scheme=http", "study run quick --out 's3://b?scheme=http'"),
    ],
)
def test_the_command_that_begins_a_study(url, command):
    assert begin_command(url) == command


def begins(url):
    """A page that is opened before its study, and answers everything until it begins."""
    with serving(url) as served:
        state = api(served, "state")
        command = begin_command(str(url))
        assert (state["trials"], state["begin"]) == (0, command)
        assert (served.begin, state["status"], state["problem"]) == (command, None, None)
        assert api(served, "cell", weight_decay="0.01")["total"] == 0
        assert api(served, "trials")["total"] == 0
        assert api(served, "selected")["total"] == 0
        assert api(served, "stripes") is None
        assert Answer(served, "/api/trial?trial_id=a").status == 404
        simulate(url, FEW)
        state = state_of(served, lambda state: state["trials"])
        assert (state["trials"], state.get("begin")) == (20, None)
        assert state["status"]["planned"] == 20


def test_a_page_waits_for_its_store(tmp_path):
    begins(tmp_path / "runs" / "quick")


def test_a_page_waits_for_its_store_in_a_bucket(bucket):
    begins(bucket)


def test_what_is_there_and_no_store_is_refused_at_once(run_main, tmp_path):
    (tmp_path / "notes.txt").write_text("no store")
    for path in (tmp_path, tmp_path / "notes.txt"):
        code, out, err = run_main(main, "serve", path)
        assert (code, out, err.count("\n")) == (1, b"", 1)
        assert "no study here" in err


def test_the_command_says_what_it_waits_for(tmp_path):
    simulate(tmp_path / "quick", FEW)
    command = [sys.executable, "-m", "analysis", "serve", str(tmp_path / "quik")]
    with ended(subprocess.Popen(command, stderr=subprocess.PIPE)) as process:
        address, waiting = (process.stderr.readline().decode() for _ in range(2))
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert re.search(r"quik: http://127\.0\.0\.1:\d+/ \(Ctrl-C ends it\)\n", address)
    assert (
        f"no study here yet; the page waits for `study run quik.toml --out {tmp_path}`" in waiting
    )
    assert waiting.endswith(f"or did you mean {tmp_path / 'quick'}?\n")
    assert process.returncode == 130


def test_jobs_that_are_at_work_when_a_process_ends_neither_keep_it_nor_complain():
    # The job begins work in pools until it is cut off: no pool takes work at the end of Python.
    code = """if True:
        import time
        from concurrent.futures import ThreadPoolExecutor
        from analysis.live.jobs import start_job
        from study.terminal.console import end_despite_threads
        end_despite_threads(lambda: 3)
        def work():
            while True:
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(time.sleep, [0.01]))
        start_job("pools", work)
        def forever():
            time.sleep(1000)
        start_job("forever", forever)
        import threading
        slow = threading.Thread(target=time.sleep, args=(0.5,))
        slow.start()  # Python waits for this thread, after it has closed its pools
        time.sleep(0.1)
    """
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"", b"")
