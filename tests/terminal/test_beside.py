"""A process beside the command answers one question, and may die without harm."""

import json

import pytest
from small import spec_of
from trained import fill

from study.terminal.beside import Beside

ECHO = """
import json, sys
asked = sys.stdin.read()
print(json.dumps({"asked": json.loads(asked), "argv": len(sys.argv)}) if asked else "")
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module that another process can import by the name that is returned."""

    def write(text):
        (tmp_path / "echo_module.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        return "echo_module"

    return write


def test_it_answers_what_it_is_asked(module):
    beside = Beside(module(ECHO))
    beside.start()
    beside.start()
    beside.ask({"rows": [1, 2]})
    assert beside.answer() == {"asked": {"rows": [1, 2]}, "argv": 1}


def test_it_need_not_be_started():
    beside = Beside("no.such.module")
    beside.ask({})
    assert beside.answer() is None


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "print('no JSON')", "1 / 0"])
def test_without_an_answer_there_is_none(module, text):
    beside = Beside(module(text))
    beside.start()
    beside.ask(["x" * 100_000])  # more than a pipe holds
    assert beside.answer() is None


def test_the_closing_of_a_run_is_the_same_in_a_process_of_its_own(tmp_path):
    from analysis.report.closing import close_run

    store = fill(spec_of(seeds=2), tmp_path / "small")
    ids = store.trials()["trial_id"].to_pylist()
    asked = {"store": store.url, "output": str(tmp_path / "report.html"), "done": ids[1:]}
    beside = Beside("analysis.report.closing")
    beside.start()
    beside.ask(asked)
    answer = beside.answer()
    assert answer == json.loads(json.dumps(close_run(**asked)))
    assert answer["others"] == 1
    assert answer["report"] == asked["output"]
